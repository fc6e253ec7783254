//! WARC and WET: archives of the web, in which pages lie as they were sent, or their text does.
//!
//! A parser of our own: the crate `warc` sets aside whatever length a record claims, reads heads of any
//! size, and ends at the first record that is broken.

use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::sync::Arc;

use super::packing::{Progress, Stream, UnpackError, find_member, member_begins_with};
use super::{Content, InputFile, Job, cannot_read, cannot_read_on, source_ref, too_large};
use crate::document::{Alignment, Document, Place, SourceRef, Unit};
use crate::stage::DocumentError;

/// Bytes of the longest head of a record, and of that of HTTP in it.
const HEAD_BYTES: usize = 256 << 10;
/// Fields of the longest head of HTTP.
const MAX_FIELDS: usize = 256;

/// How the first line of a record begins.
const BEGIN: &[u8] = b"WARC/";

/// How much of the body of a record there is.
enum Body {
    Whole,
    /// The file ends within it.
    EndsEarly,
    /// The next record begins within it, or the file is known to end there.
    TooLong,
}

/// The records of a file that hold a document, as jobs.
pub(super) struct Records {
    stream: Result<Stream, Option<io::Error>>,
    /// What the stream is of.
    opened: InputFile,
    progress: Progress,
    shown: Arc<str>,
    file: u32,
    max_bytes: u64,
    offset: u64,
    /// Bytes up to here are told of already.
    told: u64,
    record: u64,
    /// Where the member of gzip begins that the last record does.
    member: Option<u64>,
    /// The first line of the next record, where it has been read already.
    next_line: Option<Vec<u8>>,
    /// What went wrong in reading it.
    failed_ahead: Option<io::Error>,
    /// Records that are lost, and still to be told of.
    n_lost: u64,
    /// Where reading begins, if the first member of gzip is damaged.
    first_sound: Option<u64>,
}

/// What the head of a record says.
#[derive(Debug, Default)]
struct Head {
    kind: String,
    id: String,
    url: String,
    date: String,
    content_type: String,
    byte_len: Option<u64>,
}

impl Records {
    pub(super) fn open(file: &InputFile, at: u32, max_bytes: u64) -> Self {
        let mut stream = Stream::open(file, 0).map_err(Some);
        let mut first_sound = None;
        // By its name packed, but not by its first bytes.
        if let Ok(plain) = &mut stream
            && plain.packed_bytes().is_none()
            && plain.fill_buf().is_ok_and(|bytes| !bytes.starts_with(BEGIN))
            && file.shown.ends_with(".gz")
            && let Ok(Some(found)) = find_member(file, 0, BEGIN)
        {
            stream = Stream::open_member(file, found.start).map_err(Some);
            first_sound = Some(found.start);
        }
        Self {
            stream,
            opened: file.clone(),
            progress: Progress::default(),
            shown: file.shown.clone(),
            file: at,
            max_bytes,
            offset: 0,
            told: 0,
            record: 0,
            member: None,
            next_line: None,
            failed_ahead: None,
            n_lost: 0,
            first_sound,
        }
    }

