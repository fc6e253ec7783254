//! From what the pipeline names (files, folders, globs) to the files there are, in a fixed order.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use super::{Format, FormatName, Input, Location, Packing, sniff};

/// A file to read.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Where it is.
    pub location: Location,
    /// The path as people are shown it: as they named it, with `/` between the parts.
    pub shown: Arc<str>,
    /// Its size in bytes when it was found, packed if it is packed; 0 where it couldn't be told.
    pub bytes: u64,
    /// How it holds documents.
    pub format: Format,
    /// How it is packed, if it is.
    pub packing: Option<Packing>,
    /// The input that named it.
    pub input: Arc<Input>,
}

impl InputFile {
    /// Looks into the file at `location` for its format.
    pub(super) fn new(location: Location, shown: Arc<str>, bytes: u64, input: &Arc<Input>) -> Self {
        let name = location.path().unwrap_or(Path::new(&*shown));
        let (format, packing) = sniff::look(&location, name, input);
        Self { location, shown, bytes, format, packing, input: input.clone() }
    }

    /// Makes a file of bytes in memory, called `name`.
    pub fn of_bytes(name: &str, bytes: impl Into<Arc<[u8]>>, input: &Input) -> Self {
        let bytes: Arc<[u8]> = bytes.into();
        let n = bytes.len() as u64;
        Self::new(Location::Memory(bytes), name.into(), n, &Arc::new(input.clone()))
    }

    /// Standard input. What it holds isn't known until it is read.
    fn stdin(input: &Arc<Input>) -> Self {
        let format = match input.format {
            FormatName::Auto => Format::Text,
            _ => sniff::look(&Location::Memory(Arc::default()), Path::new(""), input).0,
        };
        let shown = STDIN.into();
        let input = input.clone();
        Self { location: Location::Stdin, shown, bytes: 0, format, packing: None, input }
    }

    /// Copies standard input to a file in `folder`, since a run may have to read it more than once;
    /// any other file stays as it is. What it is called when shown stays too.
    ///
    /// # Errors
    /// If standard input can't be read, or the file can't be written.
    pub fn spooled(self, folder: &Path) -> std::io::Result<Self> {
        if !matches!(self.location, Location::Stdin) {
            return Ok(self);
        }
        std::fs::create_dir_all(folder)?;
        let path = folder.join("standard-input");
        let mut file = std::fs::File::create(&path)?;
        let bytes = std::io::copy(&mut std::io::stdin().lock(), &mut file).inspect_err(|_| {
            // Half of it is of no use. Best effort: the error is the one to tell.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(Self::new(Location::File(path), self.shown, bytes, &self.input))
    }

    /// Tells whether the documents in it are text already, so that nothing has to decode them.
    pub fn holds_text(&self) -> bool {
        match self.format {
            Format::JsonLines | Format::Csv => true,
            #[cfg(feature = "parquet")]
            Format::Parquet => super::parquet::holds_text(self),
            _ => false,
        }
    }
}

/// What standard input is called.
const STDIN: &str = "-";

/// Why an input names nothing that can be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is nothing under that name.
    #[error("there is no `{}`", .0.display())]
    Missing(PathBuf),
    /// There are no files in the folder, hidden ones aside.
    #[error("the folder `{}` holds no files", .0.display())]
    EmptyFolder(PathBuf),
    /// No file matches the pattern.
    #[error("no file matches `{0}`")]
    NoMatch(String),
    /// The pattern is not one.
    #[error("`{0}` is not a pattern")]
    BadPattern(String, #[source] globset::Error),
    /// It is there, but can't be looked into.
    #[error("`{}` can't be read", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// It lies in a store, and the program is built without what reads those.
    #[error(
        "`{0}` lies in an object store, and this program is built without the feature `object-store`"
    )]
    NoStore(String),
    /// There is no object of that name in the store, and none below it.
    #[error("there is nothing at `{0}`, nor below it")]
    NothingBelow(String),
    /// It is a device, a socket or the like.
    #[error("`{}` is neither a file nor a folder", .0.display())]
    NotAFile(PathBuf),
}

/// Finds the files that `input` names: a file, a folder and all below it, a glob such as
/// `corpus/**/*.txt`, `-` for standard input, a `file://` URL; or that of an object, a prefix or a
/// pattern in a store, such as `s3://bucket/corpus/`, with the feature `object-store`.
///
/// The path is relative to `base`. Files come in the order of their paths, byte by byte. Below a
/// folder, hidden files and folders are passed over, and so is all of `except`, the output folder.
/// Each file is looked into for its format, unless the input says it.
///
/// # Errors
/// If that names nothing, or something that can't be read.
pub fn resolve(base: &Path, input: &Input, except: &Path) -> Result<Vec<InputFile>, InputError> {
    let input = Arc::new(input.clone());
    if input.path == STDIN {
        return Ok(vec![InputFile::stdin(&input)]);
    }
    if is_store(&input.path) {
        #[cfg(feature = "object-store")]
        return super::store::resolve(&input);
        #[cfg(not(feature = "object-store"))]
        return Err(InputError::NoStore(input.path.clone()));
    }
    let named = file_url(&input.path).unwrap_or(Cow::Borrowed(&*input.path));
    let path = base.join(&*named);
    // A name that exists is meant as it is, even with a `[` in it.
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(_) if is_glob(&named) => return matching(base, &named, except, &input),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(InputError::Missing(path));
        }
        Err(error) => return Err(InputError::Unreadable(path, error)),
    };
    if metadata.is_file() {
        std::fs::File::open(&path).map_err(|error| InputError::Unreadable(path.clone(), error))?;
        let shown = shown(Path::new(&*named));
        return Ok(vec![InputFile::new(Location::File(path), shown, metadata.len(), &input)]);
    }
    if !metadata.is_dir() {
        return Err(InputError::NotAFile(path));
    }
    let files = below(base, Path::new(&*named), except, None, &input)?;
    if files.is_empty() { Err(InputError::EmptyFolder(path)) } else { Ok(files) }
}

