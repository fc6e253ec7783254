//! CSV: a document a row, below a header that names the columns.
//!
//! Rows are found by the parser of the csv crate, on the bytes as they lie in the file: of a wide
//! encoding it sees one byte a unit, and of one with two bytes a character the second byte hidden
//! where it looks like ASCII. So every offset is that of the file, whatever the encoding.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use csv_core::{ReadFieldResult, ReadRecordResult, Reader, ReaderBuilder};
use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

use super::packing::{Progress, Stream};
use super::units::{HEAD_BYTES, Units};
use super::{
    Content, FormatName, InputFile, Job, cannot_read, cannot_read_on, source_ref, too_large,
};
use crate::document::{Align, Alignment, Boundaries, Document, Place, SourceRef, Unit};
use crate::stage::DocumentError;

/// Bytes of a file that are looked at for its encoding.
const SAMPLE_BYTES: u64 = 1 << 20;
/// Bytes that are read at once.
const CHUNK_BYTES: u64 = 64 << 10;
/// How often a quotation mark that is never closed may make the reader begin again behind its line.
const MAX_RESTARTS: u32 = 64;

/// What all rows of a file share.
#[derive(Debug)]
struct Table {
    dialect: Dialect,
    columns: Vec<String>,
    /// Place of the column that holds the text.
    text: usize,
    /// Place of the column that holds the id, if there is one.
    id: Option<usize>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    encoding: &'static Encoding,
    units: Units,
    delimiter: u8,
}

impl Dialect {
    /// Finds how `sample`, the start of a file, is written, where the input doesn't say it.
    fn of(file: &InputFile, sample: &[u8]) -> Self {
        let head = &sample[..sample.len().min(HEAD_BYTES)];
        let set = file.input.encoding.0;
        let (mut units, mut encoding) = (Units::of(head), set.unwrap_or(UTF_8));
        match set {
            Some(set) if set == UTF_16LE || set == UTF_16BE => {
                if units.width != 2 {
                    units = Units::utf16(set == UTF_16BE);
                }
            }
            Some(_) => units = if units.width == 1 { units } else { Units::BYTES },
            None => encoding = encoding_of(sample, &units),
        }
        let mut dialect = Self { encoding, units, delimiter: b',' };
        let is_tsv = file.input.format == FormatName::Tsv
            || file.input.format == FormatName::Auto && has_tabs(&file.shown);
        dialect.delimiter = match file.input.delimiter.0 {
            Some(set) => set,
            None if is_tsv => b'\t',
            None => delimiter_of(&dialect.narrow(&sample[units.bom.len()..])),
        };
        dialect
    }

    /// Returns the name of the encoding as people are told it.
    fn name(&self) -> &'static str {
        if self.units.width == 4 { "UTF-32" } else { self.encoding.name() }
    }

    fn decoder(&self) -> UnitDecoder {
        match self.units.width {
            4 => UnitDecoder::Utf32 { is_big_endian: self.units.is_big_endian() },
            _ => UnitDecoder::Other(self.encoding.new_decoder_without_bom_handling()),
        }
    }

    fn parser(&self) -> Reader {
        ReaderBuilder::new().delimiter(self.delimiter).build()
    }

    /// Returns a byte for each unit, as the parser may see it.
    fn narrow<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let Some(is_lead) = leads(self.encoding).filter(|_| self.units.width == 1) else {
            return self.units.narrow(bytes);
        };
        let mut narrow = bytes.to_vec();
        let mut is_second = false;
        for byte in &mut narrow {
            if is_second {
                is_second = false;
                if (0x40..0x7F).contains(byte) {
                    *byte = 0xFF;
                }
            } else {
                is_second = is_lead(*byte);
            }
        }
        Cow::Owned(narrow)
    }

    /// Tells whether bytes that begin with a character end behind the first of the two of another.
    fn ends_within_character(&self, bytes: &[u8]) -> bool {
        let is_lead = leads(self.encoding).filter(|_| self.units.width == 1);
        is_lead.is_some_and(|is_lead| {
            bytes.iter().fold(false, |is_second, byte| !is_second && is_lead(*byte))
        })
    }
}

/// Decodes a unit at a time.
enum UnitDecoder {
    Utf32 { is_big_endian: bool },
    Other(encoding_rs::Decoder),
}

impl UnitDecoder {
    /// Decodes the next unit; returns the bytes of text that it adds, none if it is malformed.
    fn decode(&mut self, unit: &[u8]) -> Option<usize> {
        match self {
            Self::Utf32 { is_big_endian } => utf32(unit, *is_big_endian).map(char::len_utf8),
            Self::Other(decoder) => {
                let mut out = [0; 16];
                let (result, _, n) =
                    decoder.decode_to_utf8_without_replacement(unit, &mut out, false);
                let is_malformed = matches!(result, encoding_rs::DecoderResult::Malformed(..));
                (!is_malformed).then_some(n)
            }
        }
    }
}