    fn stream(&mut self) -> io::Result<&mut Stream> {
        match &mut self.stream {
            Ok(stream) => Ok(stream),
            Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads a line with its end, or as much of it as a head may have; empty at the end of the file.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let n = self.stream()?.take(HEAD_BYTES as u64).read_until(b'\n', &mut line)?;
        self.offset += n as u64;
        Ok(line)
    }

    /// Reads the body of a record, `byte_len` bytes by its head, into `body` if it is wanted.
    ///
    /// It is not whole where the file ends, or where a member of gzip begins a record: then the length is
    /// wrong, as no record goes on behind the member that another begins in.
    fn body(&mut self, byte_len: u64, mut body: Option<&mut Vec<u8>>) -> io::Result<Body> {
        let is_packed = self.stream()?.packed_bytes().is_some();
        if !is_packed && self.offset.saturating_add(byte_len) > self.opened.bytes {
            return Ok(Body::TooLong);
        }
        let mut member = self.member_begun();
        let mut left = byte_len;
        while left > 0 {
            if self.stream()?.fill_buf()?.is_empty() {
                return Ok(Body::EndsEarly);
            }
            let begun = self.member_begun();
            if let Some(start) = begun.filter(|_| begun != member)
                && member_begins_with(&self.opened, start, BEGIN)?
            {
                return Ok(Body::TooLong);
            }
            member = begun;
            let stream = self.stream()?;
            let bytes = stream.fill_buf()?;
            let n = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if let Some(body) = &mut body {
                body.extend_from_slice(&bytes[..n]);
            }
            stream.consume(n);
            self.offset += n as u64;
            left -= n as u64;
        }
        Ok(Body::Whole)
    }

    /// Tells of a record whose body is not whole, and looks for the next one.
    fn broken(&mut self, body: &Body, start: u64, byte_len: u64) -> io::Result<Job> {
        if matches!(body, Body::EndsEarly) {
            return Ok(self.truncated(start));
        }
        self.resync()?;
        if self.next_line.is_none() {
            return Ok(self.truncated(start));
        }
        let error = DocumentError::new(format!(
            "the record at byte {start} is {byte_len} bytes long by its head, which is more than there are \
             ahead of the next one"
        ));
        Ok(self.job(start, Err(error)))
    }

    /// Reads on to the next line that begins a record.
    fn resync(&mut self) -> io::Result<()> {
        let mut at_line_start = true;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            if at_line_start && is_version(&line) {
                self.next_line = Some(line);
                return Ok(());
            }
            at_line_start = line.ends_with(b"\n");
        }
    }

    /// Reads on to the first line of the next record, and so past the end of the member of gzip that this
    /// one lies in, where its checksum is.
    ///
    /// # Errors
    /// If this record's own member is damaged.
    fn read_ahead(&mut self) -> io::Result<()> {
        loop {
            match self.line() {
                Ok(line) if line.is_empty() => return Ok(()),
                Ok(line) if line.trim_ascii().is_empty() => {}
                Ok(line) => {
                    self.next_line = Some(line);
                    return Ok(());
                }
                Err(error) if is_damaged(&error) && self.is_in_its_member() => return Err(error),
                Err(error) => {
                    self.failed_ahead = Some(error);
                    return Ok(());
                }
            }
        }
    }

    /// Returns where the member of gzip begins that was last begun.
    fn member_begun(&self) -> Option<u64> {
        self.stream.as_ref().ok().and_then(Stream::member_start)
    }

    /// Tells whether what is read still is of the member that the last record began in.
    fn is_in_its_member(&self) -> bool {
        self.member.is_some() && self.member_begun() == self.member
    }

    fn job(&mut self, start: u64, content: Result<Record, DocumentError>) -> Job {
        let place = Place { file: self.file, offset: start };
        let source =
            SourceRef { unit: Unit::Record(self.record), ..source_ref(&self.shown, start) };
        let ahead = self.next_line.as_ref().map_or(0, Vec::len) as u64;
        let taken = self.offset - ahead - std::mem::replace(&mut self.told, self.offset - ahead);
        let input_bytes = match &self.stream {
            Ok(stream) => self.progress.since(stream, taken),
            Err(_) => 0,
        };
        match content {
            Ok(record) => Job {
                bytes: record.body.len() as u64,
                input_bytes,
                place,
                source,
                content: Content::Record(Box::new(record)),
            },
            Err(error) => Job { input_bytes, ..Job::failed(place, source, error) },
        }
    }

