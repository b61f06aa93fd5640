//! The undo journal: what must be undone, on disk and synced before it is done.
//!
//! JSON Lines. The first line names the format; each further one is a change about to be made, a
//! remark on it, or that it is undone. A last line without its line end was cut off by a crash
//! before it was synced; the change it announced was therefore never made, and it is left out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::table::Identity;

const FORMAT: &str = "seaworthy.dev/undo/v1";

/// A journal that we write, held by this process alone. Clones write the same file.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    tail: Mutex<Tail>,
}

#[derive(Debug)]
struct Tail {
    file: File,
    /// Where the last whole, synced line ends.
    length: u64,
    next: u64,
}

/// A change to the world, told so that it can be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A process is started; undone by stopping it and all it started.
    Process {
        /// What it and its children carry in their environment.
        token: Token,
        /// The target's name.
        name: String,
    },
    /// A scratch folder is made; undone by removing it.
    RemoveFolder {
        /// The absolute path, which ends with the token.
        path: PathBuf,
        /// What the marker file in it says.
        token: Token,
    },
}

/// A random word that only Seaworthy knows: it tells our processes and folders from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Token(String);

/// One change in a journal and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the journal.
    pub id: u64,
    /// What was, or was about to be, changed.
    pub change: Change,
    /// The process, once it was known.
    pub started: Option<Identity>,
    /// Whether it is undone.
    pub done: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Format(String),
    Change { id: u64, change: Change },
    Started { id: u64, process: Identity },
    Done { id: u64 },
}

/// What a journal says.
#[derive(Debug, Default)]
pub struct Contents {
    /// Every change, in the order they were made.
    pub entries: Vec<Entry>,
    /// Numbers of the lines that could not be understood, from 1.
    pub unreadable: Vec<usize>,
    whole: u64,
}

impl Journal {
    /// Makes a new journal and holds it: as long as this process lives, nobody else undoes it.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(Error::journal(path))?;
        let failed = || Error::journal(&path);
        let file = OpenOptions::new()
            .create_new(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed())?;
        hold(&file, &path)?;
        let mut tail = Tail { file, length: 0, next: 1 };
        tail.append(&Line::Format(FORMAT.into())).map_err(failed())?;
        // The name must survive a crash as well as the contents.
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed())?;
        Ok(Self(Arc::new(Inner { path, tail: Mutex::new(tail) })))
    }

    /// Where it is, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Says that `change` is about to be made. It is on disk when this returns.
    ///
    /// # Errors
    /// When it could not be written and synced: then the change must not be made.
    pub fn record(&self, change: &Change) -> Result<u64, Error> {
        let mut tail = self.tail();
        let id = tail.next;
        let line = Line::Change { id, change: change.clone() };
        tail.append(&line).map_err(Error::journal(&self.0.path))?;
        tail.next += 1;
        Ok(id)
    }

    /// Adds which process the change `id` became.
    ///
    /// # Errors
    /// When it could not be written and synced.
    pub fn started(&self, id: u64, process: &Identity) -> Result<(), Error> {
        let line = Line::Started { id, process: process.clone() };
        self.tail().append(&line).map_err(Error::journal(&self.0.path))
    }

    /// Says that the change `id` is undone.
    ///
    /// # Errors
    /// When it could not be written and synced.
    pub fn done(&self, id: u64) -> Result<(), Error> {
        self.tail().append(&Line::Done { id }).map_err(Error::journal(&self.0.path))
    }

    /// The orderly end: removes the file, if nothing in it is left to undo.
    ///
    /// # Errors
    /// [`Error::Unfinished`] when something is left; when the file cannot be removed.
    pub fn finish(self) -> Result<(), Error> {
        let path = &self.0.path;
        let left = contents(&self.tail().file, path)?.pending().count();
        if left > 0 {
            return Err(Error::Unfinished { path: path.clone(), left });
        }
        std::fs::remove_file(path).map_err(Error::journal(path))
    }

    /// Takes over a journal whose writer has gone, cutting off a last line that was torn.
    /// The caller must hold the file.
    pub(crate) fn adopt(file: File, path: &Path) -> Result<(Self, Contents), Error> {
        let contents = self::contents(&file, path)?;
        file.set_len(contents.whole).map_err(Error::journal(path))?;
        let next = contents.entries.iter().map(|entry| entry.id).max();
        let next = next.unwrap_or(0).saturating_add(1);
        let tail = Tail { file, length: contents.whole, next };
        let journal = Self(Arc::new(Inner { path: path.to_owned(), tail: Mutex::new(tail) }));
        Ok((journal, contents))
    }

    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        // A panic while it was held leaves the length at the last whole line: still good.
        self.0.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closing the file would let go of the lock only once no other process has a copy of the
        // descriptor, and a process that is just being started has one until it executes.
        let tail = self.tail.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = tail.file.unlock();
    }
}