/// Returns the character that four bytes are in UTF-32.
fn utf32(unit: &[u8], is_big_endian: bool) -> Option<char> {
    let unit: [u8; 4] = unit.try_into().ok()?;
    char::from_u32(if is_big_endian { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) })
}

/// Tells the first bytes of characters of two, in encodings whose second byte may look like ASCII.
fn leads(encoding: &'static Encoding) -> Option<fn(u8) -> bool> {
    if encoding == SHIFT_JIS {
        Some(|byte| matches!(byte, 0x81..=0x9F | 0xE0..=0xFC))
    } else if [GBK, GB18030, BIG5, EUC_KR].contains(&encoding) {
        Some(|byte| matches!(byte, 0x81..=0xFE))
    } else {
        None
    }
}

fn has_tabs(shown: &str) -> bool {
    let name = shown.rsplit('/').next().unwrap_or(shown).to_ascii_lowercase();
    name.split('.').skip(1).any(|ending| matches!(ending, "tsv" | "tab"))
}

fn encoding_of(sample: &[u8], units: &Units) -> &'static Encoding {
    if units.width == 4 {
        // The standard has none so wide; what is read goes by the width.
        return UTF_8;
    }
    if units.width == 2 {
        return if units.is_big_endian() { UTF_16BE } else { UTF_16LE };
    }
    let is_utf8 = match std::str::from_utf8(sample) {
        Ok(_) => true,
        // Cut off by the end of the sample.
        Err(error) => error.error_len().is_none(),
    };
    if is_utf8 || units.bom == b"\xEF\xBB\xBF" {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, (sample.len() as u64) < SAMPLE_BYTES);
    match detector.guess(None, Utf8Detection::Deny) {
        // It reads all of GBK, and what Excel writes today.
        encoding if encoding == GBK => GB18030,
        encoding => encoding,
    }
}

/// Returns the delimiter that parts the first rows into the most fields, as many in every row.
fn delimiter_of(sample: &[u8]) -> u8 {
    const ROWS: usize = 20;
    let score = |delimiter: &u8| {
        let mut parser = ReaderBuilder::new().delimiter(*delimiter).build();
        let (mut out, mut ends) = (vec![0; sample.len() + 1], vec![0; sample.len() + 1]);
        let (mut at, mut n_like_header, mut n_columns) = (0, 0, 0);
        for row in 0..ROWS {
            let (result, n_in, _, n_fields) =
                parser.read_record(&sample[at..], &mut out, &mut ends);
            at += n_in;
            let is_whole = result == ReadRecordResult::Record;
            if !is_whole && row > 0 {
                break;
            }
            if row == 0 {
                n_columns = n_fields + usize::from(!is_whole);
            }
            n_like_header += usize::from(n_fields == n_columns);
            if !is_whole {
                break;
            }
        }
        if n_columns < 2 { (0, 0) } else { (n_like_header, n_columns) }
    };
    // Of equals the last is taken, hence the comma.
    *b"|\t;,".iter().max_by_key(|delimiter| score(delimiter)).expect("there are four")
}

/// The rows of a file as jobs.
pub(super) struct Rows {
    stream: Result<Stream, Option<io::Error>>,
    /// What the stream is of.
    opened: InputFile,
    progress: Progress,
    shown: Arc<str>,
    file: u32,
    max_bytes: u64,
    table: Option<Arc<Table>>,
    parser: Reader,
    dialect: Dialect,
    /// What has been read and not been parsed, from `at` on, and as the parser sees it.
    buffer: Vec<u8>,
    narrow: Vec<u8>,
    at: usize,
    is_at_end: bool,
    /// Offset in the file of what comes next.
    offset: u64,
    /// Rows so far, with the header.
    row: u64,
    restarts: u32,
    input: Arc<super::Input>,
}

/// The bytes of a row, or as many of them as may be kept.
struct Raw {
    offset: u64,
    bytes: Vec<u8>,
    byte_len: u64,
    n_fields: usize,
    /// Whether nothing but the end of the file ends it,
    is_last: bool,
    /// in spite of a quotation mark that is still to be closed.
    is_open: bool,
}

