//! A store for tests: as much of the protocol of S3 as reading takes (lists, heads, gets of ranges),
//! and faults on demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Keys that a page of a list has.
const PAGE: usize = 3;
/// The only user who may read.
pub const USER: &str = "miller";

/// What goes wrong with the requests for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The answer is a status.
    Status(u16),
    /// The connection is cut off in the middle of the body.
    Cut,
}

struct Object {
    bytes: Vec<u8>,
    /// Another for other bytes.
    version: u64,
}

/// What is in the store, and what has become of it.
#[derive(Default)]
pub struct State {
    objects: BTreeMap<String, Object>,
    /// By key, with how often it goes wrong.
    faults: BTreeMap<String, (Fault, u32)>,
    /// `GET key` and the like, in order; a list as `LIST prefix`.
    pub requests: Vec<String>,
    /// Bytes of objects that were sent.
    pub bytes_sent: usize,
    /// How long every answer takes.
    pub delay: Duration,
}

impl State {
    pub fn put(&mut self, key: &str, bytes: &[u8]) {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        let version = bytes.iter().fold(0xCBF2_9CE4_8422_2325, fnv);
        self.objects.insert(key.to_owned(), Object { bytes: bytes.to_vec(), version });
    }

    pub fn remove(&mut self, key: &str) {
        self.objects.remove(key);
    }

    /// Makes the next `times` requests for the bytes of `key` go wrong.
    pub fn fail(&mut self, key: &str, fault: Fault, times: u32) {
        self.faults.insert(key.to_owned(), (fault, times));
    }
}

/// A server with one bucket, `bucket`, and another that nobody may read, `closed`.
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = shared.clone();
                // It ends when the client goes, in whatever way.
                std::thread::spawn(move || serve(&connection, &shared));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    let (path, query) = (decoded(path), query.collect());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Request { method, path, query, headers })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn serve(connection: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(connection);
    while let Some(request) = read_request(&mut reader) {
        let Some(answer) = answer(&request, state) else { return };
        let mut connection = connection;
        let (head, body, is_cut) = answer;
        if connection.write_all(head.as_bytes()).is_err() {
            return;
        }
        let body = if is_cut { &body[..body.len() / 2] } else { &body };
        if request.method != "HEAD" && connection.write_all(body).is_err() || is_cut {
            let _ = connection.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

type Answer = (String, Vec<u8>, bool);

fn refusal(status: &str, code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>{message}</Message><RequestId>1</RequestId></Error>"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head, body.into_bytes(), false)
}

fn answer(request: &Request, state: &Mutex<State>) -> Option<Answer> {
    let (bucket, key) = request.path[1..].split_once('/').unwrap_or((&request.path[1..], ""));
    let is_signed = request
        .headers
        .get("authorization")
        .is_some_and(|signed| signed.starts_with(&format!("AWS4-HMAC-SHA256 Credential={USER}/")));
    // What lies under `public` can be read by anybody, as from a server of the web.
    match bucket {
        "public" => {}
        "closed" => return Some(refusal("403 Forbidden", "AccessDenied", "Access Denied.")),
        _ if !is_signed => {
            let message = "The AWS Access Key Id you provided does not exist in our records.";
            return Some(refusal("403 Forbidden", "InvalidAccessKeyId", message));
        }
        "bucket" => {}
        _ => {
            let message = "The specified bucket does not exist";
            return Some(refusal("404 Not Found", "NoSuchBucket", message));
        }
    }
    let delay = state.lock().unwrap().delay;
    std::thread::sleep(delay);
    let mut state = state.lock().unwrap();
    if key.is_empty() {
        return Some(list(request, &mut state));
    }
    state.requests.push(format!("{} {key}", request.method));
    let fault = state.faults.get_mut(key).filter(|_| request.method == "GET");
    let fault = fault.filter(|(_, times)| *times > 0).map(|(fault, times)| {
        *times -= 1;
        *fault
    });
    if let Some(Fault::Status(status)) = fault {
        let (code, message) = match status {
            503 => ("SlowDown", "Please reduce your request rate."),
            400 => ("ExpiredToken", "The provided token has expired."),
            _ => ("AccessDenied", "Access Denied."),
        };
        return Some(refusal(&format!("{status} Status"), code, message));
    }
    let mut answer = get(request, key, &mut state);
    answer.2 = fault == Some(Fault::Cut);
    Some(answer)
}

/// When an object was written.
fn seconds(object: &Object) -> u64 {
    object.version % 60
}

fn etag(object: &Object) -> String {
    format!("\"{:016x}\"", object.version)
}

fn get(request: &Request, key: &str, state: &mut State) -> Answer {
    let Some(object) = state.objects.get(key) else {
        return refusal("404 Not Found", "NoSuchKey", "The specified key does not exist.");
    };
    let n = object.bytes.len();
    let range = request.headers.get("range").and_then(|range| {
        let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
        let start: usize = start.parse().ok()?;
        let end = end.parse().map_or(n, |end: usize| (end + 1).min(n));
        Some(start..end)
    });
    let mut head = String::new();
    let body = match range {
        Some(range) if range.start >= n => {
            return refusal("416 Range", "InvalidRange", "The requested range is not there.");
        }
        Some(range) => {
            let (start, end) = (range.start, range.end);
            write!(
                head,
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{n}\r\n",
                end - 1
            )
            .unwrap();
            object.bytes[start..end].to_vec()
        }
        None => {
            head.push_str("HTTP/1.1 200 OK\r\n");
            object.bytes.clone()
        }
    };
    write!(
        head,
        "Content-Type: application/octet-stream\r\nContent-Length: {}\r\nETag: {}\r\n\
         Last-Modified: Sat, 28 Nov 2026 00:00:{:02} GMT\r\n\r\n",
        body.len(),
        etag(object),
        seconds(object)
    )
    .unwrap();
    if request.method == "GET" {
        state.bytes_sent += body.len();
    }
    (head, body, false)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Answers `ListObjectsV2`.
fn list(request: &Request, state: &mut State) -> Answer {
    let prefix = request.query.get("prefix").map_or("", String::as_str);
    let after = request.query.get("continuation-token");
    if after.is_none() {
        state.requests.push(format!("LIST {prefix}"));
    }
    let mut found: Vec<(&String, &Object)> = state
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| *key > after))
        .collect();
    let is_truncated = found.len() > PAGE;
    found.truncate(PAGE);
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
         xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name><Prefix>{}</Prefix>\
         <KeyCount>{}</KeyCount><MaxKeys>{PAGE}</MaxKeys><IsTruncated>{is_truncated}</IsTruncated>",
        escaped(prefix),
        found.len()
    );
    for (key, object) in &found {
        write!(
            body,
            "<Contents><Key>{}</Key><LastModified>2026-11-28T00:00:{:02}.000Z</LastModified>\
             <ETag>{}</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            escaped(key),
            seconds(object),
            etag(object).replace('"', "&quot;"),
            object.bytes.len()
        )
        .unwrap();
    }
    if let Some((key, _)) = found.last().filter(|_| is_truncated) {
        write!(body, "<NextContinuationToken>{}</NextContinuationToken>", escaped(key)).unwrap();
    }
    body.push_str("</ListBucketResult>");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head, body.into_bytes(), false)
}
