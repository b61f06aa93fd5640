//! Files that are in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use seaworthy_script::source::{Error, Graph, Options, Reader};

/// Texts by their paths.
pub(crate) struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    pub(crate) fn new<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.to_owned(), text.into())).collect())
    }

    pub(crate) fn with(mut self, path: &str, bytes: &[u8]) -> Self {
        self.0.insert(path.to_owned(), bytes.to_owned());
        self
    }

    /// The graph of the script `/s/main.js`, with local copies of remote modules in `/m`.
    pub(crate) fn load(&self) -> Result<Graph, Error> {
        self.load_from("/s/main.js")
    }

    pub(crate) fn load_from(&self, entry: &str) -> Result<Graph, Error> {
        let options = Options { modules_dir: Some("/m".into()), ..Options::default() };
        Graph::load(Path::new(entry), self, &options)
    }
}

impl Reader for Files {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(path.to_str().unwrap_or_default());
        let bytes = bytes.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        Ok(bytes.iter().copied().take(limit as usize + 1).collect())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path.to_str().unwrap_or_default())
    }
}
