//! Loading a graph: reading each file once, following what it asks for, and telling what is whole.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use oxc::syntax::identifier::is_identifier_name;

use super::error::Error;
use super::graph::{Graph, Module, Options, Target};
use super::location::{Location, Specifier, decoded};
use super::parse::{Kind, Source, parse};
use super::place::{Lines, Place, quote};
use super::reader::Reader;
use super::references::Name;
use super::resolve::Resolver;

/// A graph that is being loaded.
pub(super) struct Loading<'r> {
    resolver: Resolver<'r>,
    limit: u64,
    left: u64,
    nodes: Vec<Node>,
    by_name: HashMap<Arc<str>, usize>,
    waiting: VecDeque<usize>,
    warnings: Vec<String>,
}

/// A file that was met.
struct Node {
    location: Location,
    text: Arc<str>,
    /// The file once it was read, or what is wrong with it or with a module it needs.
    source: Result<Source, Error>,
    targets: BTreeMap<String, Result<Target, Error>>,
}

impl<'r> Loading<'r> {
    pub(super) fn new(reader: &'r dyn Reader, options: &'r Options) -> Self {
        let resolver = Resolver { reader, modules_dir: options.modules_dir.as_deref() };
        Self {
            resolver,
            limit: options.limit,
            left: options.limit,
            nodes: Vec::new(),
            by_name: HashMap::new(),
            waiting: VecDeque::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn load(mut self, entry: Location, text: Option<&str>) -> Result<Graph, Error> {
        self.meet(entry);
        let mut text = text.map(str::to_owned);
        while let Some(index) = self.waiting.pop_front() {
            self.read(index, text.take())?;
        }
        for index in 0..self.nodes.len() {
            if let Some(error) = self.absent(index) {
                self.nodes[index].source = Err(error);
            }
        }
        self.settle();
        if let Err(error) = &self.nodes[0].source {
            return Err(error.clone());
        }
        Ok(self.finish())
    }

    /// The index of a file, which will be read if it was not met before.
    fn meet(&mut self, location: Location) -> usize {
        if let Some(index) = self.by_name.get(location.name()) {
            return *index;
        }
        let index = self.nodes.len();
        self.by_name.insert(location.name().clone(), index);
        let pending = Error::Unreadable {
            path: location.path().to_owned(),
            reason: "it was not read".to_owned(),
        };
        let (text, targets) = ("".into(), BTreeMap::new());
        self.nodes.push(Node { location, text, source: Err(pending), targets });
        self.waiting.push_back(index);
        index
    }

    /// Reads a file and meets what it asks for. Only too many bytes are an error here; everything
    /// else is the file's own, as it may turn out that nobody needs it.
    fn read(&mut self, index: usize, text: Option<String>) -> Result<(), Error> {
        let location = self.nodes[index].location.clone();
        let text = match text {
            Some(text) => self.count(location.path(), text.len()).map(|()| text),
            None => self.text(location.path()),
        };
        let text = match text {
            Ok(text) => text,
            Err(error @ Error::TooLarge { .. }) => return Err(error),
            Err(error) => {
                self.nodes[index].source = Err(error);
                return Ok(());
            }
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        self.nodes[index].text = text.into();
        let mut source = match parse(location.name(), text) {
            Ok(source) => source,
            Err(error) => {
                self.nodes[index].source = Err(error.into());
                return Ok(());
            }
        };
        self.follow_map(&location, &mut source)?;
        self.warnings.append(&mut source.warnings);
        let lines = Lines::new(text);
        for reference in &source.references {
            if self.nodes[index].targets.contains_key(&reference.specifier) {
                continue;
            }
            let target = match self.resolver.resolve(&location, &reference.specifier) {
                Ok(Specifier::Builtin(name)) => Ok(Target::Builtin(name)),
                Ok(Specifier::Module(found)) => Ok(Target::Module(self.meet(found))),
                Err(why) => Err(Error::Resolve {
                    place: reference.place.clone(),
                    quote: quote(&reference.place, lines.line(reference.place.line)),
                    why: Box::new(why),
                }),
            };
            self.nodes[index].targets.insert(reference.specifier.clone(), target);
        }
        self.nodes[index].source = Ok(source);
        Ok(())
    }

    /// The text of a file.
    fn text(&mut self, path: &Path) -> Result<String, Error> {
        let fail = |reason: String| Error::Unreadable { path: path.to_owned(), reason };
        let read = self.resolver.reader.read(path, self.left);
        let bytes = read.map_err(|error| fail(error.to_string()))?;
        self.count(path, bytes.len())?;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            fail(format!("byte {} is not UTF-8; scripts are UTF-8 text", at + 1))
        })
    }

    /// Counts the bytes of a file against the limit.
    fn count(&mut self, path: &Path, bytes: usize) -> Result<(), Error> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| Error::TooLarge { path: path.to_owned(), limit: self.limit })?;
        Ok(())
    }

    /// Follows the source map that lies beside a bundle, if it does.
    fn follow_map(&mut self, location: &Location, source: &mut Source) -> Result<(), Error> {
        let Some(beside) = source.map_beside.take() else { return Ok(()) };
        let name = decoded(beside.split(['?', '#']).next().unwrap_or_default());
        let (Some(name), Some(folder)) = (name, location.path().parent()) else { return Ok(()) };
        let path = folder.join(name);
        // A bundle often goes without the map it names: then its own positions are shown.
        if beside.contains("://") || !self.resolver.reader.is_file(&path) {
            return Ok(());
        }
        let followed = match self.text(&path) {
            Err(error @ Error::TooLarge { .. }) => return Err(error),
            Err(error) => Err(error.to_string()),
            Ok(json) => {
                let name = Location::file(&path);
                source.map.clone().followed(&json, name.name()).map_err(str::to_owned)
            }
        };
        match followed {
            Ok(map) => source.map = map,
            Err(why) => {
                let path = path.display();
                self.warnings.push(format!("the source map {path} is not used: {why}"));
            }
        }
        Ok(())
    }

    /// The first name a module asks of an ECMAScript module that does not export it.
    fn absent(&self, index: usize) -> Option<Error> {
        let node = &self.nodes[index];
        let source = node.source.as_ref().ok()?;
        for reference in source.references.iter().filter(|it| it.how.is_static()) {
            let Some(Ok(Target::Module(target))) = node.targets.get(&reference.specifier) else {
                continue;
            };
            let kind = self.nodes[*target].source.as_ref().map(|source| source.kind);
            if kind != Ok(Kind::EcmaScript) || reference.names.is_empty() {
                continue;
            }
            let mut names = BTreeSet::new();
            if self.exported(*target, &mut names, &mut BTreeSet::new()) {
                continue;
            }
            if let Some(name) = reference.names.iter().find(|name| !names.contains(&name.name)) {
                return Some(self.no_export(index, &reference.specifier, name, &names));
            }
        }
        None
    }

    fn no_export(
        &self,
        index: usize,
        specifier: &str,
        name: &Name,
        names: &BTreeSet<String>,
    ) -> Error {
        let text = Lines::new(&self.nodes[index].text).line(name.place.line);
        let list: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
        let more = if names.len() > list.len() { ", …" } else { "" };
        let hint = match list.is_empty() {
            true => "it exports nothing".to_owned(),
            false => format!("it exports {}{more}", list.join(", ")),
        };
        Error::NoExport {
            place: name.place.clone(),
            quote: quote(&name.place, text),
            name: name.name.as_str().into(),
            specifier: specifier.into(),
            hint: Some(hint),
        }
    }

    /// Adds the names a module exports, those it hands on included. True if there can be others.
    fn exported(
        &self,
        index: usize,
        names: &mut BTreeSet<String>,
        seen: &mut BTreeSet<usize>,
    ) -> bool {
        let mut open = false;
        let mut waiting = vec![index];
        while let Some(index) = waiting.pop() {
            if !seen.insert(index) {
                continue;
            }
            let node = &self.nodes[index];
            let Ok(source) = &node.source else {
                open = true;
                continue;
            };
            open |= source.kind != Kind::EcmaScript;
            let first = seen.len() == 1;
            let passed = source.exports.names.iter().filter(|name| first || *name != "default");
            names.extend(passed.cloned());
            for specifier in &source.exports.all_of {
                match node.targets.get(specifier) {
                    Some(Ok(Target::Module(target))) => waiting.push(*target),
                    _ => open = true,
                }
            }
        }
        open
    }

    /// Marks every module that needs a broken one as broken too, for the same reason, and each
    /// `require` of a broken one.
    fn settle(&mut self) {
        let count = self.nodes.len();
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut broken: VecDeque<usize> = VecDeque::new();
        for index in 0..count {
            let node = &self.nodes[index];
            let Ok(source) = &node.source else {
                broken.push_back(index);
                continue;
            };
            let mut failed = None;
            for reference in source.references.iter().filter(|it| it.how.is_static()) {
                match node.targets.get(&reference.specifier) {
                    Some(Ok(Target::Module(target))) => needed_by[*target].push(index),
                    Some(Err(error)) if failed.is_none() => failed = Some(error.clone()),
                    _ => {}
                }
            }
            if let Some(error) = failed {
                self.nodes[index].source = Err(error);
                broken.push_back(index);
            }
        }
        while let Some(index) = broken.pop_front() {
            let Err(error) = self.nodes[index].source.clone() else { continue };
            for importer in &needed_by[index] {
                if self.nodes[*importer].source.is_ok() {
                    self.nodes[*importer].source = Err(error.clone());
                    broken.push_back(*importer);
                }
            }
        }
        for index in 0..count {
            let mut targets = std::mem::take(&mut self.nodes[index].targets);
            for target in targets.values_mut() {
                if let Ok(Target::Module(other)) = target
                    && let Err(error) = &self.nodes[*other].source
                {
                    *target = Err(error.clone());
                }
            }
            self.nodes[index].targets = targets;
        }
    }

    /// The order: each module behind those it asks for.
    fn order(&self) -> Vec<usize> {
        let next = |index: usize| -> Vec<usize> {
            let node = &self.nodes[index];
            let references = node.source.iter().flat_map(|source| &source.references);
            let targets = references.filter_map(|it| node.targets.get(&it.specifier));
            let modules = targets.filter_map(|target| match target {
                Ok(Target::Module(index)) => Some(*index),
                _ => None,
            });
            modules.collect()
        };
        let mut order = Vec::new();
        let mut met = BTreeSet::from([0]);
        let mut path = vec![(0, next(0).into_iter())];
        while let Some((index, rest)) = path.last_mut() {
            match rest.next() {
                Some(target) if met.insert(target) => path.push((target, next(target).into_iter())),
                Some(_) => {}
                None => {
                    order.push(*index);
                    path.pop();
                }
            }
        }
        order
    }

    fn finish(self) -> Graph {
        let order = self.order();
        let place: HashMap<usize, usize> = order.iter().copied().zip(0..).collect();
        let mut asked: BTreeMap<usize, BTreeMap<String, Vec<Place>>> = BTreeMap::new();
        for index in &order {
            let node = &self.nodes[*index];
            for reference in node.source.iter().flat_map(|source| &source.references) {
                if let Some(Ok(Target::Module(target))) = node.targets.get(&reference.specifier) {
                    let of_target = asked.entry(*target).or_default();
                    for name in &reference.names {
                        of_target.entry(name.name.clone()).or_default().push(name.place.clone());
                    }
                }
            }
        }
        let mut modules = Vec::with_capacity(order.len());
        for index in &order {
            let node = &self.nodes[*index];
            let Ok(source) = &node.source else { continue };
            let asked = asked.remove(index).unwrap_or_default();
            let mut wrapper = BTreeSet::new();
            if source.kind != Kind::EcmaScript {
                self.exported(*index, &mut wrapper, &mut BTreeSet::new());
                wrapper.extend(asked.keys().cloned());
                // The wrapper is written as a program, and `default` is there anyway.
                wrapper.retain(|name| name != "default" && is_identifier_name(name));
            }
            let moved = |target: &Result<Target, Error>| match target {
                Ok(Target::Module(index)) => Ok(Target::Module(place[index])),
                other => other.clone(),
            };
            modules.push(Module {
                location: node.location.clone(),
                kind: source.kind,
                code: source.code.clone(),
                references: source.references.clone(),
                targets: node.targets.iter().map(|(name, it)| (name.clone(), moved(it))).collect(),
                exports: source.exports.clone(),
                wrapper,
                asked,
                map: source.map.clone(),
            });
        }
        Graph::new(modules, self.warnings)
    }
}