    fn next_job(&mut self) -> io::Result<Option<Job>> {
        if self.stream.is_err() {
            return Ok(None);
        }
        loop {
            let line = match self.next_line.take() {
                Some(line) => line,
                None => self.line()?,
            };
            if line.is_empty() {
                return Ok(None);
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let start = self.offset - line.len() as u64;
            self.record += 1;
            self.member = self.member_begun();
            if !is_version(&line) {
                self.resync()?;
                let error = DocumentError::new(format!(
                    "no record begins at byte {start}, where one should: the length of the one ahead \
                     may be wrong, or the file is damaged"
                ));
                return Ok(Some(self.job(start, Err(error))));
            }
            let head = match self.head()? {
                Ok(head) => head,
                Err(what) => {
                    self.resync()?;
                    let error = DocumentError::new(format!("the record at byte {start} {what}"));
                    return Ok(Some(self.job(start, Err(error))));
                }
            };
            let byte_len = head.byte_len.unwrap_or(0);
            let is_page = head.kind == "response" && is_http(&head.content_type);
            if !is_page && head.kind != "conversion" {
                match self.body(byte_len, None)? {
                    Body::Whole => continue,
                    body => return self.broken(&body, start, byte_len).map(Some),
                }
            }
            let body_start = self.offset;
            if byte_len > self.max_bytes {
                let error = too_large(Some(byte_len), self.max_bytes);
                return match self.body(byte_len, None)? {
                    Body::Whole => Ok(Some(self.job(start, Err(error)))),
                    body => self.broken(&body, start, byte_len).map(Some),
                };
            }
            let mut body = Vec::new();
            match self.body(byte_len, Some(&mut body))? {
                Body::Whole => {}
                body => return self.broken(&body, start, byte_len).map(Some),
            }
            let page = if is_page {
                match Page::of(&body) {
                    Ok(page) if page.is_text => Some(page),
                    Ok(_) => continue,
                    Err(what) => {
                        let error =
                            DocumentError::new(format!("the record at byte {start} {what}"));
                        return Ok(Some(self.job(start, Err(error))));
                    }
                }
            } else {
                None
            };
            let max_bytes = self.max_bytes;
            let record = Record { head, page, body, body_start, max_bytes };
            self.read_ahead()?;
            return Ok(Some(self.job(start, Ok(record))));
        }
    }

    /// Opens the file again at the first member of gzip behind the damaged one that begins with a
    /// record, if there is one; returns the bytes of the file that are passed over.
    fn go_on(&mut self) -> Option<Range<u64>> {
        let damaged = self.member_begun()?;
        let next = find_member(&self.opened, damaged + 1, BEGIN).ok()??;
        self.stream = Ok(Stream::open_member(&self.opened, next.start).ok()?);
        self.n_lost = next.n_passed;
        self.next_line = None;
        // What was lost counts as a byte, so that no two records have the same place.
        self.offset += 1;
        Some(damaged..next.start)
    }

    fn truncated(&mut self, start: u64) -> Job {
        let error = DocumentError::new(format!(
            "the file ends within the record at byte {start}: it was cut off, or the length of the \
             record is wrong"
        ));
        self.job(start, Err(error.ending_the_file()))
    }

    /// Reads the head of a record behind its first line; what is wrong with it is no error of the file.
    fn head(&mut self) -> io::Result<Result<Head, &'static str>> {
        let mut head = Head::default();
        let mut byte_len = 0;
        loop {
            let line = self.line()?;
            byte_len += line.len();
            if line.is_empty() {
                return Ok(Err("ends within its head"));
            }
            if byte_len > HEAD_BYTES {
                return Ok(Err("has a head without an end"));
            }
            if is_version(&line) {
                self.next_line = Some(line);
                return Ok(Err("ends within its head"));
            }
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            let line = String::from_utf8_lossy(line);
            if line.starts_with([' ', '\t']) {
                // Goes on with the field above, which is none that matters here.
                continue;
            }
            let Some((name, value)) = line.split_once(':') else {
                return Ok(Err("has a head with a line that is no field"));
            };
            let bare = || value.trim().trim_matches(['<', '>']).to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "warc-type" => head.kind = value.trim().to_ascii_lowercase(),
                "warc-record-id" => head.id = bare(),
                "warc-target-uri" => head.url = bare(),
                "warc-date" => head.date = bare(),
                "content-type" => head.content_type = value.trim().to_ascii_lowercase(),
                "content-length" => head.byte_len = value.trim().parse().ok(),
                _ => {}
            }
        }
        Ok(if head.byte_len.is_some() { Ok(head) } else { Err("has no sound `Content-Length`") })
    }
}