impl Tail {
    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line must not spoil the next one; if even this fails, reading skips it.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

impl Token {
    /// The environment variable that carries it.
    pub const VARIABLE: &str = "SEAWORTHY_UNDO";

    /// A new one: 80 bits from the operating system.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 10];
        seaworthy_base::chance::fill_secret(&mut bytes);
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The token's letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Token {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let valid = text.len() == 20
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if valid { Ok(Self(text)) } else { Err("an undo token is 20 hexadecimal digits") }
    }
}

/// Reads a journal without holding or changing it.
///
/// # Errors
/// When the file cannot be read or is not a journal of this user.
pub fn read(path: &Path) -> Result<Contents, Error> {
    contents(&open(path)?, path)
}

impl Contents {
    /// What is left to undo, last change first.
    pub fn pending(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().filter(|entry| !entry.done)
    }
}

/// Opens an existing journal to read and append, if it is a file of this user.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(Error::journal(path))?;
    let metadata = file.metadata().map_err(Error::journal(path))?;
    let user = rustix::process::geteuid().as_raw();
    let refused = |reason: String| Error::JournalRefused { path: path.to_owned(), reason };
    if !metadata.is_file() {
        return Err(refused("it is not a plain file".into()));
    }
    if metadata.uid() != user {
        return Err(refused(format!("it belongs to user {}, we are {user}", metadata.uid())));
    }
    Ok(file)
}

/// Takes the journal's lock, which the kernel lets go when its holder dies.
pub(crate) fn hold(file: &File, path: &Path) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::JournalInUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::journal(path)(source)),
    }
}

/// What an open journal says.
pub(crate) fn contents(mut file: &File, path: &Path) -> Result<Contents, Error> {
    /// A journal grows by some 300 bytes for each target started.
    const LIMIT: u64 = 64 << 20;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.take(LIMIT).read_to_end(&mut bytes))
        .map_err(Error::journal(path))?;
    parse(&bytes)
        .map_err(|reason| Error::JournalRefused { path: path.to_owned(), reason: reason.into() })
}

fn parse(bytes: &[u8]) -> Result<Contents, &'static str> {
    let mut contents = Contents::default();
    for (index, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(raw) = raw.strip_suffix(b"\n") else { break };
        contents.whole += raw.len() as u64 + 1;
        let line = serde_json::from_slice(raw);
        match (index, line) {
            (0, Ok(Line::Format(format))) if format == FORMAT => {}
            (0, _) => return Err("its first line does not name a format that we know"),
            (_, Ok(line)) if contents.take(&line) => {}
            _ => contents.unreadable.push(index + 1),
        }
    }
    Ok(contents)
}

