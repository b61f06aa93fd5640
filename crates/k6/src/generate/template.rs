//! The templates of `new`: a first script to go on from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use seaworthy_document::{Finding, nearest};

/// A script to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Template {
    /// One request in a loop.
    #[default]
    Minimal,
    /// Scenarios, setup, checks, thresholds and a metric of its own.
    Protocol,
    /// Requests that come at their own pace, for `--queue`.
    Queue,
}

impl Template {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Minimal, Self::Protocol, Self::Queue];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Protocol => "protocol",
            Self::Queue => "queue",
        }
    }

    /// The template of a name.
    ///
    /// # Errors
    /// That there is none, with what there is.
    pub fn named(name: &str) -> Result<Self, Finding> {
        if let Some(template) = Self::ALL.into_iter().find(|it| it.as_str() == name) {
            return Ok(template);
        }
        if name == "browser" {
            let reason = "there is no template `browser`: the module k6/browser is not here yet";
            return Err(Finding::error("k6-new-template", reason)
                .hint("minimal, protocol and queue speak HTTP without a browser"));
        }
        let names = Self::ALL.map(Self::as_str);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if name.contains(['/', '\\', '.']) => {
                "a script of your own needs no template: copy the file".to_owned()
            }
            None => format!("there are {}", names.join(", ")),
        };
        Err(Finding::error("k6-new-template", format!("there is no template `{name}`")).hint(hint))
    }

    /// The script.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Minimal => include_str!("templates/minimal.js"),
            Self::Protocol => include_str!("templates/protocol.js"),
            Self::Queue => include_str!("templates/queue.js"),
        }
    }
}

/// Writes a script to a file. One that is there already is left alone, unless `force` is given.
///
/// # Errors
/// Why the file was not written.
pub fn create(path: &Path, template: Template, force: bool) -> Result<(), Finding> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written =
        options.open(path).and_then(|mut file| file.write_all(template.text().as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Finding::error("k6-new-exists", format!("{} is there already", path.display()))
                .hint("--force writes over it")
        }
        _ => {
            Finding::error("k6-new-write", format!("{} cannot be written: {error}", path.display()))
                .hint("name a file in a folder that is there and that you may write to")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxc::allocator::Allocator;
    use oxc::parser::Parser;
    use oxc::span::SourceType;

    #[test]
    fn every_template_parses_and_has_a_name() {
        for template in Template::ALL {
            let allocator = Allocator::default();
            let parsed = Parser::new(&allocator, template.text(), SourceType::mjs()).parse();
            assert!(
                parsed.diagnostics.is_empty(),
                "{}: {:?}",
                template.as_str(),
                parsed.diagnostics
            );
            assert!(template.text().contains("export default function"));
            assert_eq!(Template::named(template.as_str()), Ok(template));
        }
    }

    #[test]
    fn other_names_are_refused() {
        let refused = |name: &str| Template::named(name).unwrap_err();
        assert!(refused("browser").reason.contains("k6/browser"));
        assert_eq!(refused("protocl").hint.as_deref(), Some("did you mean `protocol`?"));
        assert!(refused("./own.js").hint.unwrap().contains("copy the file"));
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script.js");
        create(&path, Template::Minimal, false).unwrap();
        std::fs::write(&path, "mine").unwrap();
        let refused = create(&path, Template::Minimal, false).unwrap_err();
        assert_eq!(refused.code, "k6-new-exists");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        create(&path, Template::Queue, true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), Template::Queue.text());
        let nowhere = folder.path().join("none/script.js");
        assert_eq!(create(&nowhere, Template::Queue, true).unwrap_err().code, "k6-new-write");
    }
}
