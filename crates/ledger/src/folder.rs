//! Foreign folders, read without following a link and without reading past a bound.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use aws_lc_rs::digest;
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};

use crate::key::hex;

/// The most files and folders below one folder.
pub(crate) const MAX_ENTRIES: usize = 100_000;
/// How deep folders may nest.
pub(crate) const MAX_DEPTH: usize = 64;
/// The most bytes hashed below one folder.
pub(crate) const MAX_BYTES: u64 = 64 << 30;

/// Opens the folder the caller named; only here may the last part be a link.
pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(fs::open(path, flags, Mode::empty())?)
}

/// Opens a folder inside a folder; a link is an error.
pub(crate) fn open_folder(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(parent, name, flags, Mode::empty())?)
}

/// Opens a regular file inside a folder; a link, a pipe or a device is an error, and never waits.
pub(crate) fn open_file(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(fs::openat(parent, name, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// The text of a small file inside a folder.
pub(crate) fn read_small(parent: impl AsFd, name: &str, most: u64) -> io::Result<String> {
    let mut text = String::new();
    if open_file(parent, name)?.take(most + 1).read_to_string(&mut text)? as u64 > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(text)
}

/// SHA-256 and length of what is left of a file, reading at most `most` bytes.
pub(crate) fn hash(file: &mut File, most: u64) -> io::Result<(u64, String)> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0_u8; 64 * 1024];
    let mut size = 0_u64;
    let mut file = file.take(most);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((size, hex(context.finish().as_ref()))),
            Ok(read) => {
                context.update(&buffer[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A link, a pipe, a socket or a device, in words.
    Special(&'static str),
}

/// The names in a folder and what they stand for, sorted; at most `most` of them.
pub(crate) fn list(folder: impl AsFd, most: usize) -> io::Result<Vec<(CString, Kind)>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if names.len() == most {
            return Err(io::Error::other(format!("it holds more than {most} names")));
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            known => known,
        };
        let kind = match kind {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Special("a symbolic link"),
            FileType::Fifo => Kind::Special("a pipe"),
            FileType::Socket => Kind::Special("a socket"),
            FileType::CharacterDevice | FileType::BlockDevice => Kind::Special("a device"),
            _ => Kind::Special("not a regular file"),
        };
        names.push((name.to_owned(), kind));
    }
    names.sort();
    Ok(names)
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

/// What a walk meets.
pub(crate) enum Met<'a> {
    /// A regular file, in the open folder that holds it, under this name.
    File(BorrowedFd<'a>, &'a CString),
    /// A link, a pipe, a socket or a device.
    Special(&'static str),
    /// A name that is not UTF-8; the path shows it with replacement characters.
    Name,
    /// Something that could not be read, or lies beyond a bound.
    Failed(io::Error),
}

/// Visits everything below `root` but the folder named `except` at its top, depth first and sorted;
/// paths have `/` between their parts. Folders themselves are not reported.
pub(crate) fn walk<E>(
    root: BorrowedFd<'_>,
    except: &str,
    visit: &mut impl FnMut(&str, Met<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut left = MAX_ENTRIES;
    descend(root, "", except, &mut left, 0, visit)
}

fn descend<E>(
    folder: BorrowedFd<'_>,
    prefix: &str,
    except: &str,
    left: &mut usize,
    depth: usize,
    visit: &mut impl FnMut(&str, Met<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let names = match list(folder, *left) {
        Ok(names) => names,
        Err(error) => return visit(prefix.trim_end_matches('/'), Met::Failed(error)),
    };
    *left -= names.len();
    for (name, kind) in names {
        let Ok(text) = name.to_str() else {
            visit(&format!("{prefix}{}", name.to_string_lossy()), Met::Name)?;
            continue;
        };
        if depth == 0 && text == except && kind == Kind::Folder {
            continue;
        }
        let path = format!("{prefix}{text}");
        match kind {
            Kind::File => visit(&path, Met::File(folder, &name))?,
            Kind::Special(what) => visit(&path, Met::Special(what))?,
            Kind::Folder if depth + 1 >= MAX_DEPTH => {
                let error = io::Error::other(format!("folders nest deeper than {MAX_DEPTH}"));
                visit(&path, Met::Failed(error))?;
            }
            Kind::Folder => match open_folder(folder, &name) {
                Ok(inner) => {
                    descend(inner.as_fd(), &format!("{path}/"), except, left, depth + 1, visit)?;
                }
                Err(error) => visit(&path, Met::Failed(error))?,
            },
        }
    }
    Ok(())
}
