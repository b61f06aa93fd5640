//! An answer's headers.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use http::HeaderMap;

static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

/// The headers of an answer: read as the [`HeaderMap`] they are, and shared by the answers that say
/// the same, since copying a map takes longer than receiving the answer. Cheap to clone; having none
/// allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Headers(Option<Arc<HeaderMap>>);

impl Headers {
    /// A map of its own.
    pub fn into_map(self) -> HeaderMap {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default()
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self((!map.is_empty()).then(|| Arc::new(map)))
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        self.0.as_deref().unwrap_or_else(|| &NONE)
    }
}