/// Tells whether `path` is the URL of an object store, or of a file of a web server.
pub fn is_store(path: &str) -> bool {
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        ["s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "http", "https"]
            .contains(&scheme)
    })
}

/// Returns the path of a `file://` URL, with its `%20` and the like undone.
fn file_url(url: &str) -> Option<Cow<'_, str>> {
    let path = url.strip_prefix("file://")?;
    let path = path.strip_prefix("localhost").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
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
    Some(String::from_utf8(bytes).map_or(Cow::Borrowed(path), Cow::Owned))
}

/// Leaves out files that an earlier input has named too.
pub fn without_repeats(files: Vec<InputFile>) -> Vec<InputFile> {
    let mut seen = HashSet::new();
    let is_new = |file: &InputFile| {
        let path = file.location.path().map_or_else(
            || PathBuf::from(&*file.shown),
            |path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        );
        seen.insert(path)
    };
    files.into_iter().filter(is_new).collect()
}

pub(super) fn is_glob(input: &str) -> bool {
    input.contains(['*', '?', '[', '{'])
}

fn matching(
    base: &Path,
    pattern: &str,
    except: &Path,
    input: &Arc<Input>,
) -> Result<Vec<InputFile>, InputError> {
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| InputError::BadPattern(pattern.to_owned(), error))?
        .compile_matcher();
    // The walk begins at the last folder that the pattern names outright.
    let named = |part: &Component<'_>| part.as_os_str().to_str().is_some_and(|part| !is_glob(part));
    let root: PathBuf = Path::new(pattern).components().take_while(named).collect();
    if !base.join(&root).is_dir() {
        return Err(InputError::Missing(base.join(root)));
    }
    let files = below(base, &root, except, Some(&glob), input)?;
    if files.is_empty() { Err(InputError::NoMatch(pattern.to_owned())) } else { Ok(files) }
}

/// The files below `folder` whose path, as shown, matches `glob`.
fn below(
    base: &Path,
    folder: &Path,
    except: &Path,
    glob: Option<&GlobMatcher>,
    input: &Arc<Input>,
) -> Result<Vec<InputFile>, InputError> {
    let root = if folder.as_os_str().is_empty() && base.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        base.join(folder)
    };
    let except = std::fs::canonicalize(except).ok();
    let is_except =
        |entry: &DirEntry| except.is_some() && std::fs::canonicalize(entry.path()).ok() == except;
    let is_passed_over = |entry: &DirEntry| {
        is_hidden(entry.path()) || entry.file_type().is_dir() && is_except(entry)
    };
    let is_wanted = |entry: &DirEntry| entry.depth() == 0 || !is_passed_over(entry);
    let walk = WalkDir::new(&root).follow_links(true).into_iter().filter_entry(is_wanted);
    let mut files = Vec::new();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 => return Err(unreadable(&root, error)),
            Err(error) => {
                // A broken link, or a folder that may not be entered. It is listed as a file, so
                // that the run goes on and the quarantine tells of it.
                let path = error.path().unwrap_or(&root).to_owned();
                let named = folder.join(path.strip_prefix(&root).unwrap_or(&path));
                if !is_hidden(&path) && glob.is_none_or(|glob| glob.is_match(&named)) {
                    files.push(InputFile {
                        location: Location::File(path),
                        shown: shown(&named),
                        bytes: 0,
                        format: Format::Text,
                        packing: None,
                        input: input.clone(),
                    });
                }
                continue;
            }
        };
        let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
        let named = folder.join(relative);
        if !entry.file_type().is_file() || glob.is_some_and(|glob| !glob.is_match(&named)) {
            continue;
        }
        let metadata = entry.metadata().map_err(|error| unreadable(&root, error))?;
        let location = Location::File(entry.into_path());
        files.push(InputFile::new(location, shown(&named), metadata.len(), input));
    }
    files.sort_by(|a, b| a.shown.cmp(&b.shown));
    Ok(files)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn unreadable(root: &Path, error: walkdir::Error) -> InputError {
    let path = error.path().unwrap_or(root).to_owned();
    let cause =
        error.into_io_error().unwrap_or_else(|| std::io::Error::other("its links form a loop"));
    InputError::Unreadable(path, cause)
}

