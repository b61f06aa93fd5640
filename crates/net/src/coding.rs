//! Content codings: bodies unpacked within a limit, and packed to be sent.

use std::io::{BufRead, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Decompress, FlushDecompress, Status};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::error::Error;

/// What this client can decode, as a value of `Accept-Encoding`.
pub const ACCEPT: &str = "gzip, deflate, br, zstd";

/// Codings a body may be wrapped in, one in the other; more is an attempt to wear the client out.
const MOST_CODINGS: usize = 4;

/// The largest window of Zstandard as a content coding (RFC 9659).
const ZSTD_WINDOW: u64 = 8 * 1024 * 1024;

/// A way to pack a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, as RFC 9110 wants it. Decoding also takes the bare RFC 1951 that some servers send.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Brotli, Self::Zstd];

    /// The name in `Content-Encoding`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The coding of that name; `x-gzip` is `gzip`. Letters of either case.
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.as_str()))
    }
}

impl Coding {
    /// The codings that a list names, in the order they are put on: `gzip, br`.
    ///
    /// # Errors
    /// `invalid_setting` for a name that is not known here, and for an empty one.
    pub fn list(text: &str) -> Result<Vec<Self>, Error> {
        let known = |name: &str| {
            let none = || Error::setting("coding", name, "there are gzip, deflate, br and zstd");
            Self::named(name).ok_or_else(none)
        };
        text.split(',').map(|name| known(name.trim())).collect()
    }
}

/// Takes off every coding that `Content-Encoding` names, the last one first. A body without a coding
/// is handed back uncopied, an empty one (of a `HEAD`, say) as it is.
///
/// # Errors
/// `body_undecodable` for an unknown coding, more than four of them, or a body that is broken, cut
/// off or goes on after its end; `body_too_large` as soon as any layer grows beyond `limit` bytes.
pub fn decode(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Error> {
    if body.is_empty() || !headers.contains_key(CONTENT_ENCODING) {
        return Ok(body);
    }
    take_off(headers, body, limit)
}

/// Apart, since decoders take 50 KB of the stack: whoever unpacks nothing must not pay for that, a
/// virtual user on a stack of its own above all.
#[inline(never)]
fn take_off(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Error> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = String::from_utf8_lossy(value.as_bytes());
        for name in text.split(',').map(str::trim) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let refused = |reason: &str| Error::BodyUndecodable {
                coding: name.chars().take(64).collect(),
                reason: reason.to_owned(),
            };
            let coding =
                Coding::named(name).ok_or_else(|| refused("this coding is not known here"))?;
            if codings.len() == MOST_CODINGS {
                return Err(refused("it is wrapped more than four times"));
            }
            codings.push(coding);
        }
    }
    let mut body = body;
    for coding in codings.into_iter().rev() {
        body = unpack(coding, &body, limit)?;
    }
    Ok(body)
}

/// Packs `body`: gzip and deflate at zlib's usual level, Brotli at 5, Zstandard at its fastest.
pub fn encode(coding: Coding, body: &[u8]) -> Bytes {
    const PROOF: &str = "a vector takes every write";
    let packed = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).expect(PROOF);
            encoder.finish().expect(PROOF)
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).expect(PROOF);
            encoder.finish().expect(PROOF)
        }
        Coding::Brotli => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            encoder.write_all(body).expect(PROOF);
            encoder.into_inner()
        }
        Coding::Zstd => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ruzstd::encoding::compress_to_vec(body, level)
        }
    };
    Bytes::from(packed)
}

/// Packs `body` with each of `codings` in turn, and gives the value of `Content-Encoding` that says
/// so; `None` without any.
pub fn encode_all(codings: &[Coding], mut body: Bytes) -> (Option<HeaderValue>, Bytes) {
    let mut names = String::new();
    for coding in codings {
        body = encode(*coding, &body);
        if !names.is_empty() {
            names.push_str(", ");
        }
        names.push_str(coding.as_str());
    }
    let said = HeaderValue::try_from(names).expect("names of codings are letters");
    ((!codings.is_empty()).then_some(said), body)
}

