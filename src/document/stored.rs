//! A document written down in the midst of its way, and read again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::edits::{Edit, Edits, Replaced, Revision};
use super::provenance::{Align, Alignment, Boundaries};
use super::{
    Declared, Document, Encoding, Fields, GuessedByte, Keyword, Malformed, MalformedSpot, Place,
    PosTag, Repair, RunnerUp, SourceRef, Token,
};
use crate::stage::{FinishError, pack, unpack};

impl Document {
    /// Writes the document down with all that stages have found in it.
    ///
    /// # Errors
    /// If a field can't be written.
    pub(crate) fn store(&self) -> Result<Vec<u8>, FinishError> {
        pack(&Stored::of(self))
    }

    /// Reads what [`store`](Self::store) has written.
    ///
    /// # Errors
    /// If that is damaged, or was written by another version.
    pub(crate) fn restore(bytes: &[u8]) -> Result<Self, FinishError> {
        unpack::<Stored<'_>>(bytes)?.into_document()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<'a> {
    place: Place,
    id: Cow<'a, str>,
    source: SourceRef,
    byte_offset: u64,
    #[serde(serialize_with = "serde_bytes::serialize", deserialize_with = "owned_bytes")]
    raw: Cow<'a, [u8]>,
    encoding: Option<StoredEncoding>,
    text: Option<Cow<'a, str>>,
    alignment: StoredAlignment,
    revisions: Vec<StoredRevision<'a>>,
    tokens: Vec<(u32, u32, Cow<'a, str>, bool)>,
    keywords: Vec<StoredKeyword>,
    repairs: Vec<StoredRepair<'a>>,
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

fn owned_bytes<'a, 'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'a, [u8]>, D::Error> {
    Ok(Cow::Owned(ByteBuf::deserialize(deserializer)?.into_vec()))
}

#[derive(Serialize, Deserialize)]
enum StoredAlignment {
    Identity(usize),
    Boundaries(Boundaries),
}

#[derive(Serialize, Deserialize)]
struct StoredRevision<'a> {
    stage: Cow<'a, str>,
    edits: Vec<(Range<u32>, Range<u32>)>,
    is_whole: bool,
    old: Cow<'a, str>,
}

/// An [`Encoding`] as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredEncoding {
    name: String,
    confidence: f64,
    method: String,
    runner_up: Option<(String, f64)>,
    declared: Option<(String, bool)>,
    malformed_total: u64,
    malformed: Vec<(u64, Vec<u8>)>,
    replacement_characters: u64,
    private_use_characters: u64,
    is_truncated: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredKeyword {
    word: SmolStr,
    weight: f64,
    count: u32,
    df: Option<u32>,
    start: u32,
    original: Option<SmolStr>,
    parts: Vec<(String, f64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredRepair<'a> {
    kind: Cow<'a, str>,
    start: u32,
    end: u32,
    before: Cow<'a, str>,
    after: Cow<'a, str>,
    score: f32,
    guessed: Vec<(u32, u8)>,
    detail: Cow<'a, str>,
}

impl<'a> Stored<'a> {
    fn of(doc: &'a Document) -> Self {
        let tag = |pos: &'a PosTag| Cow::Borrowed(pos.as_str());
        Self {
            place: doc.place,
            id: Cow::Borrowed(&doc.id),
            source: doc.source.clone(),
            byte_offset: doc.source.byte_offset,
            raw: Cow::Borrowed(&doc.raw),
            encoding: doc.encoding.as_ref().map(StoredEncoding::of),
            text: doc.text.as_deref().map(Cow::Borrowed),
            alignment: match &doc.alignment {
                Alignment::Identity { skipped_bytes } => StoredAlignment::Identity(*skipped_bytes),
                Alignment::Computed(align) => {
                    StoredAlignment::Boundaries(align.boundaries(&doc.raw))
                }
            },
            revisions: doc.revisions.iter().map(StoredRevision::of).collect(),
            tokens: doc
                .tokens
                .iter()
                .map(|token| (token.start, token.end, tag(&token.pos), token.is_guessed))
                .collect(),
            keywords: doc.keywords.iter().map(StoredKeyword::of).collect(),
            repairs: doc.repairs.iter().map(StoredRepair::of).collect(),
            fields: doc
                .fields
                .iter()
                .map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value.get())))
                .collect(),
        }
    }

