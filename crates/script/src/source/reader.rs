//! Where the text of modules comes from.

use std::io;
use std::path::Path;

/// Where the text of modules comes from: the disk, an archive, a test's map.
pub trait Reader {
    /// The bytes of a file, but no more than `limit` and one: a longer answer is refused.
    ///
    /// # Errors
    /// What the system said.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// Whether a file (not a folder) is there.
    fn is_file(&self, path: &Path) -> bool;
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Reader for Disk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        io::Read::read_to_end(&mut io::Read::take(file, limit.saturating_add(1)), &mut bytes)?;
        Ok(bytes)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}
