//! What is no text, and so has no encoding.

/// Why bytes were not read as text.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NotText {
    /// They begin like a file of a format that is not text.
    #[error("not text: {0}")]
    Signature(&'static str),
    /// They hold more control characters than any text does.
    #[error("not text: {percent} % of the bytes are control characters")]
    Control {
        /// Share of the control characters in the bytes looked at, from 0 to 100.
        percent: usize,
    },
}

/// First bytes of formats that turn up in folders of text files.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive, or a document of an office program or an e-book inside one"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an older office program"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
];

pub fn refuse_signature(bytes: &[u8]) -> Result<(), NotText> {
    match SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)) {
        Some((_, format)) => Err(NotText::Signature(format)),
        None => Ok(()),
    }
}

/// How many bytes are looked at for control characters.
const SAMPLE_BYTES: usize = 64 * 1024;

/// Refuses bytes of which more than `allowed_percent` are control characters.
pub fn refuse_control(bytes: &[u8], allowed_percent: usize) -> Result<(), NotText> {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    // Backspace, form feed, Ctrl-Z at the end of DOS files and the escape of terminals are common
    // in old text.
    let control = |byte: u8| byte < 0x20 && !matches!(byte, 0x08..=0x0D | 0x1A | 0x1B);
    let n_control = sample.iter().filter(|&&byte| control(byte)).count();
    let percent = n_control * 100 / sample.len().max(1);
    // In a few bytes one or two control characters are a large share.
    if n_control > 4 && percent > allowed_percent {
        Err(NotText::Control { percent })
    } else {
        Ok(())
    }
}
