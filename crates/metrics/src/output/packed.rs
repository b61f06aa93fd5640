//! A writer that packs when the file's name says so, and names the file when it fails.

use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Error;

/// Written to a file, packed by gzip if its name ends in `.gz`.
pub(super) struct Packed<W: Write> {
    file: String,
    inner: Inner<W>,
}

enum Inner<W: Write> {
    Plain(BufWriter<W>),
    Gzip(GzEncoder<BufWriter<W>>),
}

impl<W: Write> Packed<W> {
    pub(super) fn new(write: W, file: &str) -> Self {
        let buffered = BufWriter::with_capacity(64 * 1024, write);
        let inner = if file.ends_with(".gz") {
            Inner::Gzip(GzEncoder::new(buffered, Compression::fast()))
        } else {
            Inner::Plain(buffered)
        };
        Self { file: file.to_owned(), inner }
    }

    /// Everything is with the system, the end of the packed stream included.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        let finished = match &mut self.inner {
            Inner::Plain(plain) => plain.flush(),
            Inner::Gzip(gzip) => gzip.try_finish().and_then(|()| gzip.get_mut().flush()),
        };
        finished.map_err(|source| self.error(source))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = match &mut self.inner {
            Inner::Plain(plain) => plain.write_all(bytes),
            Inner::Gzip(gzip) => gzip.write_all(bytes),
        };
        written.map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> Error {
        Error::Write { file: self.file.clone(), source }
    }
}