impl Contents {
    /// Adds what one line says; false when it speaks of a change that was never announced.
    fn take(&mut self, line: &Line) -> bool {
        let entry =
            |contents: &mut Self, id: u64| contents.entries.iter().position(|entry| entry.id == id);
        match line {
            Line::Format(_) => return false,
            Line::Change { id, change } => {
                if entry(self, *id).is_some() {
                    return false;
                }
                let change = change.clone();
                self.entries.push(Entry { id: *id, change, started: None, done: false });
            }
            Line::Started { id, process } => match entry(self, *id) {
                Some(index) => self.entries[index].started = Some(process.clone()),
                None => return false,
            },
            Line::Done { id } => match entry(self, *id) {
                Some(index) => self.entries[index].done = true,
                None => return false,
            },
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(name: &str) -> Change {
        Change::Process { token: Token::random(), name: name.into() }
    }

    #[test]
    fn what_is_recorded_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        let journal = Journal::create(&path).unwrap();
        let first = change("first");
        let one = journal.record(&first).unwrap();
        let two = journal.record(&change("second")).unwrap();
        let process = Identity { pid: 7, started: 8, boot: "b".into() };
        journal.started(one, &process).unwrap();
        journal.done(two).unwrap();
        let contents = read(&path).unwrap();
        assert_eq!(contents.unreadable, Vec::<usize>::new());
        let pending: Vec<_> = contents.pending().collect();
        let expected = Entry { id: one, change: first, started: Some(process), done: false };
        assert_eq!(pending, [&expected]);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        let journal = Journal::create(&path).unwrap();
        journal.record(&change("whole")).unwrap();
        journal.record(&change("torn")).unwrap();
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();

        assert_eq!(read(&path).unwrap().entries.len(), 1);
        let file = open(&path).unwrap();
        hold(&file, &path).unwrap();
        let (journal, contents) = Journal::adopt(file, &path).unwrap();
        assert_eq!(contents.entries.len(), 1);
        journal.done(1).unwrap();
        let contents = read(&path).unwrap();
        assert_eq!((contents.pending().count(), contents.unreadable.len()), (0, 0));
    }

    #[test]
    fn a_spoilt_line_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        let journal = Journal::create(&path).unwrap();
        journal.record(&change("one")).unwrap();
        let mut spoilt = OpenOptions::new().append(true).open(&path).unwrap();
        spoilt.write_all(b"\xff\x00{\n{\"done\":{\"id\":99}}\n").unwrap();
        spoilt.write_all(b"{\"change\":{\"id\":5,\"change\":{\"process\":{\"token\":\"\",\"name\":\"\"}}}}\n").unwrap();
        journal.record(&change("two")).unwrap();
        let contents = read(&path).unwrap();
        assert_eq!(contents.entries.len(), 2);
        assert_eq!(contents.unreadable, [3, 4, 5]);
    }

    #[test]
    fn a_journal_is_made_once_and_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        let journal = Journal::create(&path).unwrap();
        let error = Journal::create(&path).unwrap_err();
        assert_eq!(error.code(), "process-journal-failed");
        assert!(error.hint().unwrap().contains("nothing is overwritten"));
        let held = hold(&open(&path).unwrap(), &path).unwrap_err();
        assert_eq!(held.code(), "process-journal-in-use");
        drop(journal);
        hold(&open(&path).unwrap(), &path).unwrap();
    }

    #[test]
    fn only_a_journal_with_nothing_left_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        let journal = Journal::create(&path).unwrap();
        let id = journal.record(&change("one")).unwrap();
        let error = journal.clone().finish().unwrap_err();
        assert!(matches!(error, Error::Unfinished { left: 1, .. }), "{error}");
        journal.done(id).unwrap();
        journal.finish().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn foreign_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        std::fs::write(&path, "{\"format\":\"another/v9\"}\n").unwrap();
        assert_eq!(read(&path).unwrap_err().code(), "process-journal-refused");
        let link = folder.path().join("link.jsonl");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read(&link).unwrap_err().code(), "process-journal-failed");
        assert_eq!(read(folder.path()).unwrap_err().code(), "process-journal-failed");
    }

    #[test]
    fn a_full_disk_is_an_error_and_announces_nothing() {
        // /dev/full takes no byte, as a full disk does not.
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let tail = Mutex::new(Tail { file, length: 0, next: 1 });
        let journal = Journal(Arc::new(Inner { path: "/dev/full".into(), tail }));
        let error = journal.record(&change("never")).unwrap_err();
        assert_eq!(error.code(), "process-journal-failed");
        assert!(error.hint().unwrap().contains("disk is full"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, line in "\\PC*") {
            let _ = parse(&bytes);
            let text = format!("{{\"format\":\"{FORMAT}\"}}\n{line}\n");
            prop_assert!(parse(text.as_bytes()).is_ok());
        }
    }
}