fn is_version(line: &[u8]) -> bool {
    line.starts_with(BEGIN) && line.trim_ascii_end().len() < 20
}

/// Tells whether an error is of what a file holds. What can't be reached now can't be reached further on
/// either.
fn is_damaged(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<UnpackError>())
}

fn is_http(content_type: &str) -> bool {
    content_type.is_empty() || content_type.starts_with("application/http")
}

fn unpackable(lost: Range<u64>) -> DocumentError {
    DocumentError::new(format!(
        "bytes {} to {} of the file can't be unpacked, where a record is; reading goes on behind them",
        lost.start, lost.end
    ))
}

impl Iterator for Records {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let start = self.offset;
        if let Some(next) = self.first_sound.take() {
            self.record += 1;
            self.offset += 1;
            return Some(self.job(start, Err(unpackable(0..next))));
        }
        if self.n_lost > 0 {
            self.n_lost -= 1;
            self.record += 1;
            self.offset += 1;
            let error = DocumentError::new("it can't be unpacked, as the record ahead of it");
            return Some(self.job(start, Err(error)));
        }
        let read = match &mut self.stream {
            Ok(_) => self.failed_ahead.take().map_or_else(|| self.next_job(), Err),
            Err(error) => match error.take() {
                None => return None,
                Some(error) => return Some(self.job(start, Err(cannot_read(error)))),
            },
        };
        read.unwrap_or_else(|error| {
            let offset = self.offset.max(start);
            let is_damaged = is_damaged(&error);
            if is_damaged && self.member_begun() != self.member {
                // It is the next record that can't be read, of which there is not even the first line.
                self.record += 1;
            }
            let lost = if is_damaged { self.go_on() } else { None };
            let is_over = lost.is_none();
            let error = match lost {
                Some(lost) => unpackable(lost).caused_by(error),
                None => cannot_read_on(error),
            };
            let job = self.job(offset, Err(error));
            if is_over {
                self.stream = Err(None);
            }
            Some(job)
        })
    }
}

/// A record that holds a document.
#[derive(Debug)]
pub(super) struct Record {
    head: Head,
    /// The head of HTTP, where it is a page as it was sent.
    page: Option<Page>,
    body: Vec<u8>,
    body_start: u64,
    max_bytes: u64,
}

/// What the head of HTTP says of a page.
#[derive(Debug, Default)]
struct Page {
    head_len: usize,
    is_text: bool,
    charset: Option<String>,
    is_chunked: bool,
    /// In the order they were applied in.
    encodings: Vec<String>,
    status: Option<u16>,
}