/// Why a layer could not be taken off.
enum Broken {
    TooLarge,
    Because(String),
}

impl From<&str> for Broken {
    fn from(reason: &str) -> Self {
        Self::Because(reason.to_owned())
    }
}

fn unpack(coding: Coding, packed: &[u8], limit: usize) -> Result<Bytes, Error> {
    let mut output = Output { bytes: Vec::new(), limit };
    let result = match coding {
        Coding::Gzip => gunzip(packed, &mut output),
        Coding::Deflate => inflate(packed, &mut output),
        Coding::Brotli => unbrotli(packed, &mut output),
        Coding::Zstd => unzstd(packed, &mut output),
    };
    match result {
        Ok(()) => Ok(Bytes::from(output.bytes)),
        Err(Broken::TooLarge) => Err(Error::BodyTooLarge { limit }),
        Err(Broken::Because(reason)) => {
            Err(Error::BodyUndecodable { coding: coding.as_str().to_owned(), reason })
        }
    }
}

/// What came out so far; it never grows beyond its limit.
struct Output {
    bytes: Vec<u8>,
    limit: usize,
}

impl Output {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(Broken::TooLarge);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

const PIECE: usize = 16 * 1024;

fn gunzip(packed: &[u8], output: &mut Output) -> Result<(), Broken> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut piece = [0; PIECE];
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => output.take(&piece[..length])?,
            Err(error) => return Err(Broken::Because(error.to_string())),
        }
    }
}

/// RFC 9110 means zlib's format by `deflate`; what does not begin as zlib's is read bare.
fn inflate(packed: &[u8], output: &mut Output) -> Result<(), Broken> {
    let wrapped = match packed {
        [first, second, ..] => {
            first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31)
        }
        _ => false,
    };
    let mut state = Decompress::new(wrapped);
    let mut piece = [0; PIECE];
    loop {
        let (read, wrote) = (state.total_in(), state.total_out());
        let rest = usize::try_from(read).ok().and_then(|read| packed.get(read..)).unwrap_or(&[]);
        let status = state
            .decompress(rest, &mut piece, FlushDecompress::None)
            .map_err(|error| Broken::Because(error.to_string()))?;
        // At most a piece, so it fits.
        let length = usize::try_from(state.total_out() - wrote).unwrap_or(PIECE);
        output.take(&piece[..length])?;
        match status {
            Status::StreamEnd if state.total_in() == packed.len() as u64 => return Ok(()),
            Status::StreamEnd => return Err("it goes on after its end".into()),
            _ if state.total_in() == read && length == 0 => return Err("it is cut off".into()),
            _ => {}
        }
    }
}

fn unbrotli(packed: &[u8], output: &mut Output) -> Result<(), Broken> {
    use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, HeapAlloc, HuffmanCode};
    // Strict: without the large windows that RFC 7932 does not have, so at most 16 MiB of window.
    let mut state = BrotliState::new_strict(
        HeapAlloc::<u8>::new(0),
        HeapAlloc::<u32>::new(0),
        HeapAlloc::<HuffmanCode>::new(HuffmanCode::default()),
    );
    let (mut available, mut position, mut total) = (packed.len(), 0, 0);
    let mut piece = [0; PIECE];
    loop {
        let (mut room, mut length) = (PIECE, 0);
        let result = BrotliDecompressStream(
            &mut available,
            &mut position,
            packed,
            &mut room,
            &mut length,
            &mut piece,
            &mut total,
            &mut state,
        );
        output.take(&piece[..length])?;
        match result {
            BrotliResult::ResultSuccess if available == 0 => return Ok(()),
            BrotliResult::ResultSuccess => return Err("it goes on after its end".into()),
            BrotliResult::NeedsMoreInput => return Err("it is cut off".into()),
            BrotliResult::ResultFailure => return Err("it is not valid Brotli".into()),
            BrotliResult::NeedsMoreOutput => {}
        }
    }
}

