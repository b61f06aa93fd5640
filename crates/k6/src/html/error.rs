//! What can go wrong with a page, each with a stable code.

use super::build::{MAX_DEPTH, MAX_NODES};

/// Why there is no page, no selection or no request to make from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is not a selector.
    #[error("selector `{selector}`, column {column}: {reason}")]
    Selector {
        /// The selector as it was written.
        selector: String,
        /// The character at which reading stopped, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Elements in elements in elements.
    #[error("the page nests elements deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More nodes than a page has.
    #[error("the page has more than {MAX_NODES} nodes")]
    TooManyNodes,
    /// Nothing to submit.
    #[error("no form found for selector '{selector}' in response '{page}'")]
    NoForm {
        /// What was looked for.
        selector: String,
        /// In which page.
        page: String,
    },
    /// Nothing to click.
    #[error("no element found for selector '{selector}' in response '{page}'")]
    NoElement {
        /// What was looked for.
        selector: String,
        /// In which page.
        page: String,
    },
    /// What was found is no link.
    #[error("no valid href attribute value found on element '{selector}' in response '{page}'")]
    NoHref {
        /// What was looked for.
        selector: String,
        /// In which page.
        page: String,
    },
    /// A link or a form leads nowhere.
    #[error("`{url}` in response '{page}' is not a URL")]
    NoUrl {
        /// What the page says.
        url: String,
        /// Which page.
        page: String,
    },
}

impl Error {
    /// A short name that stays the same when the words change.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Selector { .. } => "k6_html_selector",
            Self::TooDeep => "k6_html_too_deep",
            Self::TooManyNodes => "k6_html_too_many_nodes",
            Self::NoForm { .. } => "k6_html_no_form",
            Self::NoElement { .. } => "k6_html_no_element",
            Self::NoHref { .. } => "k6_html_no_href",
            Self::NoUrl { .. } => "k6_html_no_url",
        }
    }
}