impl Page {
    fn of(body: &[u8]) -> Result<Self, &'static str> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let config = {
            let mut config = httparse::ParserConfig::default();
            config
                .allow_obsolete_multiline_headers_in_responses(true)
                .allow_spaces_after_header_name_in_responses(true)
                .ignore_invalid_headers_in_responses(true);
            config
        };
        let head = &body[..body.len().min(HEAD_BYTES)];
        let head_len = match config.parse_response(&mut response, head) {
            Ok(httparse::Status::Complete(head_len)) => head_len,
            Ok(httparse::Status::Partial) => return Err("holds a head of HTTP without an end"),
            Err(_) => return Err("holds no response of HTTP"),
        };
        let mut page = Self { head_len, status: response.code, ..Self::default() };
        for field in response.headers.iter() {
            let value = String::from_utf8_lossy(field.value).to_ascii_lowercase();
            match field.name.to_ascii_lowercase().as_str() {
                "content-type" => {
                    let (kind, rest) = value.split_once(';').unwrap_or((&value, ""));
                    page.is_text =
                        matches!(kind.trim(), "text/html" | "text/plain" | "application/xhtml+xml");
                    page.charset = rest
                        .split(';')
                        .find_map(|part| part.trim().strip_prefix("charset="))
                        .map(|name| name.trim_matches(['"', '\'', ' ']).to_owned());
                }
                "transfer-encoding" => page.is_chunked = value.contains("chunked"),
                "content-encoding" => {
                    page.encodings = value
                        .split(',')
                        .map(|name| name.trim().to_owned())
                        .filter(|name| !name.is_empty() && name != "identity")
                        .collect();
                }
                _ => {}
            }
        }
        Ok(page)
    }
}

impl Record {
    pub(super) fn load(self, source: SourceRef) -> Result<Document, DocumentError> {
        let Self { head, page, body, body_start, max_bytes } = self;
        let mut doc = Document::default();
        doc.source = SourceRef { byte_offset: body_start, ..source.clone() };
        doc.id = match (head.id, &head.url) {
            (id, _) if !id.is_empty() => id,
            (_, url) if !url.is_empty() => url.clone(),
            _ => source.to_string(),
        };
        let mut push = |name: &str, value: &dyn erased::Json| doc.fields.push(name, value.raw());
        if !head.url.is_empty() {
            push("url", &head.url);
        }
        if !head.date.is_empty() {
            push("date", &head.date);
        }
        let Some(page) = page else {
            match String::from_utf8(body) {
                Ok(text) => doc.set_decoded(text, Alignment::default()),
                Err(error) => doc.raw = error.into_bytes(),
            }
            return Ok(doc);
        };
        if let Some(status) = page.status {
            push("http_status", &status);
        }
        if let Some(charset) = &page.charset {
            push("http_charset", charset);
        }
        doc.source.byte_offset += page.head_len as u64;
        let mut bytes = body;
        bytes.drain(..page.head_len);
        if page.is_chunked
            && let Some(joined) = unchunked(&bytes)
        {
            bytes = joined;
        }
        for encoding in page.encodings.iter().rev() {
            bytes = unpacked(encoding, bytes, max_bytes)?;
        }
        doc.raw = bytes;
        Ok(doc)
    }
}

/// Values that are written as JSON.
mod erased {
    use serde_json::value::{RawValue, to_raw_value};

    pub(super) trait Json {
        fn raw(&self) -> Box<RawValue>;
    }

    impl<T: serde::Serialize> Json for T {
        fn raw(&self) -> Box<RawValue> {
            to_raw_value(self).expect("strings and numbers are JSON")
        }
    }
}

/// Joins the chunks of a body; none if it has none, as crawlers may have joined them already.
fn unchunked(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let Ok(httparse::Status::Complete((head_len, chunk_len))) =
            httparse::parse_chunk_size(rest)
        else {
            // What came ahead of the damage is what a browser would show.
            return (!joined.is_empty()).then_some(joined);
        };
        rest = &rest[head_len..];
        if chunk_len == 0 {
            return Some(joined);
        }
        let n = usize::try_from(chunk_len).unwrap_or(usize::MAX).min(rest.len());
        joined.extend_from_slice(&rest[..n]);
        rest = &rest[n..];
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
    }
}

