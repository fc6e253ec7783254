//! Files that are packed by gzip, zstd or bzip2: found by their first bytes, unpacked as they are read.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::GzDecoder;

use super::InputFile;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// gzip, of one member or many.
    Gzip,
    /// Zstandard, of one frame or many.
    Zstd,
    /// bzip2, of one stream or many.
    Bzip2,
}

/// Bytes of a file that tell how it is packed.
pub(super) const MAGIC_BYTES: usize = 10;

impl Packing {
    /// Tells by its first [`MAGIC_BYTES`] how a file is packed, if at all.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1F, 0x8B, 8, ..] => Some(Self::Gzip),
            // A frame, or one that decoders pass over, as some programs put ahead.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstd),
            // `BZh9` alone might begin a text; the mark of a block, or of none, doesn't.
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..]
                if block.starts_with(b"1AY&SY") || block.starts_with(b"\x17rE8P\x90") =>
            {
                Some(Self::Bzip2)
            }
            _ => None,
        }
    }

    /// The ending of names of files that are packed so.
    pub(super) fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Gzip => &["gz", "gzip"],
            Self::Zstd => &["zst", "zstd"],
            Self::Bzip2 => &["bz2"],
        }
    }

    fn unpack<R: BufRead + Send + 'static>(
        self,
        packed: Counted<R>,
        member_start: &Arc<AtomicU64>,
    ) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => Box::new(Members::new(packed, member_start.clone())),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        })
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// The bytes of a file, unpacked if it is packed.
pub(super) struct Stream {
    reader: Box<dyn BufRead + Send>,
    packed_bytes: Option<Arc<AtomicU64>>,
    /// Where in the file the member begins that was last begun, where it is packed by gzip.
    member_start: Option<Arc<AtomicU64>>,
}

/// Bytes that are read ahead.
const BUFFER_BYTES: usize = 1 << 18;
/// Unpacked bytes up to which any ratio is fine: as much as may lie about in memory without harm.
const FREE_BYTES: u64 = 64 << 20;

impl Stream {
    /// Opens `file` at the unpacked byte `from`, which has to be 0 where the file is packed.
    pub(super) fn open(file: &InputFile, from: u64) -> io::Result<Self> {
        let raw = file.location.open(from)?;
        if from > 0 {
            let reader = Box::new(BufReader::with_capacity(BUFFER_BYTES, raw));
            return Ok(Self { reader, packed_bytes: None, member_start: None });
        }
        Self::of(raw, file.input.max_ratio)
    }

    /// Opens `file`, which is packed, at a member that begins at its byte `start`.
    pub(super) fn open_member(file: &InputFile, start: u64) -> io::Result<Self> {
        Self::from(file.location.open(start)?, start, file.input.max_ratio)
    }

    /// Finds how the bytes of `raw` are packed, and unpacks them.
    pub(super) fn of(raw: Box<dyn Read + Send>, max_ratio: u32) -> io::Result<Self> {
        Self::from(raw, 0, max_ratio)
    }