/// A path with `/` between its parts and no leading `./`, the same on every system.
///
/// Bytes that are no UTF-8 are written as `\xC4`, so that every file has a name of its own.
fn shown(path: &Path) -> Arc<str> {
    let mut text = String::new();
    for part in path.components() {
        match part {
            Component::RootDir => text.push('/'),
            Component::CurDir => {}
            part => {
                if !text.is_empty() && !text.ends_with('/') {
                    text.push('/');
                }
                push_name(&mut text, part.as_os_str().as_encoded_bytes());
            }
        }
    }
    text.into()
}

/// Appends the name of a file. What is written `\xC4` is always the byte: a backslash that would make
/// it look so is written `\x5C` itself.
fn push_name(text: &mut String, name: &[u8]) {
    let looks_like_a_byte = |rest: &str| {
        let digits = rest.strip_prefix("\\x").and_then(|rest| rest.as_bytes().get(..2));
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    for chunk in name.utf8_chunks() {
        let valid = chunk.valid();
        let mut from = 0;
        for (at, _) in valid.match_indices('\\').filter(|(at, _)| looks_like_a_byte(&valid[*at..]))
        {
            *text += &valid[from..at];
            *text += "\\x5C";
            from = at + 1;
        }
        *text += &valid[from..];
        for byte in chunk.invalid() {
            *text += &format!("\\x{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b/2.txt",
            "b/10.txt",
            "a.txt",
            "c.jsonl",
            ".hidden",
            ".git/x",
            "out/documents.jsonl",
            "[x].txt",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "字").unwrap();
        }
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        folder
    }

    fn names(input: &str) -> Result<Vec<String>, String> {
        let folder = corpus();
        let found = resolve(folder.path(), &Input::at(input), &folder.path().join("out"));
        found
            .map(|files| files.iter().map(|file| file.shown.to_string()).collect())
            .map_err(|error| error.to_string().replace(&*folder.path().to_string_lossy(), "BASE"))
    }

    #[test]
    fn a_folder_is_read_in_order_without_hidden_files_and_results() {
        assert_eq!(names("./").unwrap(), ["[x].txt", "a.txt", "b/10.txt", "b/2.txt", "c.jsonl"]);
        assert_eq!(names("b").unwrap(), ["b/10.txt", "b/2.txt"]);
    }

    #[test]
    fn globs_match_within_and_across_folders() {
        assert_eq!(names("*.txt").unwrap(), ["[x].txt", "a.txt"]);
        assert_eq!(names("**/*.txt").unwrap(), ["[x].txt", "a.txt", "b/10.txt", "b/2.txt"]);
        assert_eq!(names("b/{2,3}.txt").unwrap(), ["b/2.txt"]);
    }

    #[test]
    fn a_name_with_brackets_is_a_name_if_it_exists() {
        assert_eq!(names("[x].txt").unwrap(), ["[x].txt"]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert_eq!(names("nowhere").unwrap_err(), "there is no `BASE/nowhere`");
        assert_eq!(names("empty").unwrap_err(), "the folder `BASE/empty` holds no files");
        assert_eq!(names("*.html").unwrap_err(), "no file matches `*.html`");
        assert_eq!(names("no/*.txt").unwrap_err(), "there is no `BASE/no`");
        assert_eq!(names("[").unwrap_err(), "`[` is not a pattern");
    }

    #[test]
    fn a_file_url_is_a_path() {
        let folder = corpus();
        let url = format!("file://{}/b/%32.txt", folder.path().display());
        let files = resolve(Path::new("elsewhere"), &Input::at(url), Path::new("out")).unwrap();
        assert_eq!(files[0].location.path(), Some(&*folder.path().join("b/2.txt")));
        assert_eq!(file_url("file:///a%zz%"), Some("/a%zz%".into()));
    }

    #[test]
    fn no_two_names_are_shown_alike() {
        let shown = |name: &[u8]| {
            let mut text = String::new();
            push_name(&mut text, name);
            text
        };
        assert_eq!(shown("字 \\a\\x\n.txt".as_bytes()), "字 \\a\\x\n.txt");
        assert_eq!(shown(b"\xC4\xE3.txt"), r"\xC4\xE3.txt");
        assert_eq!(shown(br"\xC4\\xE3.txt"), r"\x5CxC4\\x5CxE3.txt");
        assert_eq!(shown(b"\\\xC4"), r"\\xC4");
        assert_eq!(shown(b"\\x\xC4"), r"\x\xC4");
        assert_eq!(shown(b"\\xC\xC4"), r"\xC\xC4");
    }

    #[cfg(not(feature = "object-store"))]
    #[test]
    fn an_object_store_is_no_missing_file() {
        let error = names("s3://bucket/corpus/").unwrap_err();
        assert!(error.contains("object store"), "{error}");
    }

    #[test]
    fn a_file_named_twice_is_read_once() {
        let folder = corpus();
        let find =
            |input: &str| resolve(folder.path(), &Input::at(input), Path::new("out")).unwrap();
        let files = without_repeats([find("b"), find("b/2.txt")].concat());
        assert_eq!(files.len(), 2);
    }
}