impl Rows {
    pub(super) fn open(file: &InputFile, at: u32, max_bytes: u64) -> Self {
        let mut sample = Vec::new();
        let mut opened = Stream::open(file, 0).and_then(|mut stream| {
            match stream.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample) {
                // The rows ahead of the damage come out first; then it is met again.
                Err(_) if !sample.is_empty() => Ok(stream),
                Err(error) => Err(error),
                Ok(_) => Ok(stream),
            }
        });
        let dialect = Dialect::of(file, &sample);
        sample.drain(..dialect.units.bom.len());
        if dialect.ends_within_character(&sample)
            && let Ok(stream) = &mut opened
        {
            // An error is met again by whoever reads on.
            let _ = stream.take(1).read_to_end(&mut sample);
        }
        let mut rows = Self {
            stream: opened.map_err(Some),
            opened: file.clone(),
            progress: Progress::default(),
            shown: file.shown.clone(),
            file: at,
            max_bytes,
            table: None,
            parser: dialect.parser(),
            dialect,
            buffer: Vec::new(),
            narrow: Vec::new(),
            at: 0,
            is_at_end: false,
            offset: dialect.units.bom.len() as u64,
            row: 0,
            restarts: 0,
            input: file.input.clone(),
        };
        rows.begin_with(sample);
        rows
    }

    /// Goes on with `bytes`, and with what the stream gives behind them.
    fn begin_with(&mut self, bytes: Vec<u8>) {
        self.parser = self.dialect.parser();
        self.buffer = bytes;
        self.narrow = self.dialect.narrow(&self.buffer).into_owned();
        self.at = 0;
    }

    /// Reads on; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        let width = self.dialect.units.width;
        if self.is_at_end {
            return Ok(false);
        }
        let Ok(stream) = &mut self.stream else { return Ok(false) };
        // What is left is less than a unit, or the first byte of a character.
        let mut bytes = self.buffer.split_off((self.narrow.len() * width).min(self.buffer.len()));
        let n = stream.take(CHUNK_BYTES).read_to_end(&mut bytes)?;
        if n == 0 {
            self.is_at_end = true;
            return Ok(false);
        }
        if self.dialect.ends_within_character(&bytes) {
            stream.take(1).read_to_end(&mut bytes)?;
        }
        self.narrow = self.dialect.narrow(&bytes).into_owned();
        self.buffer = bytes;
        self.at = 0;
        Ok(true)
    }

    fn next_raw(&mut self) -> io::Result<Option<Raw>> {
        let width = self.dialect.units.width;
        let (mut out, mut ends) = ([0; 4096], [0; 256]);
        let mut raw = Raw {
            offset: self.offset,
            bytes: Vec::new(),
            byte_len: 0,
            n_fields: 0,
            is_last: false,
            is_open: false,
        };
        loop {
            let is_end = self.at >= self.narrow.len() && !self.fill()?;
            if is_end && !raw.is_open {
                // The end of a line ends a row but within quotes.
                let (result, _, _, n) = self.parser.read_record(b"\n", &mut out, &mut ends);
                raw.n_fields += n;
                if result == ReadRecordResult::Record {
                    raw.is_last = true;
                    break;
                }
                raw.is_open = true;
                continue;
            }
            let input = if is_end { &[] } else { &self.narrow[self.at..] };
            let (result, n_in, _, n) = self.parser.read_record(input, &mut out, &mut ends);
            raw.n_fields += n;
            let bytes = &self.buffer[(self.at * width).min(self.buffer.len())..];
            let bytes = &bytes[..(n_in * width).min(bytes.len())];
            self.at += n_in;
            self.offset += bytes.len() as u64;
            raw.byte_len += bytes.len() as u64;
            if raw.byte_len <= self.max_bytes.saturating_add(4) {
                raw.bytes.extend_from_slice(bytes);
            } else {
                raw.bytes = Vec::new();
            }
            match result {
                ReadRecordResult::Record => {
                    raw.is_last = is_end;
                    break;
                }
                ReadRecordResult::End => return Ok(None),
                _ => {}
            }
        }
        Ok(Some(raw))
    }

    /// Takes the ends of lines off a row: that of the line ahead may come with it, and empty lines.
    fn trim(&self, raw: &mut Raw) {
        let width = self.dialect.units.width;
        let narrow = self.dialect.narrow(&raw.bytes);
        let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let ahead = narrow.iter().take_while(is_end).count();
        // A row that is quoted to the end of the file may well end with a line.
        let behind = if raw.is_last { 0 } else { narrow.iter().rev().take_while(is_end).count() };
        let (ahead, n) = (ahead * width, narrow.len());
        let behind = behind.min(n - ahead / width) * width;
        drop(narrow);
        raw.bytes.truncate(raw.bytes.len() - behind);
        raw.bytes.drain(..ahead);
        raw.offset += ahead as u64;
    }

    fn next_job(&mut self) -> io::Result<Option<Job>> {
        let Some(table) = self.table.clone() else {
            let Some(mut header) = self.next_raw()? else { return Ok(None) };
            self.trim(&mut header);
            return match self.header(&header) {
                Ok(table) => {
                    self.table = Some(Arc::new(table));
                    self.next_job()
                }
                Err(error) => {
                    self.stream = Err(None);
                    let source = SourceRef { unit: Unit::Row(1), ..source_ref(&self.shown, 0) };
                    let place = Place { file: self.file, offset: 0 };
                    Ok(Some(Job::failed(place, source, error.ending_the_file())))
                }
            };
        };
        let Some(mut raw) = self.next_raw()? else { return Ok(None) };
        self.row += 1;
        if self.is_runaway(&raw, table.columns.len()) {
            return Ok(Some(self.reopen(raw)));
        }
        self.trim(&mut raw);
        let offset = raw.offset;
        let source = SourceRef { unit: Unit::Row(self.row), ..source_ref(&self.shown, offset) };
        let place = Place { file: self.file, offset };
        let taken = |rows: &mut Self, bytes| match &rows.stream {
            Ok(stream) => rows.progress.since(stream, bytes),
            Err(_) => 0,
        };
        if raw.byte_len > self.max_bytes {
            let input_bytes = taken(self, raw.byte_len);
            let error = too_large(Some(raw.byte_len), self.max_bytes);
            return Ok(Some(Job { input_bytes, ..Job::failed(place, source, error) }));
        }
        Ok(Some(Job {
            bytes: raw.bytes.len() as u64,
            input_bytes: taken(self, raw.byte_len),
            place,
            source,
            content: Content::Row(Row { bytes: raw.bytes, table }),
        }))
    }

    /// Tells whether a row has run over lines that are rows of their own, for a quotation mark that is
    /// never closed: to the end of the file, or up to a mark that opens another field.
    fn is_runaway(&self, raw: &Raw, n_columns: usize) -> bool {
        if raw.byte_len > self.max_bytes {
            // There is no looking into it any more.
            return self.restarts < MAX_RESTARTS && (raw.is_open || raw.n_fields != n_columns);
        }
        raw.is_open || closes_within(&self.dialect.narrow(&raw.bytes), self.dialect.delimiter)
    }

    /// Fails the first line of a row that has run too far, and goes on behind it.
    fn reopen(&mut self, raw: Raw) -> Job {
        let width = self.dialect.units.width;
        let mut offset = raw.offset;
        let rest = if raw.byte_len > self.max_bytes {
            self.restarts += 1;
            self.rewind(&mut offset)
        } else {
            let narrow = self.dialect.narrow(&raw.bytes);
            let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let ahead = narrow.iter().take_while(is_end).count();
            let line = memchr::memchr2(b'\n', b'\r', &narrow[ahead..]);
            let line = line.map(|at| (ahead + at + 1) * width);
            drop(narrow);
            offset += (ahead * width) as u64;
            // Where the row ends with the file it may begin again as often as there are marks.
            self.restarts += u32::from(raw.is_open);
            let line = line.filter(|_| self.restarts <= MAX_RESTARTS).unwrap_or(raw.bytes.len());
            let behind = &self.buffer[(self.at * width).min(self.buffer.len())..];
            let rest = [&raw.bytes[line..], behind].concat();
            self.offset = raw.offset + line as u64;
            let is_more = !rest.is_empty();
            self.begin_with(rest);
            Ok(is_more)
        };
        let what = match rest {
            Ok(true) => "; the rows behind this line are read all the same",
            _ => "",
        };
        let error = DocumentError::new(format!(
            "a quotation mark in the row at byte {offset} is never closed: close it, or write it twice \
             if it stands for itself{what}"
        ));
        let error = match rest {
            Ok(_) => error,
            Err(cause) => {
                self.stream = Err(None);
                error.caused_by(cause)
            }
        };
        let source = SourceRef { unit: Unit::Row(self.row), ..source_ref(&self.shown, offset) };
        let place = Place { file: self.file, offset };
        let input_bytes = match &self.stream {
            Ok(stream) => self.progress.since(stream, self.offset.saturating_sub(raw.offset)),
            Err(_) => 0,
        };
        Job { input_bytes, ..Job::failed(place, source, error) }
    }

    /// Opens the file again behind the first line at or behind the byte `offset`, which becomes where
    /// that line begins; returns whether there is anything behind it.
    fn rewind(&mut self, offset: &mut u64) -> io::Result<bool> {
        let from = if self.opened.packing.is_some() { 0 } else { *offset };
        let mut stream = Stream::open(&self.opened, from)?;
        io::copy(&mut stream.by_ref().take(*offset - from), &mut io::sink())?;
        self.stream = Ok(stream);
        self.is_at_end = false;
        self.offset = *offset;
        self.begin_with(Vec::new());
        let width = self.dialect.units.width as u64;
        let mut has_begun = false;
        loop {
            let Some(byte) = self.narrow.get(self.at) else {
                if !self.fill()? {
                    return Ok(false);
                }
                continue;
            };
            let is_end = matches!(byte, b'\r' | b'\n');
            if !is_end && !has_begun {
                has_begun = true;
                *offset = self.offset;
            }
            self.at += 1;
            self.offset += width;
            if is_end && has_begun {
                return Ok(true);
            }
        }
    }

    fn header(&mut self, raw: &Raw) -> Result<Table, DocumentError> {
        self.row = 1;
        let mut columns = Vec::new();
        if raw.byte_len > self.max_bytes {
            return Err(too_large(Some(raw.byte_len), self.max_bytes));
        }
        for field in split(&self.dialect.narrow(&raw.bytes), self.dialect.delimiter) {
            let name = field.decode(&raw.bytes, &self.dialect).ok_or_else(|| {
                DocumentError::new(format!(
                    "the header is not {}; set `encoding` of the input, such as `gbk`",
                    self.dialect.name()
                ))
            })?;
            columns.push(name.trim().to_owned());
        }
        let input = &self.input;
        let find = |wanted: &str| columns.iter().position(|name| name == wanted);
        let Some(text) = find(&input.text) else {
            return Err(no_column(&input.text, &columns));
        };
        let id = find(&input.id).filter(|id| *id != text);
        Ok(Table { dialect: self.dialect, text, id, columns })
    }
}

