//! Why a store doesn't answer, in few words.

use std::error::Error;
use std::io::{self, ErrorKind};

/// How the crate object_store begins to say that a server has refused.
const REFUSED: &str = "Server returned non-2xx status code: ";

/// Says in one line why a store doesn't give what it was asked for.
///
/// The kind is `NotFound` for what isn't there, `PermissionDenied` for what may not be read, and
/// `NetworkDown` where the next question would fare no better.
pub(super) fn reason(error: object_store::Error) -> io::Error {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    // Names of fields and types stand ahead of what was wrong in the first place.
    let last = texts.last().map_or("", String::as_str).trim();
    let asked = texts.iter().find_map(|text| asked_url(text)).unwrap_or_default();
    let Some((status, body)) =
        last.strip_prefix(REFUSED).map(|refused| refused.split_once(": ").unwrap_or((refused, "")))
    else {
        return unanswered(last, asked);
    };
    let said = match (element(body, "Code"), element(body, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(said), None) | (None, Some(said)) => said.to_owned(),
        (None, None) => status.to_owned(),
    };
    // Credentials that were good when the run began.
    let has_expired =
        body.contains("<Code>ExpiredToken") || body.contains("<Code>TokenRefreshRequired");
    match status.get(..3) {
        Some("400" | "401" | "403") if has_expired => {
            io::Error::new(ErrorKind::NetworkDown, format!("the store refuses ({said})"))
        }
        Some("404") => io::Error::new(ErrorKind::NotFound, format!("it isn't there ({said})")),
        Some("401" | "403") => io::Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "the store forbids it ({said}); see which credentials are set in the environment"
            ),
        ),
        // It was asked more than once.
        Some("429" | "500" | "502" | "503" | "504") => {
            io::Error::new(ErrorKind::NetworkDown, format!("the store answers `{said}`"))
        }
        _ => io::Error::other(format!("the store answers `{said}`")),
    }
}

/// Says why there was no answer to be read.
fn unanswered(last: &str, asked: &str) -> io::Error {
    // Where machines of a cloud ask who they are: elsewhere nobody answers.
    let is_of_a_cloud =
        ["/latest/api/", "/latest/meta-data", "/computeMetadata/", "/metadata/identity"];
    if is_of_a_cloud.iter().any(|path| asked.contains(path)) {
        return io::Error::new(
            ErrorKind::PermissionDenied,
            "there are no credentials in the environment, such as AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY; what is public can be read with AWS_SKIP_SIGNATURE=true",
        );
    }
    if last.contains("non-partial response") {
        return io::Error::other(
            "the server gives out whole files only: fetch it and read it here",
        );
    }
    if asked.is_empty() {
        return io::Error::other(last.to_owned());
    }
    io::Error::new(ErrorKind::NetworkDown, format!("no answer from {asked}: {last}"))
}

/// Returns the URL that a text says a request was made to, without its query.
fn asked_url(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Error performing ")?;
    let url = rest.split(' ').nth(1)?;
    let end = url.find('?').unwrap_or(url.len());
    url.contains("://").then_some(&url[..end])
}

/// Returns what stands in an element of XML, for bodies that hold it once.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.trim()).filter(|text| !text.is_empty())
}