/// Frame after frame; those that say they are to be skipped are skipped.
fn unzstd(mut packed: &[u8], output: &mut Output) -> Result<(), Broken> {
    let because = |error: FrameDecoderError| Broken::Because(error.to_string());
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(ZSTD_WINDOW);
    let mut piece = [0; PIECE];
    while !packed.is_empty() {
        match decoder.init(&mut packed) {
            Ok(()) => {}
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > packed.len() {
                    return Err("it is cut off".into());
                }
                packed.consume(length);
                continue;
            }
            Err(error) => return Err(because(error)),
        }
        loop {
            while decoder.can_collect() > 0 {
                let length = decoder.read(&mut piece).map_err(|error| error.to_string());
                output.take(&piece[..length.map_err(Broken::Because)?])?;
            }
            if decoder.is_finished() {
                break;
            }
            decoder
                .decode_blocks(&mut packed, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(because)?;
        }
        let (said, found) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
        if said.is_some() && said != found {
            return Err("its checksum is wrong".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 1024 * 1024;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (CONTENT_ENCODING, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn code(result: Result<Bytes, Error>) -> &'static str {
        result.map_err(|error| error.code()).err().unwrap_or("decoded")
    }

    #[test]
    fn every_coding_comes_back_alone_and_in_layers() {
        let text = b"the same words, the same words, the same words".repeat(100);
        for coding in Coding::ALL {
            let packed = encode(coding, &text);
            assert!(packed.len() < text.len() / 10, "{coding:?} {}", packed.len());
            let body = decode(&headers(&[coding.as_str()]), packed, LIMIT).unwrap();
            assert_eq!(body, text);
            let empty = encode(coding, b"");
            assert_eq!(decode(&headers(&[coding.as_str()]), empty, 0).unwrap(), "");
        }
        let inner = encode(Coding::Zstd, &encode(Coding::Gzip, &text));
        let packed = encode(Coding::Brotli, &encode(Coding::Deflate, &inner));
        let named = headers(&["X-GZIP , zstd", "identity,,deflate", "BR"]);
        assert_eq!(decode(&named, packed, LIMIT).unwrap(), text);
        // Without a coding the bytes are handed on as they are.
        assert_eq!(decode(&HeaderMap::new(), Bytes::from_static(b"x"), 0).unwrap(), "x");
        assert_eq!(decode(&headers(&["gzip"]), Bytes::new(), 0).unwrap(), "");
        // Bare deflate, as some servers mean it; several members of gzip and frames of Zstandard.
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(&text).unwrap();
        let bare = Bytes::from(bare.finish().unwrap());
        assert_eq!(decode(&headers(&["deflate"]), bare, LIMIT).unwrap(), text);
        let twice = |coding| [encode(coding, b"one "), encode(coding, b"two")].concat();
        for coding in [Coding::Gzip, Coding::Zstd] {
            let packed = Bytes::from(twice(coding));
            assert_eq!(decode(&headers(&[coding.as_str()]), packed, LIMIT).unwrap(), "one two");
        }
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &twice(Coding::Zstd)];
        let packed = Bytes::from(skipped.concat());
        assert_eq!(decode(&headers(&["zstd"]), packed, LIMIT).unwrap(), "one two");
    }

    #[test]
    fn codings_are_put_on_in_the_order_they_are_named() {
        let text = Bytes::from(b"the same words, ".repeat(50));
        for list in ["gzip", "gzip, deflate", " zstd,br ,gzip", "deflate,deflate"] {
            let codings = Coding::list(list).unwrap();
            let (said, packed) = encode_all(&codings, text.clone());
            let said = said.unwrap();
            let told = said.to_str().unwrap().replace(' ', "");
            assert_eq!(told, list.replace(' ', ""));
            let named = HeaderMap::from_iter([(CONTENT_ENCODING, said)]);
            assert_ne!(packed, text);
            assert_eq!(decode(&named, packed, LIMIT).unwrap(), text);
        }
        assert_eq!(encode_all(&[], text.clone()), (None, text));
        for list in ["", "gzip,", "gzip, lzma", "identity"] {
            assert_eq!(Coding::list(list).unwrap_err().code(), "invalid_setting", "{list}");
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let zeros = vec![0; 16 * LIMIT];
        for coding in Coding::ALL {
            let bomb = encode(coding, &zeros);
            assert!(bomb.len() < LIMIT / 8, "{coding:?} {}", bomb.len());
            let named = headers(&[coding.as_str()]);
            assert_eq!(code(decode(&named, bomb.clone(), LIMIT)), "body_too_large", "{coding:?}");
            // In layers the inner one is refused just so.
            let twice = encode(Coding::Gzip, &bomb);
            let named = headers(&[coding.as_str(), "gzip"]);
            assert_eq!(code(decode(&named, twice, LIMIT)), "body_too_large", "{coding:?}");
        }
        let exact = encode(Coding::Gzip, &zeros[..LIMIT]);
        assert_eq!(code(decode(&headers(&["gzip"]), exact.clone(), LIMIT)), "decoded");
        assert_eq!(code(decode(&headers(&["gzip"]), exact, LIMIT - 1)), "body_too_large");
    }

    #[test]
    fn broken_bodies_and_unknown_codings_are_told() {
        let text: Vec<u8> = (0..9000_u32).flat_map(u32::to_le_bytes).collect();
        for coding in Coding::ALL {
            let named = headers(&[coding.as_str()]);
            let packed = encode(coding, &text);
            for cut in [1, packed.len() / 2, packed.len() - 1] {
                let cut = packed.slice(..cut);
                assert_eq!(code(decode(&named, cut, LIMIT)), "body_undecodable", "{coding:?}");
            }
            let more = Bytes::from([&packed[..], b"more"].concat());
            assert_eq!(code(decode(&named, more, LIMIT)), "body_undecodable", "{coding:?}");
            let page = Bytes::from_static(b"<html>not packed at all</html>");
            assert_eq!(code(decode(&named, page, LIMIT)), "body_undecodable", "{coding:?}");
        }
        for coding in [Coding::Gzip, Coding::Deflate] {
            let mut packed = encode(coding, &text).to_vec();
            let last = packed.len() - 5;
            packed[last] ^= 1;
            let named = headers(&[coding.as_str()]);
            assert_eq!(code(decode(&named, packed.into(), LIMIT)), "body_undecodable");
        }
        let body = Bytes::from_static(b"x");
        assert_eq!(code(decode(&headers(&["lzma"]), body.clone(), LIMIT)), "body_undecodable");
        let deep = headers(&["gzip, gzip, gzip, gzip, gzip"]);
        assert_eq!(code(decode(&deep, body.clone(), LIMIT)), "body_undecodable");
        // A window of a gigabyte in a frame of a few bytes.
        let window = Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 1, 0, 0]);
        assert_eq!(code(decode(&headers(&["zstd"]), window, LIMIT)), "body_undecodable");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_outgrow_the_limit(
            bytes in prop::collection::vec(any::<u8>(), 1..300),
            coding in prop::sample::select(Coding::ALL.to_vec()),
            flip in any::<prop::sample::Index>(),
            value in any::<u8>(),
        ) {
            let named = headers(&[coding.as_str()]);
            if let Ok(body) = decode(&named, Bytes::from(bytes.clone()), 4096) {
                prop_assert!(body.len() <= 4096);
            }
            let mut packed = encode(coding, &bytes).to_vec();
            prop_assert_eq!(&decode(&named, Bytes::from(packed.clone()), 4096).unwrap()[..], &bytes);
            *flip.get_mut(&mut packed) = value;
            if let Ok(body) = decode(&named, Bytes::from(packed), 4096) {
                prop_assert!(body.len() <= 4096);
            }
        }
    }
}