/// Tells whether a field in quotes that runs over the end of a line is closed where no field ends. That
/// is where another one begins, and the mark at its own start was never closed.
fn closes_within(narrow: &[u8], delimiter: u8) -> bool {
    if memchr::memchr(b'"', narrow).is_none() {
        return false;
    }
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let mut at = narrow.iter().take_while(|byte| is_end(byte)).count();
    loop {
        if narrow.get(at) == Some(&b'"') {
            at += 1;
            let mut has_lines = false;
            loop {
                match (narrow.get(at), narrow.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => at += 2,
                    (Some(b'"'), Some(next)) if *next == delimiter || is_end(next) => break,
                    (Some(b'"'), Some(_)) => return has_lines,
                    (Some(byte), _) => {
                        has_lines |= is_end(byte);
                        at += 1;
                    }
                    (None, _) => return false,
                }
            }
        }
        match memchr::memchr3(delimiter, b'\r', b'\n', &narrow[at..]) {
            Some(behind) if narrow[at + behind] == delimiter => at += behind + 1,
            _ => return false,
        }
    }
}

/// Says that a table has no column for the text.
pub(super) fn no_column(wanted: &str, columns: &[String]) -> DocumentError {
    const LISTED: usize = 30;
    let mut names: Vec<String> =
        columns.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if columns.len() > LISTED {
        names.push(format!("and {} more", columns.len() - LISTED));
    }
    DocumentError::new(format!(
        "there is no column `{wanted}`; name the one that holds the text by `text` of the input. \
         The columns are: {}",
        names.join(", ")
    ))
}