    /// The same for those from the byte `start` of a file on.
    fn from(mut raw: Box<dyn Read + Send>, start: u64, max_ratio: u32) -> io::Result<Self> {
        let mut head = Vec::with_capacity(MAGIC_BYTES);
        raw.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut head)?;
        let packing = Packing::of(&head);
        let raw = BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(head).chain(raw));
        let Some(packing) = packing else {
            return Ok(Self { reader: Box::new(raw), packed_bytes: None, member_start: None });
        };
        let packed_bytes = Arc::new(AtomicU64::new(start));
        let member_start = Arc::new(AtomicU64::new(start));
        let counted = Counted { inner: raw, bytes: packed_bytes.clone() };
        let unpacker = Unpacker {
            inner: packing.unpack(counted, &member_start)?,
            packing,
            start,
            packed_bytes: packed_bytes.clone(),
            unpacked_bytes: 0,
            max_ratio,
        };
        let reader = Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacker));
        let member_start = (packing == Packing::Gzip).then_some(member_start);
        Ok(Self { reader, packed_bytes: Some(packed_bytes), member_start })
    }

    /// Returns where in the file the member begins that was last begun, where it is packed by gzip.
    pub(super) fn member_start(&self) -> Option<u64> {
        self.member_start.as_ref().map(|start| start.load(Ordering::Relaxed))
    }

    /// Returns how many bytes of the file have been read, where they are packed.
    pub(super) fn packed_bytes(&self) -> Option<u64> {
        self.packed_bytes.as_ref().map(|bytes| bytes.load(Ordering::Relaxed))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

/// Tells how many bytes of a file the jobs so far have taken up, where it is packed.
#[derive(Debug, Default)]
pub(super) struct Progress {
    told: u64,
}

impl Progress {
    /// Returns the bytes since the last call: `unpacked` of them unless the file is packed.
    pub(super) fn since(&mut self, stream: &Stream, unpacked: u64) -> u64 {
        let Some(now) = stream.packed_bytes() else { return unpacked };
        // Less where the file was opened again further ahead.
        let told = self.told;
        self.told = now.max(told);
        now.saturating_sub(told)
    }
}

/// Unpacks one member of gzip behind the other, and tells where each begins.
struct Members<R> {
    /// None only within a call.
    member: Option<GzDecoder<Counted<R>>>,
    start: Arc<AtomicU64>,
}

impl<R: BufRead> Members<R> {
    fn new(packed: Counted<R>, start: Arc<AtomicU64>) -> Self {
        Self { member: Some(GzDecoder::new(packed)), start }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let n = member.read(buffer)?;
            if n > 0 || buffer.is_empty() || member.get_mut().fill_buf()?.is_empty() {
                return Ok(n);
            }
            let packed = self.member.take().map(GzDecoder::into_inner);
            self.member = packed.map(|packed| {
                self.start.store(packed.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
                GzDecoder::new(packed)
            });
        }
    }
}

/// Bytes of a member of gzip that surely unpack to its first few.
const PROBE_BYTES: usize = 4 << 10;

/// Tells whether the packed bytes of a member begin with the packed form of `begin`.
fn unpacks_to(packed: &[u8], begin: &[u8]) -> bool {
    let mut unpacked = Vec::new();
    let probe = &packed[..packed.len().min(PROBE_BYTES)];
    // What is cut off gives an error behind the bytes that matter.
    let _ = GzDecoder::new(probe).take(begin.len() as u64).read_to_end(&mut unpacked);
    unpacked == begin
}

/// Tells whether the member of gzip at the byte `at` of a file unpacks to bytes that begin with `begin`.
pub(super) fn member_begins_with(file: &InputFile, at: u64, begin: &[u8]) -> io::Result<bool> {
    let mut packed = Vec::with_capacity(PROBE_BYTES);
    file.location.open(at)?.take(PROBE_BYTES as u64).read_to_end(&mut packed)?;
    Ok(unpacks_to(&packed, begin))
}

/// A member of gzip that was looked for.
pub(super) struct FoundMember {
    /// Its first byte in the file.
    pub(super) start: u64,
    /// Members that were passed over, as they could not be unpacked.
    pub(super) n_passed: u64,
}

/// Finds the first member of gzip at or behind the byte `from` of a file whose unpacked bytes begin
/// with `begin`.
pub(super) fn find_member(
    file: &InputFile,
    from: u64,
    begin: &[u8],
) -> io::Result<Option<FoundMember>> {
    let mut raw = file.location.open(from)?;
    let (mut buffer, mut start, mut is_at_end) = (Vec::new(), from, false);
    let mut n_passed = 0;
    loop {
        if !is_at_end {
            let n = raw.by_ref().take(BUFFER_BYTES as u64).read_to_end(&mut buffer)?;
            is_at_end = n < BUFFER_BYTES;
        }
        // Up to where a member that begins there can be looked into.
        let end = if is_at_end { buffer.len() } else { buffer.len() - PROBE_BYTES };
        let found = memchr::memmem::find_iter(&buffer, b"\x1F\x8B\x08")
            .take_while(|at| *at < end)
            .find(|at| {
                let is_found = unpacks_to(&buffer[*at..], begin);
                n_passed += u64::from(!is_found && is_head(&buffer[*at..]));
                is_found
            });
        if let Some(at) = found {
            return Ok(Some(FoundMember { start: start + at as u64, n_passed }));
        }
        if is_at_end {
            return Ok(None);
        }
        buffer.drain(..end);
        start += end as u64;
    }
}

/// Tells whether bytes that begin like a member of gzip go on like its head (RFC 1952, 2.3.1): the flags,
/// the time, the level and the system. Of random bytes that do so one in a hundred thousand does that.
fn is_head(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, _, 0..=0x1F, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..])
}

