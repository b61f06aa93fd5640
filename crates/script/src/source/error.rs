//! Why a script cannot be loaded, and how that is shown.

use std::path::PathBuf;

use super::parse::SyntaxError;
use super::place::Place;
use super::resolve::ResolveError;

/// Why a script cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A text that is no program.
    #[error("{0}")]
    Syntax(#[from] SyntaxError),
    /// An import that names nothing.
    #[error("{place}: {why}")]
    Resolve {
        /// Where the import stands.
        place: Place,
        /// That line, with a caret below.
        quote: String,
        /// Why.
        why: Box<ResolveError>,
    },
    /// A file that cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said, or that it is no text.
        reason: String,
    },
    /// More bytes than the limit.
    #[error("the script and its modules have more than {limit} bytes: `{}` is too much", path.display())]
    TooLarge {
        /// The file that went over it.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A name that a module does not export.
    #[error("{place}: `{specifier}` has no export `{name}`")]
    NoExport {
        /// Where the name is asked for.
        place: Place,
        /// That line, with a caret below.
        quote: String,
        /// The name.
        name: Box<str>,
        /// The module as it is written.
        specifier: Box<str>,
        /// What it does export.
        hint: Option<String>,
    },
}

impl Error {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "script-syntax",
            Self::Resolve { why, .. } => why.code(),
            Self::Unreadable { .. } => "script-unreadable",
            Self::TooLarge { .. } => "script-too-large",
            Self::NoExport { .. } => "script-no-export",
        }
    }

    /// Where it stands, if it stands in a text.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Syntax(error) => Some(&error.place),
            Self::Resolve { place, .. } | Self::NoExport { place, .. } => Some(place),
            Self::Unreadable { .. } | Self::TooLarge { .. } => None,
        }
    }

    /// What the author can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Syntax(error) => error.hint.as_deref(),
            Self::Resolve { why, .. } => why.hint(),
            Self::NoExport { hint, .. } => hint.as_deref(),
            Self::Unreadable { .. } | Self::TooLarge { .. } => None,
        }
    }

    /// The whole message for a terminal: reason, the line with its caret, the hint.
    pub fn render(&self) -> String {
        let mut text = self.to_string();
        let quote = match self {
            Self::Syntax(error) => &error.quote,
            Self::Resolve { quote, .. } | Self::NoExport { quote, .. } => quote,
            Self::Unreadable { .. } | Self::TooLarge { .. } => "",
        };
        if !quote.is_empty() {
            text.push('\n');
            text.push_str(quote);
        }
        if let Some(hint) = self.hint() {
            text.push_str("\nhint: ");
            text.push_str(hint);
        }
        text
    }
}