impl Iterator for Rows {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let read = match &mut self.stream {
            Ok(_) => self.next_job().map_err(cannot_read_on),
            Err(error) => error.take().map_or(Ok(None), |error| Err(cannot_read(error))),
        };
        read.unwrap_or_else(|error| {
            let (mut unit, mut offset) = (Unit::Row(self.row + 1), self.offset);
            if self.table.is_none() {
                // Nothing has come ahead of it.
                (unit, offset) = (Unit::File, 0);
            }
            self.stream = Err(None);
            let source = SourceRef { unit, ..source_ref(&self.shown, offset) };
            Some(Job::failed(Place { file: self.file, offset }, source, error))
        })
    }
}

/// A row that is yet to be parsed.
#[derive(Debug)]
pub(super) struct Row {
    bytes: Vec<u8>,
    table: Arc<Table>,
}

impl Row {
    pub(super) fn load(self, source: SourceRef) -> Result<Document, DocumentError> {
        let Self { bytes, table } = self;
        let dialect = &table.dialect;
        let fields = split(&dialect.narrow(&bytes), dialect.delimiter);
        if fields.len() != table.columns.len() {
            return Err(DocumentError::new(format!(
                "the row at byte {} has {} where the header has {}: put a field that holds {} or a line \
                 end between quotation marks",
                source.byte_offset,
                crate::human::count(fields.len() as u64, "field"),
                table.columns.len(),
                match dialect.delimiter {
                    b'\t' => "a tab".to_owned(),
                    byte => format!("`{}`", char::from(byte)),
                },
            )));
        }
        let decode = |at: usize| -> Result<String, DocumentError> {
            fields[at].decode(&bytes, dialect).ok_or_else(|| {
                let at_byte = fields[at].malformed_at(&bytes, dialect);
                DocumentError::new(format!(
                    "`{}` is not {}: byte {} of the file; set `encoding` of the input, such as `gbk`, or \
                     mend the row",
                    table.columns[at],
                    dialect.name(),
                    source.byte_offset + at_byte as u64,
                ))
            })
        };
        let mut doc = Document::from_bytes(source.to_string(), Vec::new());
        for (at, name) in table.columns.iter().enumerate() {
            if at == table.text {
                continue;
            }
            let value = decode(at)?;
            if Some(at) == table.id {
                if !value.is_empty() {
                    doc.id = value;
                }
            } else {
                let value = serde_json::value::to_raw_value(&value).expect("a string is JSON");
                doc.fields.push(name.as_str(), value);
            }
        }
        let text = decode(table.text)?;
        let Range { start, end } = fields[table.text].whole(dialect);
        doc.source = SourceRef { byte_offset: source.byte_offset + start as u64, ..source };
        let field = &fields[table.text];
        if dialect.units.width == 1 && dialect.encoding == UTF_8 && field.kept.len() <= 1 {
            doc.set_decoded(text, Alignment::default());
        } else {
            doc.raw = bytes[start..end].to_vec();
            let start = start / dialect.units.width;
            let kept = field.kept.iter().map(|kept| kept.start - start..kept.end - start).collect();
            let align = CsvField { dialect: *dialect, kept };
            doc.set_decoded(text, Alignment::Computed(Arc::new(align)));
        }
        Ok(doc)
    }
}

