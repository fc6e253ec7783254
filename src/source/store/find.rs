//! From a URL to the objects that it names, in a fixed order.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use globset::GlobBuilder;
use object_store::path::Path;
use rayon::prelude::*;

use super::super::inputs::is_glob;
use super::super::{Input, InputError, InputFile, Location};
use super::{Object, Store};

/// Objects whose format is looked for at once: a request each, for the answer to which there is
/// nothing to do but wait.
const LOOKS: usize = 16;

/// Finds the objects that the URL of `input` names: one, all below a prefix, or those that match a
/// pattern. As with files, hidden ones below the prefix are passed over, and they come in the order
/// of their names, byte by byte.
pub(crate) fn resolve(input: &Arc<Input>) -> Result<Vec<InputFile>, InputError> {
    let url = &*input.path;
    let unreadable = |error| InputError::Unreadable(PathBuf::from(url), error);
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(unreadable(io::Error::other("it names no bucket")));
    }
    let root = &url[..scheme.len() + "://".len() + bucket.len()];
    let store = Arc::new(Store::open(root).map_err(unreadable)?);
    if store.lister.is_none() {
        let object = web_file(&store, key).map_err(unreadable)?;
        return Ok(vec![InputFile::new_object(object, url.into(), input)]);
    }
    if is_glob(key) {
        return matching(&store, key, input);
    }
    if !key.is_empty() && !key.ends_with('/') {
        let head = Path::parse(key).map_err(io::Error::other).and_then(|key| store.head(key));
        match head {
            Ok(object) => return files(&store, vec![object], input).map_err(unreadable),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    let folder = match key.trim_end_matches('/') {
        "" => String::new(),
        key => format!("{key}/"),
    };
    let mut found = match store.list(&folder) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unreadable(error)),
    };
    if found.is_empty() {
        return Err(InputError::NothingBelow(url.to_owned()));
    }
    found.retain(|object| !is_hidden(object, &folder));
    let found = files(&store, found, input).map_err(unreadable)?;
    if found.is_empty() { Err(InputError::EmptyFolder(PathBuf::from(url))) } else { Ok(found) }
}

fn matching(
    store: &Arc<Store>,
    pattern: &str,
    input: &Arc<Input>,
) -> Result<Vec<InputFile>, InputError> {
    let url = || input.path.clone();
    let unreadable = |error| InputError::Unreadable(PathBuf::from(url()), error);
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| InputError::BadPattern(url(), error))?
        .compile_matcher();
    let prefix = literal(pattern);
    let folder = &prefix[..prefix.rfind('/').map_or(0, |at| at + 1)];
    let mut found = store.list(prefix).map_err(unreadable)?;
    // A name that exists is meant as it is, even with a `[` in it.
    if let Some(named) = found.iter().position(|object| object.key() == pattern) {
        found = vec![found.swap_remove(named)];
    } else {
        found.retain(|object| !is_hidden(object, folder) && glob.is_match(object.key()));
    }
    let found = files(store, found, input).map_err(unreadable)?;
    if found.is_empty() { Err(InputError::NoMatch(url())) } else { Ok(found) }
}

/// Returns what every name begins with that matches a pattern.
fn literal(pattern: &str) -> &str {
    &pattern[..pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len())]
}

/// Tells whether a name below `folder` begins with a point, or that of a folder in between.
fn is_hidden(object: &Object, folder: &str) -> bool {
    let below = object.key().strip_prefix(folder).unwrap_or(object.key());
    below.split('/').any(|part| part.starts_with('.'))
}

/// Looks into objects for their format, several at once.
fn files(
    store: &Arc<Store>,
    objects: Vec<Object>,
    input: &Arc<Input>,
) -> io::Result<Vec<InputFile>> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(LOOKS.min(objects.len()).max(1))
        .thread_name(|at| format!("look-{at}"))
        .build()
        .map_err(io::Error::other)?;
    let file = |object: Object| -> io::Result<Option<InputFile>> {
        // Some programs leave an empty object where a folder would be, with a `/` at the end of its
        // key, which the list doesn't show.
        if object.bytes() == 0 {
            match store.head(object.found.location.clone()) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                found => drop(found?),
            }
        }
        let shown = object.url().into();
        Ok(Some(InputFile::new_object(object, shown, input)))
    };
    let found: io::Result<Vec<Option<InputFile>>> =
        pool.install(|| objects.into_par_iter().map(file).collect());
    Ok(found?.into_iter().flatten().collect())
}

/// Returns the file of a web server that `path` names, the part of a URL behind the name of the server.
fn web_file(store: &Arc<Store>, path: &str) -> io::Result<Object> {
    if is_glob(path) || path.is_empty() || path.ends_with('/') {
        return Err(io::Error::other(
            "a web server doesn't list its files: name each one, without a `?` or a `*`",
        ));
    }
    store.head(Path::from_url_path(path).map_err(io::Error::other)?)
}

impl InputFile {
    fn new_object(object: Object, shown: Arc<str>, input: &Arc<Input>) -> Self {
        let bytes = object.bytes();
        Self::new(Location::Object(object), shown, bytes, input)
    }
}
