//! The writer's side of a chain: lock, catch up, mend a torn tail, append, sync.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use seaworthy_base::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::check::{CHAIN, Checker, Line, MAX_CHAIN, MAX_LINE, kind, next_line};
use crate::error::Error;
use crate::folder::{self, Kind};
use crate::key::{PublicKey, sha256};
use crate::key_folder::{KeyFolder, KeyName, key_file};
use crate::receipt::{Draft, Receipt};
use crate::signer::Signer;

/// What to do about a chain that is, or is not, there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    New,
    Existing,
    Either,
}

/// A chain open for appending. Several processes may have it open: each append takes the file's lock
/// and reads what the others wrote first.
pub(crate) struct Chain {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    keys: KeyFolder,
    clock: Clock,
    checker: Checker,
    /// Bytes checked so far.
    length: u64,
    cut: Option<Cut>,
    poisoned: bool,
}

/// A torn tail that was cut off and is yet to be recorded.
struct Cut {
    offset: u64,
    length: usize,
    sha256: String,
}

impl Chain {
    pub(crate) fn open(folder: &Path, clock: Clock, how: Open) -> Result<Self, Error> {
        if how == Open::Existing {
            if !folder.join(CHAIN).exists() {
                return Err(Error::Missing(folder.to_owned()));
            }
        } else {
            make_folder(folder, 0o755)?;
        }
        let descriptor = folder::open(folder).map_err(|error| Error::io("open", folder, error))?;
        if how == Open::New {
            let names = folder::list(&descriptor, folder::MAX_ENTRIES)
                .map_err(|error| Error::io("list", folder, error))?;
            if !names.is_empty() {
                return Err(Error::Exists(folder.to_owned()));
            }
        }
        let path = folder.join(CHAIN);
        let mut flags =
            OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match how {
            Open::New => flags |= OFlags::CREATE | OFlags::EXCL,
            Open::Either => flags |= OFlags::CREATE,
            Open::Existing => {}
        }
        let file = rustix::fs::openat(&descriptor, CHAIN, flags, Mode::from_raw_mode(0o644))
            .map_err(|error| Error::io("open", &path, error))?;
        if how != Open::Existing {
            sync_folder(folder)?;
        }
        let mut chain = Self {
            folder: folder.to_owned(),
            path,
            file: File::from(file),
            keys: KeyFolder::new(descriptor),
            clock,
            checker: Checker::for_writer(),
            length: 0,
            cut: None,
            poisoned: false,
        };
        chain.lock()?.clear_leftovers()?;
        Ok(chain)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn checker(&self) -> &Checker {
        &self.checker
    }

    /// Takes the chain for this writer alone, until the returned value is dropped.
    pub(crate) fn lock(&mut self) -> Result<Locked<'_>, Error> {
        retry(|| flock(&self.file, FlockOperation::LockExclusive))
            .map_err(|error| Error::io("lock", &self.path, error))?;
        let locked = Locked { chain: self };
        locked.chain.catch_up()?;
        Ok(locked)
    }