/// Undoes one `Content-Encoding`; bytes that are not packed so stay as they are.
fn unpacked(encoding: &str, bytes: Vec<u8>, max_bytes: u64) -> Result<Vec<u8>, DocumentError> {
    let is_zlib = matches!(bytes[..], [first, second, ..]
        if first & 0x0F == 8 && (u16::from(first) << 8 | u16::from(second)).is_multiple_of(31));
    let reader: Box<dyn Read + '_> = match encoding {
        "gzip" | "x-gzip" if bytes.starts_with(&[0x1F, 0x8B]) => {
            Box::new(flate2::read::MultiGzDecoder::new(&*bytes))
        }
        "deflate" if is_zlib => Box::new(flate2::read::ZlibDecoder::new(&*bytes)),
        "deflate" => Box::new(flate2::read::DeflateDecoder::new(&*bytes)),
        "br" => Box::new(brotli_decompressor::Decompressor::new(&*bytes, 4096)),
        "zstd" => match zstd::stream::read::Decoder::new(&*bytes) {
            Ok(decoder) => Box::new(decoder),
            Err(error) => return Err(cannot_unpack(encoding, error)),
        },
        "gzip" | "x-gzip" => return Ok(bytes),
        _ => {
            return Err(DocumentError::new(format!(
                "the page is packed by `{encoding}`, which can't be undone"
            )));
        }
    };
    let mut out = Vec::new();
    match reader.take(max_bytes.saturating_add(1)).read_to_end(&mut out) {
        Ok(_) if out.len() as u64 > max_bytes => Err(too_large(None, max_bytes)),
        Ok(_) => Ok(out),
        // Pages are often cut off where a crawler has stopped; what is there is the page.
        Err(_) if !out.is_empty() => Ok(out),
        Err(error) => Err(cannot_unpack(encoding, error)),
    }
}

