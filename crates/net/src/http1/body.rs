//! Where a body ends: a stated length, chunks, or the end of the connection.

use crate::error::Error;
use crate::http1::head::MOST_HEADERS;

/// How the end of a body is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many more bytes.
    Length(u64),
    /// After the chunk that has none.
    Chunked(Chunked),
    /// When the server closes the connection.
    UntilClose,
}

/// A body on its way in.
#[derive(Debug)]
pub(crate) struct Body {
    /// What came, if it is to be kept.
    kept: Option<Vec<u8>>,
    length: usize,
    longest: usize,
}

impl Body {
    pub(crate) fn new(framing: &Framing, keeps: bool, longest: usize) -> Result<Self, Error> {
        // What a server states is believed only so far.
        const AT_ONCE: usize = 64 << 10;
        let mut capacity = 0;
        if let Framing::Length(stated) = *framing {
            match usize::try_from(stated) {
                Ok(stated) if stated <= longest => capacity = stated.min(AT_ONCE),
                _ => return Err(Error::BodyTooLarge { limit: longest }),
            }
        }
        let kept = keeps.then(|| Vec::with_capacity(capacity));
        Ok(Self { kept, length: 0, longest })
    }

    /// A part of a body whose length is nobody's concern.
    pub(crate) fn piece() -> Self {
        Self { kept: Some(Vec::new()), length: 0, longest: usize::MAX }
    }