/// Counts the bytes that are taken out of a reader, without those it has read ahead.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.fetch_add(amount as u64, Ordering::Relaxed);
        self.inner.consume(amount);
    }
}

/// Why a packed file can't be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    #[error("the {packing} data ends early, at byte {packed} of the file, {unpacked} unpacked")]
    Truncated { packing: Packing, packed: u64, unpacked: u64 },
    #[error(
        "the {packing} data is damaged near byte {packed} of the file, {unpacked} unpacked: {cause}"
    )]
    Damaged { packing: Packing, packed: u64, unpacked: u64, cause: io::Error },
    #[error(
        "the {packing} data unpacks to more than {max_ratio} times its bytes, {unpacked} out of \
         {packed} so far, as a file does that is made to fill the memory; raise `max_ratio` of \
         the input if it is sound"
    )]
    Bomb { packing: Packing, packed: u64, unpacked: u64, max_ratio: u32 },
}

/// Watches over what comes out of a decoder.
struct Unpacker {
    inner: Box<dyn Read + Send>,
    packing: Packing,
    /// Where in the file it begins.
    start: u64,
    packed_bytes: Arc<AtomicU64>,
    unpacked_bytes: u64,
    max_ratio: u32,
}

impl Read for Unpacker {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let packing = self.packing;
        let read = self.inner.read(buffer);
        let packed = self.packed_bytes.load(Ordering::Relaxed);
        let unpacked = self.unpacked_bytes;
        let n = read.map_err(|cause| match cause.kind() {
            // Not of what is packed, but of where it comes from.
            io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::StaleNetworkFileHandle => cause,
            kind @ io::ErrorKind::UnexpectedEof => {
                io::Error::new(kind, UnpackError::Truncated { packing, packed, unpacked })
            }
            kind => io::Error::new(kind, UnpackError::Damaged { packing, packed, unpacked, cause }),
        })?;
        self.unpacked_bytes += n as u64;
        let (unpacked, max_ratio) = (self.unpacked_bytes, self.max_ratio);
        if unpacked > FREE_BYTES && unpacked / u64::from(max_ratio.max(1)) > packed - self.start {
            return Err(io::Error::other(UnpackError::Bomb {
                packing,
                packed,
                unpacked,
                max_ratio,
            }));
        }
        Ok(n)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    pub(in crate::source) fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => zstd::encode_all(bytes, 3).unwrap(),
            Packing::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    pub(in crate::source) const ALL: [Packing; 3] = [Packing::Gzip, Packing::Zstd, Packing::Bzip2];

    fn unpacked(bytes: Vec<u8>, max_ratio: u32) -> (Vec<u8>, Result<usize, String>) {
        let mut out = Vec::new();
        let mut stream = Stream::of(Box::new(io::Cursor::new(bytes)), max_ratio).unwrap();
        let read = stream.read_to_end(&mut out).map_err(|error| error.to_string());
        (out, read)
    }

    #[test]
    fn several_members_are_one_file() {
        for packing in ALL {
            let bytes =
                [pack(packing, "第一".as_bytes()), pack(packing, "第二".as_bytes())].concat();
            assert_eq!(Packing::of(&bytes), Some(packing));
            assert_eq!(unpacked(bytes, 300), ("第一第二".as_bytes().to_vec(), Ok(12)));
            assert_eq!(Packing::of(&pack(packing, b"")), Some(packing), "of nothing");
        }
    }

    #[test]
    fn a_file_that_ends_early_is_said_to() {
        let text: Vec<u8> =
            (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for packing in ALL {
            let mut bytes = pack(packing, &text);
            bytes.truncate(bytes.len() - 20);
            let (out, error) = unpacked(bytes, 300);
            assert!(text.starts_with(&out), "{packing}");
            let error = error.unwrap_err();
            assert!(
                error.starts_with(&format!("the {packing} data ends early, at byte ")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let zeros = vec![0; 80 << 20];
        for packing in ALL {
            let (out, error) = unpacked(pack(packing, &zeros), 300);
            assert!(out.len() < 66 << 20);
            assert!(error.unwrap_err().contains("raise `max_ratio`"), "{packing}");
        }
        assert_eq!(unpacked(pack(Packing::Gzip, &zeros), 2000).1, Ok(80 << 20));
    }

    #[test]
    fn a_text_about_bzip2_is_text() {
        assert_eq!(Packing::of(b"BZh9 is how it begins"), None);
    }
}