    fn into_document(self) -> Result<Document, FinishError> {
        let token = |(start, end, pos, is_guessed): (u32, u32, Cow<'_, str>, bool)| {
            Some(Token { start, end, pos: PosTag::new(&pos)?, is_guessed })
        };
        let mut fields = Fields::default();
        for (name, value) in self.fields {
            fields.push(name, RawValue::from_string(value.into_owned())?);
        }
        Ok(Document {
            place: self.place,
            id: self.id.into_owned(),
            source: SourceRef { byte_offset: self.byte_offset, ..self.source },
            raw: self.raw.into_owned(),
            encoding: self.encoding.map(StoredEncoding::into_encoding),
            tokens: self
                .tokens
                .into_iter()
                .map(token)
                .collect::<Option<_>>()
                .ok_or("no such tag")?,
            keywords: self.keywords.into_iter().map(StoredKeyword::into_keyword).collect(),
            repairs: self.repairs.into_iter().map(StoredRepair::into_repair).collect(),
            fields,
            text: self.text.map(Cow::into_owned),
            alignment: match self.alignment {
                StoredAlignment::Identity(skipped_bytes) => Alignment::Identity { skipped_bytes },
                StoredAlignment::Boundaries(known) => Alignment::Computed(Arc::new(Known(known))),
            },
            revisions: self.revisions.into_iter().map(StoredRevision::into_revision).collect(),
        })
    }
}

/// Boundaries that were asked for when the document was stored.
struct Known(Boundaries);

impl Align for Known {
    fn boundaries(&self, _raw: &[u8]) -> Boundaries {
        self.0.clone()
    }
}

impl<'a> StoredRevision<'a> {
    fn of(revision: &'a Revision) -> Self {
        let (is_whole, old) = match &revision.replaced {
            Replaced::Whole(old) => (true, old),
            Replaced::Pieces(old) => (false, old),
        };
        Self {
            stage: Cow::Borrowed(revision.stage),
            edits: revision
                .edits
                .iter()
                .map(|edit| (edit.before.clone(), edit.after.clone()))
                .collect(),
            is_whole,
            old: Cow::Borrowed(old),
        }
    }

    fn into_revision(self) -> Revision {
        let old = self.old.into_owned();
        let edits = self.edits.into_iter().map(|(before, after)| Edit { before, after });
        Revision {
            stage: interned(&self.stage),
            edits: Edits(edits.collect()),
            replaced: if self.is_whole { Replaced::Whole(old) } else { Replaced::Pieces(old) },
        }
    }
}

impl StoredEncoding {
    pub(crate) fn of(encoding: &Encoding) -> Self {
        let spot = |spot: &MalformedSpot| (spot.byte_offset, spot.bytes.clone());
        Self {
            name: encoding.name.clone(),
            confidence: encoding.confidence,
            method: encoding.method.to_owned(),
            runner_up: encoding.runner_up.clone().map(|other| (other.name, other.margin)),
            declared: encoding.declared.clone().map(|named| (named.name, named.is_wrong)),
            malformed_total: encoding.malformed.total,
            malformed: encoding.malformed.spots.iter().map(spot).collect(),
            replacement_characters: encoding.replacement_characters,
            private_use_characters: encoding.private_use_characters,
            is_truncated: encoding.is_truncated,
        }
    }

    pub(crate) fn into_encoding(self) -> Encoding {
        let spot = |(byte_offset, bytes)| MalformedSpot { byte_offset, bytes };
        Encoding {
            name: self.name,
            confidence: self.confidence,
            method: interned(&self.method),
            runner_up: self.runner_up.map(|(name, margin)| RunnerUp { name, margin }),
            declared: self.declared.map(|(name, is_wrong)| Declared { name, is_wrong }),
            malformed: Malformed {
                total: self.malformed_total,
                spots: self.malformed.into_iter().map(spot).collect(),
            },
            replacement_characters: self.replacement_characters,
            private_use_characters: self.private_use_characters,
            is_truncated: self.is_truncated,
        }
    }
}

