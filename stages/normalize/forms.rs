//! Unicode normalization forms, piece by piece, so that each edit is small.

use hanmill::document::Edits;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use super::{Form, Rewritten};

/// Brings `text` into `form`; returns nothing if it is in it already.
pub(super) fn normalize(text: &str, form: Form) -> Option<(String, Edits)> {
    if form == Form::None || text.is_ascii() || quick(text.chars(), form) == IsNormalized::Yes {
        return None;
    }
    let mut rewritten = Rewritten::new(text);
    let mut piece_start = 0;
    for (at, c) in text.char_indices() {
        if at > piece_start && starts_piece(c, form) {
            piece(&mut rewritten, piece_start, &text[piece_start..at], form);
            piece_start = at;
        }
    }
    piece(&mut rewritten, piece_start, &text[piece_start..], form);
    rewritten.finish()
}

fn quick(chars: impl Iterator<Item = char>, form: Form) -> IsNormalized {
    match form {
        Form::Nfkc => is_nfkc_quick(chars.filter(|c| !is_punctuation(*c))),
        Form::Nfc | Form::None => is_nfc_quick(chars),
    }
}

/// Tells whether nothing ahead of `c` can combine with it.
fn starts_piece(c: char, form: Form) -> bool {
    if c.is_ascii() {
        return true;
    }
    let form_of_one = match form {
        Form::Nfkc if is_punctuation(c) => return true,
        // What a variant stands for is looked at in its stead: `Ａ` combines with nothing ahead.
        Form::Nfkc => std::iter::once(c).nfkd().next().unwrap_or(c),
        Form::Nfc | Form::None => std::iter::once(c).nfd().next().unwrap_or(c),
    };
    canonical_combining_class(c) == 0
        && canonical_combining_class(form_of_one) == 0
        && is_nfc_quick(std::iter::once(form_of_one)) == IsNormalized::Yes
}

/// Normalizes a piece with which nothing around it combines.
fn piece(rewritten: &mut Rewritten<'_>, start: usize, piece: &str, form: Form) {
    if piece.is_ascii() || quick(piece.chars(), form) == IsNormalized::Yes {
        return;
    }
    let after: String = match (form, piece.chars().next()) {
        // A sign of punctuation begins a piece of its own; what is behind it are marks.
        (Form::Nfkc, Some(sign)) if is_punctuation(sign) => {
            std::iter::once(sign).chain(piece[sign.len_utf8()..].nfkc()).collect()
        }
        (Form::Nfkc, _) => piece.nfkc().collect(),
        (Form::Nfc | Form::None, _) => piece.nfc().collect(),
    };
    if after != piece {
        rewritten.replace(start..start + piece.len(), &after);
    }
}

/// Tells whether NFKC would make another sign of this one, and it is punctuation.
fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '！'..='／' | '：'..='＠' | '［'..='｀' | '｛'..='･' | '￣' | '￤'
            | '‥' | '…' | '︐'..='︙' | '︰'..='﹒' | '﹔'..='﹟'
    )
}