    /// The bytes; empty unless they were to be kept.
    pub(crate) fn into_bytes(self) -> bytes::Bytes {
        self.kept.unwrap_or_default().into()
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.length += bytes.len();
        if self.length > self.longest {
            return Err(Error::BodyTooLarge { limit: self.longest });
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl Framing {
    /// Takes the body's part from `input` into `body`. Gives how much of the input it was, and
    /// whether the body is whole.
    #[inline]
    pub(crate) fn take(&mut self, input: &[u8], body: &mut Body) -> Result<(usize, bool), Error> {
        match self {
            Self::Length(left) => {
                let taken = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                body.push(&input[..taken])?;
                *left -= taken as u64;
                Ok((taken, *left == 0))
            }
            Self::Chunked(chunked) => chunked.take(input, body),
            Self::UntilClose => {
                body.push(input)?;
                Ok((input.len(), false))
            }
        }
    }
}

/// RFC 9112 §7.1: where in a chunked body the reader is. Every line ends in CR and LF; a lone LF is
/// refused, as one who reads it otherwise would see another body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunked {
    place: Place,
    /// What is left of this chunk; while its size is read, the size so far.
    left: u64,
    /// Digits of the size so far.
    digits: u8,
    /// Bytes of extensions, over all chunks.
    extensions: usize,
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Size,
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
}

impl Chunked {
    /// As long as all extensions of a body, or all its trailers, may be, in bytes.
    const LONGEST: usize = 16 << 10;

    fn take(&mut self, input: &[u8], body: &mut Body) -> Result<(usize, bool), Error> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if self.place == Place::Data {
                let rest = &input[at..];
                let taken = rest.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                body.push(&rest[..taken])?;
                self.left -= taken as u64;
                at += taken;
                if self.left == 0 {
                    self.place = Place::DataCr;
                }
                continue;
            }
            at += 1;
            if self.step(byte)? {
                self.check_trailers()?;
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    /// Takes a byte that is not data. Gives whether it was the body's last.
    fn step(&mut self, byte: u8) -> Result<bool, Error> {
        self.place = match (self.place, byte) {
            (Place::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte)?,
            (Place::Size | Place::Blank, b'\r') if self.digits > 0 => Place::SizeLf,
            (Place::Size | Place::Blank, b';') if self.digits > 0 => Place::Extension,
            (Place::Size | Place::Blank, b' ' | b'\t') if self.digits > 0 => {
                self.extension()?;
                Place::Blank
            }
            (Place::Extension, b'\r') => Place::SizeLf,
            (Place::Extension, byte) if byte != b'\n' => {
                self.extension()?;
                Place::Extension
            }
            (Place::SizeLf, b'\n') if self.left == 0 => Place::TrailerStart,
            (Place::SizeLf, b'\n') => Place::Data,
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => {
                self.digits = 0;
                Place::Size
            }
            (Place::TrailerStart, b'\r') => Place::EndLf,
            (Place::Trailer, b'\r') => self.trailer(byte, Place::TrailerLf)?,
            (Place::TrailerStart | Place::Trailer, byte) if byte != b'\n' => {
                self.trailer(byte, Place::Trailer)?
            }
            (Place::TrailerLf, b'\n') => self.trailer(byte, Place::TrailerStart)?,
            (Place::EndLf, b'\n') => return Ok(true),
            (Place::TrailerStart, b'\n') => {
                return Err(wrong("a line of the trailers is a lone line feed"));
            }
            _ => return Err(wrong("a chunk is not framed as it must be")),
        };
        Ok(false)
    }

    fn digit(&mut self, byte: u8) -> Result<Place, Error> {
        // Sixteen digits are all a length can have; so many zeros in front are nobody's.
        if self.digits == 16 {
            return Err(wrong("the size of a chunk is too large"));
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            _ => (byte | 0x20) - b'a' + 10,
        };
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(Place::Size)
    }

    fn extension(&mut self) -> Result<(), Error> {
        self.extensions += 1;
        if self.extensions > Self::LONGEST {
            return Err(wrong("the chunks' extensions are too long"));
        }
        Ok(())
    }

    fn trailer(&mut self, byte: u8, next: Place) -> Result<Place, Error> {
        if self.trailers.len() == Self::LONGEST {
            return Err(wrong("the trailers are too long"));
        }
        self.trailers.push(byte);
        Ok(next)
    }

    /// Trailers are read and left out, but what is no header is none behind the body either.
    fn check_trailers(&mut self) -> Result<(), Error> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        self.trailers.extend_from_slice(b"\r\n");
        let mut lines = [httparse::EMPTY_HEADER; MOST_HEADERS];
        match httparse::parse_headers(&self.trailers, &mut lines) {
            Ok(httparse::Status::Complete(_)) => Ok(()),
            _ => Err(wrong("the trailers are not headers")),
        }
    }
}

fn wrong(reason: &str) -> Error {
    Error::ProtocolError(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` in pieces of `step` bytes: the body, and what was left of the last piece.
    fn read(text: &[u8], step: usize) -> Result<Option<(Vec<u8>, usize)>, Error> {
        let mut framing = Framing::Chunked(Chunked::default());
        let mut body = Body::new(&framing, true, 1000)?;
        for piece in text.chunks(step) {
            if let (taken, true) = framing.take(piece, &mut body)? {
                return Ok(Some((body.into_bytes().to_vec(), piece.len() - taken)));
            }
        }
        Ok(None)
    }

    #[test]
    fn chunks_are_joined_however_they_come() {
        let text = b"5\r\nhello\r\n0006 ;a=\"b\"\r\n world\r\n0;x\r\nSum: 1\r\nOf: 2\r\n\r\n";
        for step in 1..=text.len() {
            let (body, left) = read(text, step).unwrap().expect("the body is whole");
            assert_eq!((&body[..], left), (&b"hello world"[..], 0), "in steps of {step}");
        }
        assert_eq!(read(b"0\r\n\r\nHTTP", 100).unwrap().unwrap().1, 4);
        assert!(read(b"5\r\nhello\r\n0\r\n", 3).unwrap().is_none());
        // The largest size there is, which no body reaches.
        assert!(read(b"ffffffffffffffff\r\nhello", 100).unwrap().is_none());
    }

    #[test]
    fn what_is_not_a_chunk_is_refused() {
        for text in [
            &b"\r\n"[..],
            b"g\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x5\r\nhello",
            b" 5\r\nhello",
            b"5 5\r\nhello",
            b"5\nhello",
            b"5\r\rhello",
            b";a\r\n",
            b"5;a\n",
            b"5\r\nhello!",
            b"5\r\nhello\n",
            b"5\r\nhello\r\n\r\n",
            b"0\r\n\n",
            b"0\r\nno header\r\n\r\n",
            b"0\r\na: b\nc: d\r\n\r\n",
            b"0\r\na: b\r\r\n",
            b"00000000000000005\r\nhello",
            b"fffffffffffffffff\r\nhello",
        ] {
            let error = read(text, 100).unwrap_err();
            assert_eq!(error.code(), "protocol_error", "{}", text.escape_ascii());
        }
        let long = |text: &str| text.as_bytes().to_vec();
        for text in [long(&format!("1;{}", "x".repeat(20_000))), {
            long(&format!("0\r\nx: {}", "x".repeat(20_000)))
        }] {
            assert_eq!(read(&text, 7).unwrap_err().code(), "protocol_error");
        }
        let most = format!("0\r\n{}\r\n", "a: b\r\n".repeat(101));
        assert_eq!(read(most.as_bytes(), 7).unwrap_err().code(), "protocol_error");
    }

    #[test]
    fn a_body_has_a_longest() {
        let stated = |length| Body::new(&Framing::Length(length), true, 1000);
        assert!(stated(1000).is_ok());
        assert_eq!(stated(1001).unwrap_err().code(), "body_too_large");
        let chunk = [&b"3e9\r\n"[..], &[b'x'; 1001]].concat();
        assert_eq!(read(&chunk, 64).unwrap_err().code(), "body_too_large");
        let mut framing = Framing::UntilClose;
        let mut body = Body::new(&framing, false, 3).unwrap();
        assert_eq!(framing.take(b"abc", &mut body).unwrap(), (3, false));
        assert!(framing.take(b"d", &mut body).is_err());
    }
}