impl StoredKeyword {
    fn of(keyword: &Keyword) -> Self {
        let Keyword { word, weight, count, df, start, original, parts } = keyword.clone();
        let parts = parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { word, weight, count, df, start, original, parts }
    }

    fn into_keyword(self) -> Keyword {
        let Self { word, weight, count, df, start, original, parts } = self;
        let parts = parts.into_iter().map(|(name, value)| (interned(&name), value)).collect();
        Keyword { word, weight, count, df, start, original, parts }
    }
}

impl<'a> StoredRepair<'a> {
    fn of(repair: &'a Repair) -> Self {
        Self {
            kind: Cow::Borrowed(repair.kind),
            start: repair.start,
            end: repair.end,
            before: Cow::Borrowed(&repair.before),
            after: Cow::Borrowed(&repair.after),
            score: repair.score,
            guessed: repair.guessed.iter().map(|guess| (guess.offset, guess.byte)).collect(),
            detail: Cow::Borrowed(&repair.detail),
        }
    }

    fn into_repair(self) -> Repair {
        let guess = |(offset, byte)| GuessedByte { offset, byte };
        Repair {
            kind: interned(&self.kind),
            start: self.start,
            end: self.end,
            before: self.before.into_owned(),
            after: self.after.into_owned(),
            score: self.score,
            guessed: self.guessed.into_iter().map(guess).collect(),
            detail: self.detail.into_owned(),
        }
    }
}

/// Returns the one copy of a name that stages give, of which there are a few dozen.
pub(crate) fn interned(name: &str) -> &'static str {
    static NAMES: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_comes_back_as_it_was() {
        let mut doc = Document::from_bytes("甲", b"\xd6\xd0a".to_vec());
        doc.place = Place { file: 2, offset: 9 };
        doc.source =
            SourceRef { path: "卷/一.txt".into(), byte_offset: 7, ..SourceRef::default() };
        let mut boundaries = Boundaries::starting_at(0);
        boundaries.push(2, 3);
        boundaries.push(3, 4);
        doc.set_decoded("中a".into(), Alignment::Computed(Arc::new(Known(boundaries))));
        let mut encoding = Encoding::new("gbk", 0.5, "detected");
        encoding.malformed.push(MalformedSpot { byte_offset: 3, bytes: vec![0xff] });
        encoding.declared = Some(Declared { name: "big5".into(), is_wrong: true });
        encoding.runner_up = Some(RunnerUp { name: "big5".into(), margin: 1.5 });
        doc.encoding = Some(encoding);
        let mut edits = Edits::default();
        edits.push(0..3, 6);
        doc.revise("convert", "中国a".into(), edits);
        doc.tokens = vec![Token::new(0..6, PosTag::new("ns").unwrap())];
        let keyword = Keyword::new("中国", 1.25, 1);
        doc.keywords = vec![Keyword { df: Some(3), parts: vec![("tf", 0.5)], ..keyword }];
        doc.repairs = vec![Repair {
            kind: "misaligned",
            before: "�".into(),
            guessed: vec![GuessedByte { offset: 0, byte: 0xb0 }],
            ..Repair::default()
        }];
        doc.fields.push("n", RawValue::from_string("12345678901234567890123".into()).unwrap());

        let again = Document::restore(&doc.store().unwrap()).unwrap();

        assert_eq!(format!("{again:?}"), format!("{doc:?}"));
        assert_eq!(again.provenance().source_bytes(6..7), doc.provenance().source_bytes(6..7));
        assert!(std::ptr::eq(interned("convert"), again.revisions()[0].stage));
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        let bytes = Document::from_text("a", "文").store().unwrap();
        for cut in 0..bytes.len() {
            assert!(Document::restore(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
