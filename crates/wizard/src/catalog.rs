//! The wizards there are, by id: those that are shipped, and those an operator adds.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaworthy_document::{Finding, Place};

use crate::definition::Definition;

/// The definition of the marketing campaign wizard.
pub const MARKETING_CAMPAIGN: &str = include_str!("../wizards/marketing_campaign_v1.yaml");

/// The definition of a short wizard that begins with free text.
pub const QUICK_CAMPAIGN: &str = include_str!("../wizards/quick_campaign_v1.yaml");

/// The shipped definitions: file name and text.
pub const SHIPPED: [(&str, &str); 2] = [
    ("marketing_campaign_v1.yaml", MARKETING_CAMPAIGN),
    ("quick_campaign_v1.yaml", QUICK_CAMPAIGN),
];

/// A definition and the text it was read from.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The definition.
    pub definition: Arc<Definition>,
    /// Its text.
    pub text: Arc<str>,
}

/// Definitions by id.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<String, Entry>,
    files: BTreeMap<String, String>,
}

impl Catalog {
    /// The shipped wizards.
    pub fn shipped() -> Self {
        let mut catalog = Self::default();
        for (file, text) in SHIPPED {
            let findings = catalog.add(file, text);
            debug_assert!(findings.is_empty(), "{findings:?}");
        }
        catalog
    }

    /// Reads a definition and adds it; what is not sound, or has an id that is taken by another file,
    /// is not added. One with a shipped wizard's id takes its place.
    pub fn add(&mut self, file: &str, text: &str) -> Vec<Finding> {
        let (definition, mut findings) = Definition::read(file, text);
        let Some(definition) = definition else { return findings };
        let shipped = SHIPPED.map(|(file, _)| file);
        let taken = self.files.get(&definition.id).filter(|one| !shipped.contains(&one.as_str()));
        if let Some(other) = taken {
            let reason = format!("the wizard `{}` is defined in {other} too", definition.id);
            let place = Place { file: file.to_owned(), line: 0, column: 0 };
            findings.push(Finding::error("wizard-duplicate", reason).at(place));
            return findings;
        }
        self.files.insert(definition.id.clone(), file.to_owned());
        let entry = Entry { definition: Arc::new(definition), text: text.into() };
        self.entries.insert(entry.definition.id.clone(), entry);
        findings
    }

    /// The wizard with this id.
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Every wizard, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}