    /// Reads and checks what was appended since, here or by another process.
    fn catch_up(&mut self) -> Result<(), Error> {
        if self.poisoned {
            return Err(Error::Poisoned(self.path.clone()));
        }
        let open = self.file.metadata().map_err(|error| Error::io("read", &self.path, error))?;
        let named = std::fs::symlink_metadata(&self.path);
        if !named.is_ok_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino())) {
            return Err(Error::Interfered { path: self.path.clone(), how: "replaced" });
        }
        if !open.is_file() {
            let error = io::Error::other("it is not a regular file");
            return Err(Error::io("open", &self.path, error));
        }
        if open.len() < self.length {
            return Err(Error::Interfered { path: self.path.clone(), how: "cut short" });
        }
        if open.len() > MAX_CHAIN {
            return Err(self.exhausted("it is larger than a chain may be"));
        }
        let file = &self.file;
        let mut reader = BufReader::new(At { file, offset: self.length });
        loop {
            let line =
                next_line(&mut reader).map_err(|error| Error::io("read", &self.path, error))?;
            match line {
                None => return Ok(()),
                Some(Line::TooLong) => {
                    return Err(self.exhausted("a line is longer than one may be"));
                }
                Some(Line::Torn(tail)) => return self.mend(&tail),
                Some(Line::Whole(line)) => {
                    if let (_, Some(finding)) = first(self.checker.check(&line, &mut self.keys)) {
                        return Err(Error::Broken {
                            folder: self.folder.clone(),
                            finding: Box::new(finding),
                        });
                    }
                    self.length += line.len() as u64 + 1;
                }
            }
        }
    }

    /// A last line without a newline was never acknowledged: it is completed when it is a whole valid
    /// receipt, and cut off (which the next append records) when it is not.
    fn mend(&mut self, tail: &[u8]) -> Result<(), Error> {
        let mut ahead = self.checker.clone();
        if ahead.check(tail, &mut self.keys).1.is_empty() {
            let done = (&self.file).write_all(b"\n").and_then(|()| self.file.sync_all());
            done.map_err(|error| Error::io("complete the last line of", &self.path, error))?;
            self.checker = ahead;
            self.length += tail.len() as u64 + 1;
        } else {
            let done = self.file.set_len(self.length).and_then(|()| self.file.sync_all());
            done.map_err(|error| Error::io("cut the torn last line off", &self.path, error))?;
            self.cut = Some(Cut { offset: self.length, length: tail.len(), sha256: sha256(tail) });
        }
        Ok(())
    }

    fn exhausted(&self, reason: &'static str) -> Error {
        Error::Exhausted { path: self.path.clone(), reason }
    }
}

/// A chain that no other writer can append to meanwhile.
pub(crate) struct Locked<'a> {
    chain: &'a mut Chain,
}