/// A field of a row: the units of it that are text, without quotation marks that are not.
#[derive(Debug)]
struct Field {
    start: usize,
    kept: Vec<Range<usize>>,
}

impl Field {
    /// Returns the bytes of the row from the first that is text to the last.
    fn whole(&self, dialect: &Dialect) -> Range<usize> {
        let width = dialect.units.width;
        match (self.kept.first(), self.kept.last()) {
            (Some(first), Some(last)) => first.start * width..last.end * width,
            _ => self.start * width..self.start * width,
        }
    }

    fn bytes<'b>(&self, row: &'b [u8], dialect: &Dialect) -> Cow<'b, [u8]> {
        let width = dialect.units.width;
        let bytes = |kept: &Range<usize>| &row[kept.start * width..kept.end * width];
        match &self.kept[..] {
            [] => Cow::Borrowed(&[]),
            [one] => Cow::Borrowed(bytes(one)),
            several => Cow::Owned(several.iter().flat_map(bytes).copied().collect()),
        }
    }

    fn decode(&self, row: &[u8], dialect: &Dialect) -> Option<String> {
        let bytes = self.bytes(row, dialect);
        if dialect.units.width == 4 {
            let is_big_endian = dialect.units.is_big_endian();
            return bytes.chunks(4).map(|unit| utf32(unit, is_big_endian)).collect();
        }
        let text = dialect.encoding.decode_without_bom_handling_and_without_replacement(&bytes)?;
        Some(text.into_owned())
    }

    /// Returns the byte of the row at which the first character is that doesn't fit the encoding.
    fn malformed_at(&self, row: &[u8], dialect: &Dialect) -> usize {
        let width = dialect.units.width;
        let mut decoder = dialect.decoder();
        for at in self.kept.iter().cloned().flatten() {
            if decoder.decode(&row[at * width..(at + 1) * width]).is_none() {
                return at * width;
            }
        }
        self.whole(dialect).end
    }
}

/// Parts a row, seen as a byte a unit, into its fields.
fn split(narrow: &[u8], delimiter: u8) -> Vec<Field> {
    if memchr::memchr(b'"', narrow).is_none() {
        let mut start = 0;
        let ends = memchr::memchr_iter(delimiter, narrow).chain([narrow.len()]);
        let field = |end| {
            let kept = start..end;
            let field = Field { start, kept: if kept.is_empty() { vec![] } else { vec![kept] } };
            start = end + 1;
            field
        };
        return ends.map(field).collect();
    }
    // A byte at a time, the parser tells of each whether it is text.
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    let mut fields = Vec::new();
    let mut field = Field { start: 0, kept: Vec::new() };
    for (at, byte) in narrow.iter().enumerate() {
        let mut out = [0; 2];
        let (result, _, n_out) = parser.read_field(std::slice::from_ref(byte), &mut out);
        if n_out > 0 {
            match field.kept.last_mut() {
                Some(kept) if kept.end == at => kept.end += 1,
                _ => field.kept.push(at..at + 1),
            }
        }
        if matches!(result, ReadFieldResult::Field { .. }) {
            let next = Field { start: at + 1, kept: Vec::new() };
            fields.push(std::mem::replace(&mut field, next));
        }
    }
    fields.push(field);
    fields
}

/// Lines up a field with its bytes.
struct CsvField {
    dialect: Dialect,
    kept: Vec<Range<usize>>,
}

impl Align for CsvField {
    fn boundaries(&self, raw: &[u8]) -> Boundaries {
        let width = self.dialect.units.width;
        let mut boundaries = Boundaries::starting_at(0);
        let (mut decoder, mut text_end) = (self.dialect.decoder(), 0);
        for at in self.kept.iter().cloned().flatten() {
            let Some(unit) = raw.get(at * width..(at + 1) * width) else { break };
            text_end += decoder.decode(unit).unwrap_or(0);
            boundaries.push((at + 1) * width, text_end);
        }
        boundaries
    }
}

