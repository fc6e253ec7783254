//! Objects of a store, S3 or another, as files: found below a prefix, and read in ranges.
//!
//! The engine reads by calls that block, and the crate object_store by futures. These run on one
//! thread of their own, which every reader asks; so what comes next is on its way while what has come
//! is worked on.

mod blocks;
mod error;
mod find;

use std::fmt;
use std::future::Future;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

#[cfg(feature = "parquet")]
pub(super) use blocks::{BlockReader, Blocks};
use error::reason;
pub(super) use find::resolve;

/// Bytes of the first request of a reader, which is its last where only the format is looked for.
const FIRST_BYTES: u64 = 64 << 10;
/// Bytes of the largest request. A reader holds two answers: one at hand, one on its way.
const CHUNK_BYTES: u64 = 8 << 20;
/// Requests for bytes of objects that are under way at once.
static REQUESTS: Semaphore = Semaphore::const_new(32);

/// Returns the thread that asks stores, started when it is first needed.
fn runtime() -> io::Result<Handle> {
    static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);
    let mut started = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*started {
        return Ok(handle.clone());
    }
    // An error says that there is one already, which will do as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("stores".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    *started = Some(handle.clone());
    Ok(handle)
}

/// Something that a store has been asked, and forgets when nobody wants to know it any more.
struct Asked<T> {
    answer: Receiver<io::Result<T>>,
    abort: AbortHandle,
}

impl<T: Send + 'static> Asked<T> {
    fn begin(work: impl Future<Output = io::Result<T>> + Send + 'static) -> io::Result<Self> {
        let (sender, answer) = sync_channel(1);
        let task = runtime()?.spawn(async move {
            // Nobody may be waiting any more.
            let _ = sender.send(work.await);
        });
        Ok(Self { answer, abort: task.abort_handle() })
    }

    fn wait(self) -> io::Result<T> {
        let broken_off = |_| Err(io::Error::other("the request was broken off"));
        self.answer.recv().unwrap_or_else(broken_off)
    }
}

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// A bucket of S3 or Google, a container of Azure, or a web server.
struct Store {
    /// Its URL, without a `/` at the end.
    root: String,
    objects: Arc<dyn ObjectStore>,
    /// The same for the first questions, which somebody waits for.
    first: Arc<dyn ObjectStore>,
    /// What lists it; web servers can't be listed.
    lister: Option<Arc<dyn PaginatedListStore>>,
}

/// Retries of the first questions: some seconds, in which a store that is busy calms down, and after
/// which one that isn't there is told.
const FIRST_RETRIES: usize = 6;

impl Store {
    /// Makes ready to ask the store at `root`, such as `s3://bucket`, with what the environment says
    /// of it.
    fn open(root: &str) -> io::Result<Self> {
        runtime()?;
        let first = RetryConfig {
            max_retries: FIRST_RETRIES,
            retry_timeout: Duration::from_secs(30),
            ..RetryConfig::default()
        };
        let (first, lister) = built(root, first).map_err(reason)?;
        let (objects, _) = built(root, RetryConfig::default()).map_err(reason)?;
        Ok(Self { root: root.to_owned(), objects, first, lister })
    }

    /// Returns the object at `key`.
    fn head(self: &Arc<Self>, key: Path) -> io::Result<Object> {
        let store = self.first.clone();
        let found = Asked::begin(async move { store.head(&key).await.map_err(reason) })?;
        found.wait().map(|found| Object::new(self.clone(), found))
    }

    /// Returns all objects whose key begins with `prefix`, in the order of their keys.
    fn list(self: &Arc<Self>, prefix: &str) -> io::Result<Vec<Object>> {
        let Some(lister) = self.lister.clone() else {
            return Err(io::Error::other("a web server doesn't list its files: name each one"));
        };
        let prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
        let found = Asked::begin(async move {
            let mut found = Vec::new();
            let mut page_token = None;
            loop {
                let options = PaginatedListOptions { page_token, ..Default::default() };
                let page = lister.list_paginated(prefix.as_deref(), options).await;
                let page = page.map_err(reason)?;
                found.extend(page.result.objects);
                page_token = page.page_token;
                if page_token.is_none() {
                    return Ok(found);
                }
            }
        })?;
        let found = found.wait()?;
        let mut objects: Vec<Object> =
            found.into_iter().map(|found| Object::new(self.clone(), found)).collect();
        objects.sort_by(|a, b| a.key().cmp(b.key()));
        Ok(objects)
    }
}

type Built = (Arc<dyn ObjectStore>, Option<Arc<dyn PaginatedListStore>>);

fn built(root: &str, retries: RetryConfig) -> object_store::Result<Built> {
    let scheme = root.split_once("://").map_or("", |(scheme, _)| scheme);
    Ok(match scheme {
        "s3" | "s3a" => {
            let store = AmazonS3Builder::from_env().with_url(root).with_retry(retries).build()?;
            let store = Arc::new(store);
            (store.clone(), Some(store))
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_url(root);
            let store = Arc::new(builder.with_retry(retries).build()?);
            (store.clone(), Some(store))
        }
        "http" | "https" => {
            let options = object_store::ClientOptions::new().with_allow_http(true);
            let builder = HttpBuilder::new().with_url(root).with_client_options(options);
            (Arc::new(builder.with_retry(retries).build()?), None)
        }
        _ => {
            let builder = MicrosoftAzureBuilder::from_env().with_url(root);
            let store = Arc::new(builder.with_retry(retries).build()?);
            (store.clone(), Some(store))
        }
    })
}

