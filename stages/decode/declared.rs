//! What a document says of its own encoding: HTML's `meta`, XML's declaration, CSS's `@charset`.

use super::codec::Codec;

/// How far into a document a declaration is looked for, in bytes. HTML asks for it within 1,024,
/// but pages have it behind long scripts.
const HEAD_BYTES: usize = 4096;

/// Longest name of an encoding, in bytes.
const MAX_NAME_BYTES: usize = 40;

/// An encoding that a document names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration<'b> {
    /// The name as written.
    pub name: &'b str,
    /// The encoding, if the name is one.
    pub codec: Option<Codec>,
}

impl<'b> Declaration<'b> {
    /// Makes one of a name.
    pub fn of(name: &'b str) -> Self {
        Self { name, codec: Codec::for_label(name).map(as_readable) }
    }
}

/// Finds the encoding that the head of `bytes` names.
pub fn declaration(bytes: &[u8]) -> Option<Declaration<'_>> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    // Ahead of all the rest, since most documents have no markup.
    memchr::memchr2(b'<', b'@', head)?;
    let name = css(head).or_else(|| xml(head)).or_else(|| html(head))?;
    Some(Declaration::of(name))
}

/// Returns what a declaration that can be read byte by byte must mean: not UTF-16.
fn as_readable(declared: Codec) -> Codec {
    let is_wide = [Codec::UTF_16LE, Codec::UTF_16BE, Codec::Utf32Le, Codec::Utf32Be];
    if is_wide.contains(&declared) { Codec::UTF_8 } else { declared }
}

fn css(head: &[u8]) -> Option<&str> {
    name_in(head.strip_prefix(b"@charset \"")?)
}

fn xml(head: &[u8]) -> Option<&str> {
    let start = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let declaration = &start[..memchr::memchr(b'>', start)?];
    let at = memchr::memmem::find(declaration, b"encoding")?;
    value(&declaration[at + b"encoding".len()..])
}

fn html(head: &[u8]) -> Option<&str> {
    memchr::memchr_iter(b'<', head).find_map(|at| {
        let tag = &head[at + 1..];
        let is_meta = tag.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"meta"));
        if !is_meta {
            return None;
        }
        let tag = &tag[..memchr::memchr(b'>', tag).unwrap_or(tag.len())];
        let found = tag.windows(7).position(|word| word.eq_ignore_ascii_case(b"charset"))?;
        value(&tag[found + 7..])
    })
}

/// Returns the name behind `=` and a quote or none.
fn value(behind: &[u8]) -> Option<&str> {
    let value = behind.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    name_in(value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value))
}

fn name_in(value: &[u8]) -> Option<&str> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_:.+".contains(byte);
    let len = value.iter().take(MAX_NAME_BYTES).take_while(|byte| is_of_name(byte)).count();
    std::str::from_utf8(&value[..len]).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, name: Option<&str>) {
        assert_eq!(declaration(head.as_bytes()).map(|found| found.name), name, "{head}");
    }

    #[test]
    fn finds_the_name_in_each_kind_of_markup() {
        check("<meta charset=gb2312>", Some("gb2312"));
        check("<html><META content='text/html; CharSet = \"Big5\"'>", Some("Big5"));
        check("<meta name=author content=a><meta charset='utf-8'/>", Some("utf-8"));
        check("<?xml version=\"1.0\" encoding='GBK'?><a/>", Some("GBK"));
        check("@charset \"euc-jp\";", Some("euc-jp"));
    }

    #[test]
    fn takes_no_other_text_for_one() {
        check("charset=gbk", None);
        check("<p>charset=gbk</p>", None);
        check("<meta charset=>", None);
        check("<?xml version=\"1.0\"?><a encoding='GBK'/>", None);
    }

    #[test]
    fn what_can_be_read_is_not_utf_16() {
        let found = declaration(b"<meta charset=utf-16>").unwrap();
        assert_eq!(found.codec, Some(Codec::UTF_8));
        assert_eq!(declaration(b"<meta charset=klingon>").unwrap().codec, None);
    }
}