#[cfg(test)]
mod tests {
    use super::super::packing::tests::pack;
    use super::super::{Input, Packing, read_all};
    use super::*;

    fn read_as(name: &str, bytes: &[u8], input: &Input) -> Vec<Result<Document, String>> {
        let docs = read_all(name, bytes.to_vec(), input, 1 << 20);
        docs.into_iter().map(|doc| doc.map_err(|error| error.to_string())).collect()
    }

    fn read(bytes: &[u8]) -> Vec<Result<Document, String>> {
        read_as("a.csv", bytes, &Input::default())
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &[(&str, &str)]) {
        let docs = read(bytes);
        let docs: Vec<_> = docs.iter().map(|doc| doc.as_ref().expect("a sound row")).collect();
        let found: Vec<_> = docs.iter().map(|doc| (doc.id.as_str(), doc.text())).collect();
        assert_eq!(found, expected);
        for doc in docs {
            leads_back(doc, bytes);
        }
    }

    /// Every character of a text leads to bytes that are written so.
    #[track_caller]
    fn leads_back(doc: &Document, file: &[u8]) {
        let provenance = doc.provenance();
        let dialect = Dialect::of(&InputFile::of_bytes("a.csv", file, &Input::default()), file);
        for (at, c) in doc.text().char_indices() {
            let span = provenance.source_bytes(at..at + c.len_utf8());
            let bytes = &file[span.start as usize..span.end as usize];
            let mut text = match dialect.units.width {
                4 => bytes
                    .chunks(4)
                    .map(|unit| utf32(unit, dialect.units.is_big_endian()).unwrap())
                    .collect(),
                _ => dialect.encoding.decode_without_bom_handling(bytes).0.into_owned(),
            };
            if c == '"' {
                text = text.replace("\"\"", "\"");
            }
            let written = text;
            assert!(written.ends_with(c) && written.chars().count() <= 2, "{written:?} for {c:?}");
        }
    }

    #[test]
    fn a_row_is_a_document() {
        check(
            "id,text\r\n一,汉字\r\n\r\n二,\"他说:\"\"好\"\",\n走了\"\r\n,无名\n".as_bytes(),
            &[("一", "汉字"), ("二", "他说:\"好\",\n走了"), ("a.csv:4", "无名")],
        );
    }

    #[test]
    fn other_columns_are_fields() {
        let docs = read("题目,text,日期\n\"春,天\",花开,2024-01-02\n".as_bytes());
        let doc = docs[0].as_ref().unwrap();
        let fields: Vec<_> = doc.fields.iter().map(|(name, value)| (name, value.get())).collect();
        assert_eq!(fields, [("题目", "\"春,天\""), ("日期", "\"2024-01-02\"")]);
        assert_eq!(doc.source.to_string(), "a.csv:2");
    }

    #[test]
    fn the_delimiter_is_found() {
        for delimiter in [",", ";", "\t", "|"] {
            let text =
                format!("id{delimiter}text\n1{delimiter}汉字\n2{delimiter}\"再, 来; 一|个\"\n");
            check(text.as_bytes(), &[("1", "汉字"), ("2", "再, 来; 一|个")]);
        }
        check("text\n一, 二\n".as_bytes().get(..5).unwrap(), &[]);
    }