fn cannot_unpack(encoding: &str, error: io::Error) -> DocumentError {
    DocumentError::new(format!("the page is packed by `{encoding}`, and damaged")).caused_by(error)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::packing::tests::pack;
    use super::super::{Input, InputFile, Packing, read_all};
    use super::Records;

    fn record(kind: &str, content_type: &str, n: usize, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{n}>\r\n\
             WARC-Target-URI: http://例子/{n}\r\nWARC-Date: 2024-01-02T03:04:05Z\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body, b"\r\n\r\n"].concat()
    }

    fn page(fields: &str, body: &[u8]) -> Vec<u8> {
        [format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes(), body].concat()
    }

    const HTML: &str = "Content-Type: text/html; charset=GBK";
    const HTTP: &str = "application/http; msgtype=response";

    /// An archive with a record of every kind, sound and broken.
    pub(in crate::source) fn archive() -> Vec<u8> {
        let gzipped = pack(Packing::Gzip, "压缩的网页".as_bytes());
        [
            record("warcinfo", "application/warc-fields", 0, b"software: x\r\n"),
            record("response", HTTP, 1, &page(HTML, b"<p>\xC4\xE3\xBA\xC3</p>")),
            record("request", HTTP, 2, b"GET / HTTP/1.1\r\n\r\n"),
            record("response", HTTP, 3, &page("Content-Type: image/png", b"\x89PNG")),
            record(
                "response",
                HTTP,
                4,
                &page(&format!("{HTML}\r\nContent-Encoding: gzip"), &gzipped),
            ),
            b"WARC/1.0\r\nWARC-Type: response\r\n\r\nlost".to_vec(),
            b"\r\n".to_vec(),
            record("response", HTTP, 5, b"not http"),
            record("conversion", "text/plain", 6, "纯文本\n".as_bytes()),
            b"garbage\r\n".to_vec(),
            record(
                "response",
                HTTP,
                7,
                &page(
                    &format!("{HTML}\r\nTransfer-Encoding: chunked"),
                    b"3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
                ),
            ),
        ]
        .concat()
    }

    #[test]
    fn pages_and_texts_are_documents_and_the_rest_is_passed_over() {
        let docs = read_all("a.warc", archive(), &Input::default(), 1 << 20);
        let found: Vec<String> = docs
            .iter()
            .map(|doc| match doc {
                Ok(doc) => format!(
                    "{} {} {:?} {:?}",
                    doc.id,
                    doc.source,
                    doc.text(),
                    String::from_utf8_lossy(&doc.raw)
                ),
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(
            found[0],
            "urn:uuid:1 a.warc:2 \"\" \"<p>\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}</p>\"".replace(
                "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
                &String::from_utf8_lossy(b"\xC4\xE3\xBA\xC3")
            )
        );
        assert_eq!(found[1], "urn:uuid:4 a.warc:5 \"\" \"压缩的网页\"");
        assert!(found[2].ends_with("has no sound `Content-Length`"), "{}", found[2]);
        assert!(found[3].ends_with("holds no response of HTTP"), "{}", found[3]);
        assert_eq!(found[4], "urn:uuid:6 a.warc:8 \"纯文本\\n\" \"\"");
        assert!(found[5].starts_with("no record begins at byte "), "{}", found[5]);
        assert_eq!(found[6], "urn:uuid:7 a.warc:10 \"\" \"abcde\"");
        assert_eq!(found.len(), 7);
        let doc = docs[0].as_ref().unwrap();
        let fields: Vec<_> = doc.fields.iter().map(|(name, value)| (name, value.get())).collect();
        assert_eq!(
            fields,
            [
                ("url", "\"http://例子/1\""),
                ("date", "\"2024-01-02T03:04:05Z\""),
                ("http_status", "200"),
                ("http_charset", "\"gbk\""),
            ]
        );
        let start = doc.source.byte_offset as usize;
        assert_eq!(archive()[start..start + doc.raw.len()], doc.raw);
    }

    #[test]
    fn records_packed_one_by_one_are_read_as_one_file() {
        let members: Vec<u8> = (0..3)
            .flat_map(|n| pack(Packing::Gzip, &record("conversion", "text/plain", n, b"a")))
            .collect();
        let docs = read_all("a.warc.wet.gz", members, &Input::default(), 1 << 20);
        assert_eq!(docs.iter().filter(|doc| doc.is_ok()).count(), 3);
    }

    #[test]
    fn a_damaged_member_costs_its_record() {
        let member = |n| {
            let text = format!("第{n}页的文字。").repeat(50 + n);
            pack(Packing::Gzip, &record("conversion", "text/plain", n, text.as_bytes()))
        };
        let mut members: Vec<Vec<u8>> = (0..40).map(member).collect();
        // In the middle of one, in the head of another; a third is cut off, and of the last only the
        // checksum is wrong.
        let middle = members[5].len() / 2;
        members[5][middle..middle + 8].fill(0xFF);
        members[20][0] = 0;
        members[30].truncate(60);
        let checksum = members[35].len() - 8;
        members[35][checksum] ^= 0xFF;
        let bytes = members.concat();
        let docs = read_all("a.warc.wet.gz", bytes.clone(), &Input::default(), 1 << 20);
        let lost = [5, 20, 30, 35];
        for n in 0..40 {
            let id = format!("urn:uuid:{n}");
            let is_there = docs.iter().any(|doc| doc.as_ref().is_ok_and(|doc| doc.id == id));
            assert_eq!(is_there, !lost.contains(&n), "{id}");
        }
        let errors: Vec<String> = docs
            .iter()
            .filter_map(|doc| doc.as_ref().err())
            .map(|error| format!("{error}"))
            .collect();
        assert_eq!(errors.len(), 4, "{errors:?}");
        for doc in docs.iter().flatten() {
            let number = doc.source.unit.number().unwrap();
            assert_eq!(doc.id, format!("urn:uuid:{}", number - 1), "each has its own number");
        }
        let next: usize = members[..6].iter().map(Vec::len).sum();
        assert!(errors[0].contains(&format!("to {next} of the file")), "{errors:?}");
        // Nothing to go on with behind the last one.
        let cut = &bytes[..bytes.len() - 20];
        let docs = read_all("a.warc.wet.gz", cut.to_vec(), &Input::default(), 1 << 20);
        assert!(docs.last().unwrap().is_err());
    }

    /// Numbers and ids of the records that are read, and the numbers of those that are not.
    fn numbers(name: &str, bytes: &[u8]) -> (Vec<u64>, Vec<String>, Vec<u64>) {
        let file = InputFile::of_bytes(name, bytes.to_vec(), &Input::default());
        let (mut read, mut ids, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for job in Records::open(&file, 0, 1 << 20) {
            let number = job.source.unit.number().unwrap();
            match job.load() {
                Ok(doc) => {
                    read.push(number);
                    ids.push(doc.id);
                }
                Err(_) => lost.push(number),
            }
        }
        (read, ids, lost)
    }

    #[test]
    fn a_length_that_is_wrong_costs_its_record() {
        let text = |n: usize| format!("第{n}页的文字。").repeat(20);
        let mut records: Vec<Vec<u8>> =
            (0..10).map(|n| record("conversion", "text/plain", n, text(n).as_bytes())).collect();
        let longer = |more: usize| {
            let length = format!("Content-Length: {}", text(4).len());
            let longer = format!("Content-Length: {}", text(4).len() + more);
            String::from_utf8(record("conversion", "text/plain", 4, text(4).as_bytes()))
                .unwrap()
                .replace(&length, &longer)
                .into_bytes()
        };
        // Packed: by the next record, or more than one, or the rest.
        for more in [records[5].len(), records[5].len() + 40, 3 * records[5].len(), 1 << 40] {
            records[4] = longer(more);
            let members: Vec<u8> =
                records.iter().flat_map(|record| pack(Packing::Gzip, record)).collect();
            let (read, _, lost) = numbers("a.warc.gz", &members);
            assert_eq!((read, lost), (vec![1, 2, 3, 4, 6, 7, 8, 9, 10], vec![5]), "{more}");
        }
        // Not packed, only what is longer than the file can be told.
        let (read, _, lost) = numbers("a.warc", &records.concat());
        assert_eq!((read, lost), (vec![1, 2, 3, 4, 6, 7, 8, 9, 10], vec![5]));
        // A member may end anywhere where records are not packed one by one.
        records[4] = record("conversion", "text/plain", 4, text(4).as_bytes());
        let members: Vec<u8> =
            records.concat().chunks(100).flat_map(|part| pack(Packing::Gzip, part)).collect();
        assert_eq!(numbers("a.warc.gz", &members).0, (1..=10).collect::<Vec<_>>());
    }

    #[test]
    fn records_that_are_lost_side_by_side_are_counted() {
        let mut members: Vec<Vec<u8>> = (0..12)
            .map(|n| pack(Packing::Gzip, &record("conversion", "text/plain", n, "字".as_bytes())))
            .collect();
        for n in [3, 4, 5] {
            members[n].truncate(14);
        }
        let (read, ids, lost) = numbers("a.warc.gz", &members.concat());
        assert_eq!(lost, [4, 5, 6]);
        assert_eq!(read, [1, 2, 3, 7, 8, 9, 10, 11, 12]);
        assert_eq!(ids[3], "urn:uuid:6");
        // A first one that does not look packed.
        members[0][2] = 7;
        let (read, _, lost) = numbers("a.warc.gz", &members.concat());
        assert_eq!((read.len(), lost), (8, vec![1, 4, 5, 6]));
    }

    #[test]
    fn a_record_that_claims_more_than_there_is_costs_only_memory_that_is_there() {
        let bytes =
            b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 99999999999999\r\n\r\nab";
        let docs = read_all("a.wet", bytes.to_vec(), &Input::default(), 1 << 20);
        assert!(docs[0].as_ref().is_err_and(|error| error.to_string().contains("the file ends")));
        assert_eq!(docs.len(), 1);
    }
}