/// An object of a store, as it was when it was found.
#[derive(Clone)]
pub struct Object {
    store: Arc<Store>,
    found: Arc<ObjectMeta>,
    /// Its first bytes, kept while somebody looks at them more than once.
    head: Option<Arc<OnceLock<Bytes>>>,
}

impl Object {
    fn new(store: Arc<Store>, found: ObjectMeta) -> Self {
        Self { store, found: Arc::new(found), head: None }
    }

    fn key(&self) -> &str {
        self.found.location.as_ref()
    }

    fn url(&self) -> String {
        format!("{}/{}", self.store.root, self.key())
    }

    fn bytes(&self) -> u64 {
        self.found.size
    }

    /// Returns what is another after the object has been written anew.
    pub(crate) fn version(&self) -> String {
        let etag = self.found.e_tag.as_deref().unwrap_or_default();
        format!("{} {etag}", self.found.last_modified.timestamp())
    }

    /// Returns the same object, which keeps its first bytes once they have been read.
    pub(super) fn to_look_into(&self) -> Self {
        Self { head: Some(Arc::default()), ..self.clone() }
    }

    /// Makes sure that `now` is the object that was found. A store may name a version in one answer
    /// as it doesn't in another, so it takes two differences.
    fn check(&self, now: &ObjectMeta) -> io::Result<()> {
        let bare = |etag: &Option<String>| {
            etag.as_deref().map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned())
        };
        let is_same = now.size == self.found.size
            && (now.last_modified.timestamp() == self.found.last_modified.timestamp()
                || now.e_tag.is_some() && bare(&now.e_tag) == bare(&self.found.e_tag));
        if is_same {
            return Ok(());
        }
        let message = format!(
            "it was written anew after the run had begun: {} bytes at {}, now {} at {}; run again",
            self.found.size, self.found.last_modified, now.size, now.last_modified
        );
        Err(io::Error::new(io::ErrorKind::StaleNetworkFileHandle, message))
    }

    async fn fetch(&self, range: Range<u64>) -> io::Result<Bytes> {
        let _permit = REQUESTS.acquire().await;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..Default::default() };
        let got = self.store.objects.get_opts(&self.found.location, options).await;
        let got = got.map_err(reason)?;
        self.check(&got.meta)?;
        got.bytes().await.map_err(reason)
    }

    fn within(&self, range: Range<u64>) -> Range<u64> {
        range.start.min(self.bytes())..range.end.min(self.bytes())
    }

    /// Begins to fetch bytes, as far as there are any.
    fn ask(&self, range: Range<u64>) -> io::Result<Asked<Bytes>> {
        let (object, range) = (self.clone(), self.within(range));
        Asked::begin(async move {
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            object.fetch(range).await
        })
    }

    /// Begins to fetch all bytes of a document, as far as there are any.
    pub(super) fn fetch_document(&self, range: Range<u64>) -> io::Result<Fetched> {
        let (object, mut range) = (self.clone(), self.within(range));
        Asked::begin(async move {
            let mut bytes = Vec::new();
            while !range.is_empty() {
                let end = range.end.min(range.start + CHUNK_BYTES);
                bytes.extend_from_slice(&object.fetch(range.start..end).await?);
                range.start = end;
            }
            Ok(bytes)
        })
        .map(Fetched)
    }

    /// Opens it for reading from the byte `from` on.
    pub(super) fn open(&self, from: u64) -> Reading {
        Reading {
            object: self.clone(),
            at: from.min(self.bytes()),
            n_bytes: FIRST_BYTES,
            chunk: Bytes::new(),
            ahead: None,
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

/// The bytes of a document, on their way.
pub(super) struct Fetched(Asked<Vec<u8>>);

impl Fetched {
    pub(super) fn wait(self) -> io::Result<Vec<u8>> {
        self.0.wait()
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetched")
    }
}

/// Reads an object from front to back, by requests that grow, and one ahead.
pub(super) struct Reading {
    object: Object,
    /// The first byte that hasn't been asked for,
    at: u64,
    /// and how many are to be asked for.
    n_bytes: u64,
    chunk: Bytes,
    ahead: Option<Asked<Bytes>>,
}

impl Reading {
    fn ask(&mut self) -> io::Result<Asked<Bytes>> {
        let end = self.object.bytes().min(self.at + self.n_bytes);
        let asked = self.object.ask(self.at..end)?;
        self.at = end;
        self.n_bytes = (self.n_bytes * 4).min(CHUNK_BYTES);
        Ok(asked)
    }

    /// Takes the first bytes from what is kept of them, or keeps them.
    fn head(&mut self) -> io::Result<Bytes> {
        let Some(head) = self.object.head.clone() else { return self.ask()?.wait() };
        if let Some(bytes) = head.get() {
            self.at = bytes.len() as u64;
            self.n_bytes *= 4;
            return Ok(bytes.clone());
        }
        let bytes = self.ask()?.wait()?;
        Ok(head.get_or_init(|| bytes).clone())
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            let is_first = self.n_bytes == FIRST_BYTES;
            self.chunk = match self.ahead.take() {
                Some(ahead) => ahead.wait()?,
                None if self.at == 0 => self.head()?,
                None if self.at == self.object.bytes() => Bytes::new(),
                None => self.ask()?.wait()?,
            };
            // Whoever goes on behind the first bytes is likely to read them all.
            if !is_first && self.at < self.object.bytes() {
                self.ahead = Some(self.ask()?);
            }
        }
        let n = buffer.len().min(self.chunk.len());
        buffer[..n].copy_from_slice(&self.chunk.split_to(n));
        Ok(n)
    }
}