impl Locked<'_> {
    pub(crate) fn checker(&self) -> &Checker {
        &self.chain.checker
    }

    /// Appends one receipt; when this returns it is on the disk.
    pub(crate) fn push(
        &mut self,
        signer: &Signer,
        kind: &str,
        body: Value,
    ) -> Result<Receipt, Error> {
        if self.chain.checker.sealed {
            return Err(Error::Sealed(self.chain.folder.clone()));
        }
        self.record_cut(signer)?;
        self.write(signer, kind, body)
    }

    /// Records a torn tail that was cut off, if there was one.
    pub(crate) fn record_cut(&mut self, signer: &Signer) -> Result<(), Error> {
        let Some(cut) = &self.chain.cut else { return Ok(()) };
        let body = json!({
            "offset": cut.offset.to_string(),
            "length": cut.length.to_string(),
            "sha256": cut.sha256,
        });
        self.write(signer, kind::TAIL_CUT, body)?;
        self.chain.cut = None;
        Ok(())
    }

    /// Removes key files that an append wrote which then did not come to its end.
    fn clear_leftovers(&mut self) -> Result<(), Error> {
        let chain = &*self.chain;
        let names = folder::list(chain.keys.folder(), folder::MAX_ENTRIES)
            .map_err(|error| Error::io("list", &chain.folder, error))?;
        for (name, kind) in names {
            let Ok(name) = name.to_str() else { continue };
            if kind == Kind::File && matches!(chain.keys.name(name), KeyName::Leftover) {
                let path = chain.folder.join(name);
                std::fs::remove_file(&path).map_err(|error| Error::io("delete", &path, error))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, signer: &Signer, kind: &str, body: Value) -> Result<Receipt, Error> {
        let chain = &mut *self.chain;
        for key in signer.public_keys() {
            chain.keep_key(&key)?;
        }
        let sequence = chain.checker.sequence.checked_add(1);
        let sequence = sequence.ok_or_else(|| chain.exhausted("its sequence is at its end"))?;
        let mut time = chain.clock.wall();
        if let Some(before) = chain.checker.time.filter(|before| time <= *before) {
            let next = before.as_nanos().checked_add(1);
            time = Timestamp::from_nanos(
                next.ok_or_else(|| chain.exhausted("its time is at its end"))?,
            );
        }
        let parent = &chain.checker.parent;
        let draft = Draft { sequence, parent, time, kind, body };
        let (receipt, mut line) = Receipt::sign(draft, signer)?;
        line.push(b'\n');
        if line.len() as u64 > MAX_LINE {
            let reason = format!("it is longer than {MAX_LINE} bytes");
            return Err(Error::Body { kind: kind.to_owned(), reason });
        }
        if chain.length + line.len() as u64 > MAX_CHAIN {
            return Err(chain.exhausted("it is as large as a chain may be"));
        }
        let mut ahead = chain.checker.clone();
        line.pop();
        if let (_, Some(finding)) = first(ahead.check(&line, &mut chain.keys)) {
            // A rotation or a history record that does not hold, for example.
            return Err(Error::Body { kind: kind.to_owned(), reason: finding.reason });
        }
        line.push(b'\n');
        let written = (&chain.file).write_all(&line).and_then(|()| chain.file.sync_all());
        if let Err(error) = written {
            let undone = chain.file.set_len(chain.length).and_then(|()| chain.file.sync_all());
            chain.poisoned = undone.is_err();
            return Err(Error::io("append to", &chain.path, error));
        }
        chain.checker = ahead;
        chain.length += line.len() as u64;
        Ok(receipt)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the file would release it as well; nothing is lost when this fails.
        let _ = retry(|| flock(&self.chain.file, FlockOperation::Unlock));
    }
}

impl Chain {
    /// Puts a public key beside the chain, whole or not at all.
    fn keep_key(&mut self, key: &PublicKey) -> Result<(), Error> {
        let id = key.id();
        let name = key_file(&id);
        let path = self.folder.join(&name);
        // Looked for anew each time: another writer clears away keys that have signed nothing yet.
        if path.symlink_metadata().is_ok() {
            return match self.keys.get(&id) {
                Ok(known) if known == *key => Ok(()),
                _ => Err(Error::key(format!("`{}`", path.display()), "it should hold another key")),
            };
        }
        write_whole(&self.folder, &name, key.to_pem().as_bytes(), 0o644)?;
        match self.keys.get(&id) {
            Ok(_) => Ok(()),
            Err(reason) => Err(Error::io("read back", &path, io::Error::other(reason))),
        }
    }
}

/// Writes a file so that it is there whole or not at all, and synced with its folder.
pub(crate) fn write_whole(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let path = folder.join(name);
    let part = folder.join(format!(".{name}.part"));
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let failed = |error: io::Error| {
        // The error that matters is the first one.
        let _ = std::fs::remove_file(&part);
        Error::io("write", &path, error)
    };
    let file = rustix::fs::open(&part, flags, Mode::from_raw_mode(mode))
        .map_err(|error| failed(error.into()))?;
    let mut file = File::from(file);
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, &path).map_err(failed)?;
    sync_folder(folder)
}

/// Makes a folder and its missing parents, each synced into the one above.
pub(crate) fn make_folder(folder: &Path, mode: u32) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent, mode)?;
    }
    match std::fs::DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(Error::io("make the folder", folder, error)),
        Ok(()) => sync_folder(parent.unwrap_or(Path::new("."))),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io("sync the folder", folder, error))
}

/// Tries again when a signal came in between.
pub(crate) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other,
        }
    }
}

fn first<T>((entry, findings): (T, Vec<crate::Finding>)) -> (T, Option<crate::Finding>) {
    (entry, findings.into_iter().next())
}

/// Reads a file from an offset, without moving its own position.
pub(crate) struct At<'a> {
    pub(crate) file: &'a File,
    pub(crate) offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