    #[test]
    fn excel_in_china_writes_gbk_and_utf_16() {
        let text = "id,text\r\n1,\"国家统计局发布了“最新”的数据，同比增长\"\"百分之五\"\"。\"\r\n2,丂丄丅丆丏丒丗丟中文字符，第二行。\r\n";
        let expected = [
            ("1", "国家统计局发布了“最新”的数据，同比增长\"百分之五\"。"),
            ("2", "丂丄丅丆丏丒丗丟中文字符，第二行。"),
        ];
        let (gbk, ..) = GBK.encode(text);
        check(&gbk, &expected);
        // 丱 and others end in the byte of `|`.
        let bars = text.replace(',', "|").replace("中文", "亅亇予亊亴亶伡");
        let expected_bars = [expected[0], ("2", "丂丄丅丆丏丒丗丟亅亇予亊亴亶伡字符，第二行。")];
        check(&GBK.encode(&bars).0, &expected_bars);
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&utf_16, &expected);
        check(&[b"\xFF\xFE".as_slice(), &utf_16].concat(), &expected);
        check(&[b"\xEF\xBB\xBF", text.as_bytes()].concat(), &expected);
    }

    #[test]
    fn a_bad_row_costs_only_itself() {
        let mut bytes = "id,text\n1,好\n2,好,多\n3,".as_bytes().to_vec();
        bytes.extend(b"\xC4\xE3\n");
        bytes.extend("4,好\n".as_bytes());
        let input = Input { encoding: super::super::EncodingName(Some(UTF_8)), ..Input::default() };
        let docs = read_as("a.csv", &bytes, &input);
        assert_eq!(docs.len(), 4);
        assert_eq!(docs[0].as_ref().unwrap().id, "1");
        assert_eq!(
            docs[1].as_ref().unwrap_err(),
            "the row at byte 14 has 3 fields where the header has 2: put a field that holds `,` or a \
             line end between quotation marks"
        );
        assert_eq!(
            docs[2].as_ref().unwrap_err(),
            "`text` is not UTF-8: byte 27 of the file; set `encoding` of the input, such as `gbk`, or \
             mend the row"
        );
        assert_eq!(docs[3].as_ref().unwrap().text(), "好");
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_costs_its_line() {
        // The first mark is closed by that of row 3, where no field ends.
        let rows = "id,text\n1,\"好\n2,坏\n3,\"好\"\n4,\"也\n5,完\n";
        let docs = read(rows.as_bytes());
        let found: Vec<_> = docs.iter().map(|doc| doc.as_ref().map(|doc| doc.text())).collect();
        assert!(
            found[0].as_ref().is_err_and(|error| error.contains("row at byte 8 is never closed"))
        );
        assert_eq!(found[1..3], [Ok("坏"), Ok("好")]);
        assert!(found[3].as_ref().is_err_and(|error| error.contains("is never closed")));
        assert_eq!(found[4..], [Ok("完")]);
        // Marks in the middle of a text are as good as any character.
        let docs = read("id,text\n1,他说\"好\"吗\n2,\"一\n二\"\n".as_bytes());
        let found: Vec<_> = docs.iter().map(|doc| doc.as_ref().unwrap().text()).collect();
        assert_eq!(found, ["他说\"好\"吗", "一\n二"]);
        let docs = read("id,text\n1,\"好\n2,坏\n3,好\n".as_bytes());
        let found: Vec<_> = docs.iter().map(|doc| doc.as_ref().map(|doc| doc.text())).collect();
        assert!(found[0].as_ref().is_err_and(|error| error.contains("is never closed")));
        assert_eq!(found[1..], [Ok("坏"), Ok("好")]);
    }

    #[test]
    fn a_file_without_the_column_says_which_there_are() {
        let docs = read("编号,正文\n1,好\n".as_bytes());
        assert_eq!(docs.len(), 1);
        let error = docs[0].as_ref().unwrap_err();
        assert!(error.starts_with("there is no column `text`;"), "{error}");
        assert!(error.ends_with("The columns are: `编号`, `正文`"), "{error}");
        let input = Input { text: "正文".into(), id: "编号".into(), ..Input::default() };
        let docs = read_as("a.csv", "编号,正文\n1,好\n".as_bytes(), &input);
        assert_eq!(docs[0].as_ref().unwrap().id, "1");
        assert!(read(b"").is_empty());
    }

    #[test]
    fn a_quotation_mark_ahead_of_more_than_may_be_kept_costs_its_line() {
        let rows: String = (2..60_000).map(|n| format!("{n},第{n}行的文字，不长\n")).collect();
        let text = format!("id,text\n1,\"好\n{rows}");
        assert!(text.len() > 1 << 20);
        for bytes in [
            text.as_bytes().to_vec(),
            pack(Packing::Gzip, text.as_bytes()),
            GBK.encode(&text).0.into_owned(),
            [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
        ] {
            let docs = read(&bytes);
            assert_eq!(docs.len(), 59_999);
            assert!(
                docs[0].as_ref().is_err_and(|error| error.contains("at byte")),
                "{:?}",
                docs[0]
            );
            assert!(docs[1..].iter().all(Result::is_ok));
            assert_eq!(docs[59_998].as_ref().unwrap().text(), "第59999行的文字，不长");
        }
    }

    #[test]
    fn utf_32_is_read() {
        let text = "id,text\n1,\"国家,统计局\"\"发布\"\"\"\n2,中文\n";
        let expected = [("1", "国家,统计局\"发布\""), ("2", "中文")];
        for mark in ["", "\u{FEFF}"] {
            let text = format!("{mark}{text}");
            let little: Vec<u8> = text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
            let big: Vec<u8> = text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
            check(&little, &expected);
            check(&big, &expected);
        }
        let mut damaged: Vec<u8> = text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        let at = damaged.len() - 8;
        damaged[at] = 0xFF;
        let error = read(&damaged).remove(1).unwrap_err();
        assert!(error.starts_with(&format!("`text` is not UTF-32: byte {at}")), "{error}");
    }

    #[test]
    fn a_row_that_is_too_large_is_refused_and_the_next_one_read() {
        let text = format!("id,text\n1,\"{}\"\n2,好\n", "长\n".repeat(400_000));
        let docs = read(text.as_bytes());
        assert!(docs[0].as_ref().is_err_and(|error| error.contains("too large: 1.5 MiB")));
        assert_eq!(docs[1].as_ref().unwrap().text(), "好");
    }
}
