//! Decompresses archives (plain, gzip or zstd, by magic number) and computes digests.

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::iter;
use std::rc::Rc;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Magic numbers of the frames of a zstd stream that decoders skip: the first byte is from 0x50 to 0x5f, these follow.
const SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];
/// Unsupported compressions with their magic numbers, for a clear error.
const OTHERS: [(&[u8], &str); 2] = [(&[0xfd, b'7', b'z', b'X', b'Z'], "xz"), (b"BZh", "bzip2")];

/// Maximum window size of a zstd stream, in memory.
const MAX_WINDOW_BYTES: u64 = 128 << 20;

/// Returns a reader of the decompressed content.
///
/// # Errors
/// When the compression is unsupported, or the file cannot be read.
pub(crate) fn content<'a>(from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut from = BufReader::with_capacity(256 << 10, from);
    let head = from.fill_buf()?;
    if head.starts_with(GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(from)));
    }
    if head.starts_with(ZSTD) || is_skipped(head) {
        return Ok(Box::new(Frames { current: None, from: Some(from) }));
    }
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(io::Error::other(format!(
            "unsupported compression {name}; supported are plain, gzip and zstd"
        )));
    }
    Ok(Box::new(from))
}

/// Returns whether a zstd stream goes on with a frame that decoders skip.
fn is_skipped(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, rest @ ..] if rest.starts_with(SKIPPED))
}

type Frame<R> = StreamingDecoder<Chain<Cursor<Vec<u8>>, R>, ruzstd::decoding::FrameDecoder>;

/// Decoder of a zstd stream of several frames.
struct Frames<R: Read> {
    current: Option<Box<Frame<R>>>,
    /// State between two frames.
    from: Option<R>,
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.current {
                let length = frame.read(buffer).map_err(ended_early)?;
                if length > 0 || buffer.is_empty() {
                    return Ok(length);
                }
                self.from = self.current.take().map(|frame| frame.into_inner().into_inner().1);
            }
            let Some(mut from) = self.from.take() else { return Ok(0) };
            let mut magic = Vec::with_capacity(ZSTD.len());
            from.by_ref().take(4).read_to_end(&mut magic)?;
            if magic.is_empty() {
                return Ok(0);
            }
            if is_skipped(&magic) {
                skip(&mut from)?;
                self.from = Some(from);
                continue;
            }
            let whole = Cursor::new(magic).chain(from);
            let frame = StreamingDecoder::new_with_max_window_size(whole, MAX_WINDOW_BYTES);
            self.current = Some(Box::new(frame.map_err(|error| ended_early(io::Error::other(error)))?));
        }
    }
}

/// Gives the error of a decoder the kind of its cause if that is the early end of the stream, as gzip's has it.
fn ended_early(error: io::Error) -> io::Error {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    let mut causes = causes.filter_map(|cause| cause.downcast_ref::<io::Error>());
    if causes.any(|cause| cause.kind() == io::ErrorKind::UnexpectedEof) {
        return io::ErrorKind::UnexpectedEof.into();
    }
    error
}

/// Reads the rest of a frame that decoders skip: its length, and as many bytes.
fn skip(from: &mut impl Read) -> io::Result<()> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    let skipped = io::copy(&mut from.take(length), &mut io::sink())?;
    if skipped == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// SHA-256 digest of what is added to it.
#[derive(Debug, Default)]
pub(super) struct Summing(Sha256);

impl Summing {
    /// Adds some bytes. Where they end makes a difference.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
    }

    /// Formats the digest in hexadecimal digits.
    pub(super) fn hex(self) -> String {
        Digest(Rc::new(RefCell::new(self.0))).hex()
    }
}

/// SHA-256 digest of the bytes read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Digest(Rc<RefCell<Sha256>>);

impl Digest {
    /// Formats the digest in hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        let digest = self.0.borrow().clone().finalize();
        digest.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Reader that computes the digest of the bytes read.
#[derive(Debug)]
pub(super) struct Digesting<R> {
    from: R,
    digest: Digest,
}

impl<R> Digesting<R> {
    /// Creates a reader, and the digest of the bytes read from it.
    pub(super) fn new(from: R) -> (Self, Digest) {
        let digest = Digest::default();
        (Self { from, digest: digest.clone() }, digest)
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.digest.0.borrow_mut().update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// Returns the digest of the rest of a reader.
///
/// # Errors
/// When the reader fails.
pub(crate) fn digest(from: impl Read) -> io::Result<String> {
    let (mut from, digest) = Digesting::new(from);
    let mut buffer = vec![0; 256 << 10];
    while from.read(&mut buffer)? > 0 {}
    Ok(digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        content(packed)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn each_way_of_packing_is_told_by_its_beginning() {
        for packed in [b"text".to_vec(), gzip(b"text"), zstd(b"text")] {
            assert_eq!(read(&packed).unwrap(), b"text");
        }
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn a_stream_may_have_several_members() {
        assert_eq!(read(&[gzip(b"a"), gzip(b"b")].concat()).unwrap(), b"ab");
        assert_eq!(read(&[zstd(b"a"), zstd(b"b")].concat()).unwrap(), b"ab");
    }

    #[test]
    fn a_stream_that_ends_early_says_so() {
        let text: Vec<u8> =
            (0..20_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for packed in [gzip(&text), zstd(&text), zstd(b"text")] {
            assert!(read(&packed).is_ok(), "control");
            let steps = packed.len() / 20 + 1;
            for length in (10..packed.len()).step_by(steps) {
                assert_eq!(
                    read(&packed[..length]).unwrap_err().kind(),
                    io::ErrorKind::UnexpectedEof,
                    "{length}"
                );
            }
        }
        let mut damaged = zstd(&text);
        damaged[4..12].fill(0xff);
        assert_ne!(read(&damaged).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn frames_that_decoders_skip_say_nothing_wherever_they_are() {
        let skipped = |bytes: &[u8]| [&[0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], bytes].concat();
        let (a, b, note) = (zstd(b"a"), zstd(b"b"), skipped(b"toc"));
        assert_eq!(read(&[&*note, &a, &note, &note, &b, &note].concat()).unwrap(), b"ab");
        let cut = read(&[a, skipped(b"to")].concat()).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_stream_that_is_cut_off_is_an_error() {
        let text = vec![b'x'; 100_000];
        for packed in [gzip(&text), zstd(&text)] {
            assert!(read(&packed[..packed.len() - 5]).is_err());
        }
    }

    #[test]
    fn other_ways_are_named() {
        let error = read(&[0xfd, b'7', b'z', b'X', b'Z', 0]).unwrap_err();
        assert_eq!(error.to_string(), "unsupported compression xz; supported are plain, gzip and zstd");
    }

    #[test]
    fn the_digest_is_of_what_was_read() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(&b"abc"[..]).unwrap(), expected);
        let (mut from, digest) = Digesting::new(&b"abc"[..]);
        io::copy(&mut from, &mut io::sink()).unwrap();
        assert_eq!(digest.hex(), expected);
    }
}
