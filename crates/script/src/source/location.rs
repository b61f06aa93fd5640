//! Where a module lies and by which name it is known.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// What an import names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Specifier {
    /// A module that is part of the program, as `k6` or `k6/http`.
    Builtin(String),
    /// A file, on its own or as the local copy of an `https` module.
    Module(Location),
}

/// Where a module lies, and the name by which the engine, stack traces and other modules know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    name: Arc<str>,
    path: PathBuf,
}

impl Location {
    /// A file. A relative path counts from the current directory; `.` and `..` are taken away as
    /// in a URL, without asking what is a symbolic link.
    pub fn file(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path = normal(&path);
        Self { name: format!("file://{}", encoded(&path.to_string_lossy())).into(), path }
    }

    /// The local copy of a remote module.
    pub(super) fn remote(url: &str, path: PathBuf) -> Self {
        Self { name: url.into(), path }
    }

    /// The name: `file:///folder/script.js` or `https://host/path.js`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The file that holds it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is the local copy of an `https` module.
    pub fn is_remote(&self) -> bool {
        self.name.starts_with("https://")
    }
}

/// The path without `.` and `..`; what would climb above the root stays at the root.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// A path as it stands in a `file://` URL.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'%' | b'?' | b'#' | b'"' | b'<' | b'>' | b'`' | 0..=b' ' | 0x7f.. => {
                // Writing to a string does not fail.
                let _ = write!(text, "%{byte:02X}");
            }
            byte => text.push(char::from(byte)),
        }
    }
    text
}

/// What percent-encoding hides; `None` when an escape is broken or the result is not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_name_of_its_url() {
        let location = Location::file(Path::new("/a/./b/../ü c%.js"));
        assert_eq!(&**location.name(), "file:///a/%C3%BC%20c%25.js");
        assert_eq!(location.path(), Path::new("/a/ü c%.js"));
        assert_eq!(decoded("/a/%C3%BC%20c%25.js").as_deref(), Some("/a/ü c%.js"));
        assert_eq!(decoded("%4"), None);
        assert_eq!(decoded("%ff"), None);
        assert_eq!(normal(Path::new("/../../x")), Path::new("/x"));
    }
}
