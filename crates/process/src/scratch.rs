//! Scratch folders: made with a marker in them, and removed only when that marker is found.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::journal::{Change, Journal, Token};

/// The file that marks a folder as made by Seaworthy; it holds the token of the journal's entry.
pub const MARKER: &str = ".seaworthy-scratch";

/// A folder for what is thrown away at the end: targets' data, keys, sockets.
///
/// It is not removed when dropped, but by [`Scratch::remove`] or from the journal.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    token: Token,
    journal: Journal,
    entry: u64,
}

impl Scratch {
    /// Makes `<parent>/<name>-<token>`, readable by us alone, with a marker in it.
    ///
    /// # Errors
    /// When the journal or the folder cannot be written, or the path is not UTF-8.
    pub fn create(journal: &Journal, parent: &Path, name: &str) -> Result<Self, Error> {
        let token = Token::random();
        let path = parent.join(format!("{name}-{}", token.as_str()));
        let failed = || Error::scratch(&path);
        let path = std::path::absolute(&path).map_err(failed())?;
        let change = Change::RemoveFolder { path: path.clone(), token: token.clone() };
        let entry = journal.record(&change)?;
        let made = DirBuilder::new().mode(0o700).create(&path).and_then(|()| {
            let marker = path.join(MARKER);
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(marker);
            file?.write_all(token.as_str().as_bytes())
        });
        if let Err(source) = made {
            // What was made of it is empty or marked: it goes, or stays on the journal.
            if remove(&path, &token).is_ok() {
                journal.done(entry)?;
            }
            return Err(Error::scratch(&path)(source));
        }
        Ok(Self { path, token, journal: journal.clone(), entry })
    }

    /// Where it is, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that is in it; links are removed, never followed.
    ///
    /// # Errors
    /// When its marker is gone or it cannot be removed.
    pub fn remove(self) -> Result<(), Error> {
        remove(&self.path, &self.token)?;
        self.journal.done(self.entry)
    }
}

/// Removes a folder that was made with this token. One that is gone already is fine.
pub(crate) fn remove(path: &Path, token: &Token) -> Result<(), Error> {
    let refused = |reason: &str| {
        Err(Error::ScratchRefused { path: path.to_owned(), reason: reason.to_owned() })
    };
    let is_ours = path.file_name().is_some_and(|name| {
        name.to_str().is_some_and(|name| name.ends_with(&format!("-{}", token.as_str())))
    });
    if !path.is_absolute() || !is_ours {
        return refused("its name does not end with the token it was made with");
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::scratch(path)(source)),
        Ok(metadata) if !metadata.is_dir() => {
            return refused("it is not a folder, or a link to one");
        }
        Ok(_) => {}
    }
    let marker = path.join(MARKER);
    let result = match marked(&marker) {
        Ok(found) if found == token.as_str().as_bytes() => empty(path, &marker),
        Ok(_) => return refused("its marker was made by another trial"),
        // We were cut off between making it and marking it, or at the end of removing it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_dir(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            refused(&format!("it has no marker file {MARKER}"))
        }
        result => result.map_err(Error::scratch(path)),
    }
}

/// What the marker says; a link in its place is an error.
fn marked(marker: &Path) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file: File =
        OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(marker)?;
    let mut bytes = Vec::new();
    file.take(64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes everything in the folder, the marker last: cut off anywhere, it can be gone on with.
fn empty(path: &Path, marker: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.path() == marker {
            continue;
        }
        // The standard library removes a tree by descriptors and never enters a link.
        let removed = if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_file(marker)?;
    fs::remove_dir(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::journal;

    struct Place {
        folder: tempfile::TempDir,
        journal: Journal,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let journal = Journal::create(&folder.path().join("undo.jsonl")).unwrap();
            Self { folder, journal }
        }

        fn scratch(&self) -> Scratch {
            Scratch::create(&self.journal, self.folder.path(), "data").unwrap()
        }

        fn pending(&self) -> usize {
            journal::read(self.journal.path()).unwrap().pending().count()
        }
    }

    #[test]
    fn a_scratch_folder_is_private_and_goes_with_all_in_it() {
        let place = Place::new();
        let scratch = place.scratch();
        let path = scratch.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/c"), "x").unwrap();
        assert_eq!(place.pending(), 1);
        scratch.remove().unwrap();
        assert!(!path.exists());
        assert_eq!(place.pending(), 0);
    }

    #[test]
    fn links_are_removed_and_never_followed() {
        let place = Place::new();
        let precious = place.folder.path().join("precious");
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("file"), "x").unwrap();
        let scratch = place.scratch();
        symlink(&precious, scratch.path().join("link")).unwrap();
        fs::create_dir(scratch.path().join("inner")).unwrap();
        symlink(&precious, scratch.path().join("inner/link")).unwrap();
        scratch.remove().unwrap();
        assert!(precious.join("file").exists());
    }

    #[test]
    fn a_folder_without_our_marker_stays() {
        let place = Place::new();
        let scratch = place.scratch();
        let path = scratch.path().to_owned();
        fs::write(path.join("kept"), "x").unwrap();
        fs::write(path.join(MARKER), Token::random().as_str()).unwrap();
        assert_eq!(remove(&path, &scratch.token).unwrap_err().code(), "process-scratch-refused");
        fs::remove_file(path.join(MARKER)).unwrap();
        let error = remove(&path, &scratch.token).unwrap_err();
        assert!(error.to_string().contains("no marker file"), "{error}");
        symlink("/etc/passwd", path.join(MARKER)).unwrap();
        assert_eq!(remove(&path, &scratch.token).unwrap_err().code(), "process-scratch-failed");
        assert!(path.join("kept").exists());
        assert_eq!(place.pending(), 1);
    }

    #[test]
    fn a_link_or_another_name_in_its_place_stays() {
        let place = Place::new();
        let scratch = place.scratch();
        let path = scratch.path().to_owned();
        let moved = place.folder.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        assert_eq!(remove(&path, &scratch.token).unwrap_err().code(), "process-scratch-refused");
        assert_eq!(remove(&moved, &scratch.token).unwrap_err().code(), "process-scratch-refused");
        assert!(moved.join(MARKER).exists());
    }

    #[test]
    fn one_that_was_cut_off_between_folder_and_marker_goes() {
        let place = Place::new();
        let scratch = place.scratch();
        fs::remove_file(scratch.path().join(MARKER)).unwrap();
        let path = scratch.path().to_owned();
        scratch.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_missing_parent_is_an_error_and_leaves_nothing_to_undo() {
        let place = Place::new();
        let parent = place.folder.path().join("missing");
        let error = Scratch::create(&place.journal, &parent, "data").unwrap_err();
        assert_eq!(error.code(), "process-scratch-failed");
        assert!(error.hint().is_some());
        assert_eq!(place.pending(), 0);
    }
}
