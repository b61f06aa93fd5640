//! What a task asks for: work of the platform's own, or a tool's.
//!
//! The platform's own tools are `memory`, `inference`, `design` and `review`. They have the verbs that
//! stand here, and no others; every other tool is somebody else's, and so are all its verbs.

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `memory.retrieve`: looks for what is remembered about `query`.
    Retrieve,
    /// `memory.remember`: has something remembered under `key`.
    Remember,
    /// `inference.complete`: has `prompt` answered, once for each of `channels` where they are given.
    Complete,
    /// `design.prepare`: draws a picture for each text.
    Draw,
    /// `review.request`: waits until somebody has approved.
    Review,
    /// Anything else, which a tool outside would do.
    Outside,
}

/// The platform's own actions, each with the parameters without which it means nothing.
const OWN: [(&str, Action, &[&str]); 5] = [
    ("memory.retrieve", Action::Retrieve, &["query"]),
    ("memory.remember", Action::Remember, &["key"]),
    ("inference.complete", Action::Complete, &["prompt"]),
    ("design.prepare", Action::Draw, &[]),
    ("review.request", Action::Review, &[]),
];

impl Action {
    /// Reads `tool.verb`; none where the tool is the platform's own and has no such verb.
    pub fn read(text: &str) -> Option<Self> {
        let own = OWN.iter().find(|(name, ..)| *name == text);
        match own {
            Some((_, action, _)) => Some(*action),
            None if Self::is_own(text) => None,
            None => Some(Self::Outside),
        }
    }

    /// The parameters, all of them texts, without which it means nothing.
    pub fn needs(self) -> &'static [&'static str] {
        OWN.iter().find(|(_, action, _)| *action == self).map_or(&[], |(_, _, needs)| needs)
    }

    /// The parameters it knows; none where any is used.
    pub fn takes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Retrieve => Some(&["query"]),
            _ => None,
        }
    }

    /// The names of the platform's own actions.
    pub fn own() -> impl Iterator<Item = &'static str> {
        OWN.iter().map(|(name, ..)| *name)
    }

    fn is_own(text: &str) -> bool {
        Self::own().any(|name| name.split('.').next() == text.split('.').next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_tools_have_no_other_verbs() {
        assert_eq!(Action::read("memory.retrieve"), Some(Action::Retrieve));
        assert_eq!(Action::read("review.request"), Some(Action::Review));
        assert_eq!(Action::read("mailchimp.send"), Some(Action::Outside));
        assert_eq!(Action::read("publish"), Some(Action::Outside));
        for unknown in ["memory.retreive", "memory", "inference.invent", "design"] {
            assert_eq!(Action::read(unknown), None, "{unknown}");
        }
        assert_eq!(Action::Complete.needs(), ["prompt"]);
        assert_eq!(Action::Outside.needs(), [""; 0]);
    }
}
