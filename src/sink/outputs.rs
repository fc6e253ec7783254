//! The output folder: results are written beside, synced, and renamed into place at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Seek, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Folder of unfinished results, inside the output folder so that a rename never crosses disks.
const STAGING: &str = ".hanmill-unfinished";
/// Where in it results are written, and where earlier ones wait until the new ones stand.
const UNFINISHED: &str = "new";
const EARLIER: &str = "earlier";
/// Where files lie that go into results.
const SCRATCH: &str = "scratch";
/// Where copies lie of inputs that can be read only once.
const SPOOL: &str = "spool";
/// What is locked while a run is writing.
const LOCK: &str = "lock";
/// The result that is renamed last: where it stands, everything it lists stands too.
const MANIFEST: &str = "run.json";

/// Bytes that are gathered for the system; more at once, such as the lines of a batch, go past it.
const BUFFER_BYTES: usize = 1 << 16;

/// An output folder during a run.
///
/// Dropped without [`commit`](Self::commit), it leaves earlier results as they were, and nothing of
/// its own unless it was told to [`keep`](Self::keep) what is unfinished.
#[derive(Debug)]
pub struct Outputs {
    folder: PathBuf,
    staging: PathBuf,
    // Held for as long as the run lasts, so that two runs never write to one folder.
    _lock: File,
    finished: Mutex<BTreeMap<PathBuf, u64>>,
    /// Results that this run has begun.
    begun: Mutex<BTreeSet<PathBuf>>,
    is_kept: AtomicBool,
}

impl Outputs {
    /// Prepares `folder`, which is made if need be, and clears what an interrupted run left there.
    ///
    /// # Errors
    /// If the folder can't be written to, or another run is writing to it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let outputs = Self::reopen(folder)?;
        outputs.clear()?;
        Ok(outputs)
    }

    /// Prepares `folder`, and leaves what an interrupted run left there for this one to go on with.
    ///
    /// # Errors
    /// If the folder can't be written to, or another run is writing to it.
    pub fn reopen(folder: &Path) -> io::Result<Self> {
        let staging = folder.join(STAGING);
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock(&staging)?,
            staging,
            finished: Mutex::default(),
            begun: Mutex::default(),
            is_kept: AtomicBool::new(true),
        })
    }

    /// Removes all that is unfinished, but for the copies of what can't be read again.
    ///
    /// # Errors
    /// If something can't be removed.
    pub fn clear(&self) -> io::Result<()> {
        self.is_kept.store(false, Ordering::Relaxed);
        for entry in fs::read_dir(&self.staging)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name != LOCK && name != SPOOL) {
                if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
            }
        }
        Ok(())
    }

    /// Lets what is unfinished stay when the run ends without results, for another to go on with.
    pub fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Returns the folder of what is unfinished. What is put there goes when the run ends well.
    pub fn staging(&self) -> &Path {
        &self.staging
    }

    /// Returns the output folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a folder for files that are needed until the run ends.
    pub fn spool_folder(&self) -> PathBuf {
        self.staging.join(SPOOL)
    }

    /// Begins the result `name`, a relative path below the output folder.
    ///
    /// # Errors
    /// If the name leads out of the folder, or the file can't be made.
    pub fn create(&self, name: &Path) -> io::Result<OutputFile<'_>> {
        let path = self.unfinished(name)?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if path.is_file() && !self.is_begun(name) {
            // An interrupted run has begun it behind the place that this one goes on from.
            fs::remove_file(&path)?;
        }
        let file = File::create_new(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let message = format!("`{}` is written twice in one run", name.display());
                io::Error::new(error.kind(), message)
            }
            _ => error,
        })?;
        Ok(self.file(file, name, 0))
    }

    /// Goes on with the unfinished result `name` behind its first `bytes` bytes; what follows them is
    /// cut off.
    ///
    /// # Errors
    /// If it isn't there, or has fewer bytes than that.
    pub fn append(&self, name: &Path, bytes: u64) -> io::Result<OutputFile<'_>> {
        let mut file = File::options().write(true).open(self.unfinished(name)?)?;
        let there = file.metadata()?.len();
        if there < bytes {
            let message = format!("`{}` has {there} bytes, not {bytes}", name.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        file.set_len(bytes)?;
        file.seek(io::SeekFrom::End(0))?;
        Ok(self.file(file, name, bytes))
    }

    /// Takes the result `name` of the run before over into this one.
    ///
    /// # Errors
    /// If it isn't there, or can't be copied.
    pub fn leave(&self, name: &Path) -> io::Result<()> {
        let (from, to) = (self.folder.join(name), self.unfinished(name)?);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        // One of a run that was broken off may lie there.
        let _ = fs::remove_file(&to);
        // Some file systems have no links.
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
        let bytes = fs::metadata(&to)?.len();
        self.begun.lock().expect("no writer panics").insert(name.to_owned());
        self.finished.lock().expect("no writer panics").insert(name.to_owned(), bytes);
        Ok(())
    }

    /// Returns the path of a file that is no result, but goes into one; removed with the run.
    ///
    /// # Errors
    /// If its folder can't be made.
    pub fn scratch(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.staging.join(SCRATCH);
        fs::create_dir_all(&folder)?;
        Ok(folder.join(name))
    }

    fn is_begun(&self, name: &Path) -> bool {
        self.begun.lock().expect("no writer panics").contains(name)
    }

    fn file(&self, file: File, name: &Path, bytes: u64) -> OutputFile<'_> {
        self.begun.lock().expect("no writer panics").insert(name.to_owned());
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        OutputFile { file, name: name.to_owned(), bytes, outputs: self }
    }

    /// Returns where the result `name` is written.
    fn unfinished(&self, name: &Path) -> io::Result<PathBuf> {
        if !stays_inside(name) {
            let message = format!("`{}` is no name for a result", name.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(self.staging.join(UNFINISHED).join(name))
    }

    /// Returns the finished results and their sizes in bytes, by name.
    pub fn finished(&self) -> BTreeMap<PathBuf, u64> {
        self.finished.lock().expect("no writer panics").clone()
    }

    /// Moves every finished result into place, and removes results of an earlier run that this one
    /// doesn't have.
    ///
    /// # Errors
    /// If a file can't be moved; those that were are then moved back. What was [kept](Self::keep) so far
    /// stays for another run to [`complete`](Self::complete).
    pub fn commit(self) -> io::Result<()> {
        let names: Vec<PathBuf> = self.finished().into_keys().collect();
        self.complete(&names, &self.stale())?;
        self.is_kept.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the results of an earlier run that this one doesn't have.
    pub fn stale(&self) -> Vec<PathBuf> {
        let finished = self.finished();
        let mut names = earlier_results(&self.folder.join(MANIFEST));
        names.retain(|name| !finished.contains_key(name));
        names
    }

    /// Ends a [`commit`](Self::commit) that was broken off: moves what is left of `names` into place,
    /// and removes `stale`.
    ///
    /// # Errors
    /// If a file can't be moved, or is neither here nor there; all of `names` are then moved back.
    pub fn complete(&self, names: &[PathBuf], stale: &[PathBuf]) -> io::Result<()> {
        let mut names: Vec<&PathBuf> = names.iter().filter(|name| stays_inside(name)).collect();
        names.sort_by_key(|name| name.as_os_str() == MANIFEST);
        let is_left = |name: &PathBuf| self.staging.join(UNFINISHED).join(name).exists();
        if let Some(name) =
            names.iter().find(|name| !is_left(name) && !self.folder.join(name).exists())
        {
            let message = format!("`{}` is gone", name.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let mut left = names.iter().filter(|name| is_left(name));
        if let Err(error) = left.try_for_each(|name| self.put_in_place(name)) {
            names.iter().rev().for_each(|name| self.take_back(name));
            return Err(error);
        }
        self.remove(stale);
        Ok(())
    }

    fn remove(&self, names: &[PathBuf]) {
        for name in names.iter().filter(|name| stays_inside(name)) {
            // Gone already is as good as removed.
            let path = self.folder.join(name);
            let _ = fs::remove_file(&path);
            if let Some(folder) = path.parent().filter(|folder| *folder != self.folder) {
                // One that holds anything stays.
                let _ = fs::remove_dir(folder);
            }
        }
        sync_folder(&self.folder);
    }

    /// Moves one result into place; what stood there is kept for [`take_back`](Self::take_back).
    fn put_in_place(&self, name: &Path) -> io::Result<()> {
        let (place, earlier) = (self.folder.join(name), self.staging.join(EARLIER).join(name));
        for parent in [place.parent(), earlier.parent()].into_iter().flatten() {
            fs::create_dir_all(parent)?;
        }
        if place.is_dir() {
            let message = format!("`{}` is a folder; move it away", place.display());
            return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
        }
        if place.exists() {
            fs::rename(&place, &earlier)?;
        }
        fs::rename(self.staging.join(UNFINISHED).join(name), &place).inspect_err(|_| {
            // Best effort: the first error is the one to tell.
            let _ = fs::rename(&earlier, &place);
        })
    }

    /// Takes a result out of its place again, if it is there, and puts back what stood there.
    fn take_back(&self, name: &Path) {
        let (place, earlier) = (self.folder.join(name), self.staging.join(EARLIER).join(name));
        let unfinished = self.staging.join(UNFINISHED).join(name);
        // Best effort: the error that led here is the one to tell.
        if !unfinished.exists() {
            let _ = fs::rename(&place, unfinished);
        }
        if earlier.exists() && !place.exists() {
            let _ = fs::rename(earlier, place);
        }
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // Nothing to be done about a failure here: the next run clears the folder.
        if !self.is_kept.load(Ordering::Relaxed) {
            let _ = self.clear();
            let _ = fs::remove_dir_all(self.staging.join(SPOOL));
        }
        // Goes if nothing is in it.
        let _ = fs::remove_dir(self.staging.join(SPOOL));
        let is_empty = fs::read_dir(&self.staging).is_ok_and(|mut left| {
            left.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK))
        });
        if is_empty {
            // The lock last, while it is held: another run that has opened it looks again.
            let _ = fs::remove_file(self.staging.join(LOCK));
            let _ = fs::remove_dir(&self.staging);
        }
    }
}

/// Locks the folder of unfinished results, which is made if need be.
fn lock(staging: &Path) -> io::Result<File> {
    /// More often no run ends just then.
    const ATTEMPTS: usize = 100;
    let path = staging.join(LOCK);
    let mut attempts = 0..ATTEMPTS;
    loop {
        let lock = match fs::create_dir_all(staging).and_then(|()| File::create(&path)) {
            Ok(lock) => lock,
            // A run that ends removes the folder, at any moment of the two steps.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                    && attempts.next().is_some() =>
            {
                continue;
            }
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            Ok(()) if is_at(&lock, &path) => return Ok(lock),
            // A run that has just ended has removed it.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other(
                    "another run is writing to it right now; wait for its end, or set another \
                     `--output`",
                ));
            }
            // Some network file systems know no locks; a run there is on its own.
            Err(TryLockError::Error(_)) => return Ok(lock),
        }
    }
}

/// Tells whether `path` is the name of an open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let named = fs::metadata(path).map(place);
    file.metadata().map(place).is_ok_and(|open| named.is_ok_and(|named| named == open))
}

/// Tells whether `path` is the name of an open file, which can't be removed on this system.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Makes renames in a folder last; not every system can sync one.
pub(crate) fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

fn stays_inside(name: &Path) -> bool {
    !name.as_os_str().is_empty()
        && name.components().all(|part| matches!(part, Component::Normal(_)))
}

/// The results that the manifest of an earlier run lists.
fn earlier_results(manifest: &Path) -> Vec<PathBuf> {
    let Ok(bytes) = fs::read(manifest) else { return Vec::new() };
    let Ok(manifest) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
        return Vec::new();
    };
    let outputs = manifest.get("outputs").and_then(serde_json::Value::as_object);
    let names = outputs.into_iter().flat_map(|outputs| outputs.keys());
    names.map(PathBuf::from).filter(|name| stays_inside(name)).collect()
}

/// One result while it is written.
#[derive(Debug)]
pub struct OutputFile<'a> {
    file: BufWriter<File>,
    name: PathBuf,
    bytes: u64,
    outputs: &'a Outputs,
}

impl OutputFile<'_> {
    /// Returns the name of the result.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Returns the bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes sure that all written so far is on the disk, and returns how many bytes that is.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn sync(&mut self) -> io::Result<u64> {
        self.file.flush()?;
        self.file.get_ref().sync_data()?;
        Ok(self.bytes)
    }

    /// Ends the result: all of it is on the disk now, and [`Outputs::commit`] will move it into place.
    ///
    /// # Errors
    /// If the rest can't be written.
    pub fn finish(self) -> io::Result<()> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        self.outputs.finished.lock().expect("no writer panics").insert(self.name, self.bytes);
        Ok(())
    }
}

impl Write for OutputFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(outputs: &Outputs, name: &str, text: &str) {
        let mut file = outputs.create(Path::new(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap();
    }

    #[test]
    fn results_appear_together_and_stale_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(folder.path()).unwrap();
        write(&outputs, "report.html", "old");
        write(&outputs, "run.json", r#"{"outputs":{"report.html":3,"../x":1}}"#);
        assert!(!folder.path().join("report.html").exists());
        outputs.commit().unwrap();
        assert!(folder.path().join("report.html").exists());

        let outputs = Outputs::open(folder.path()).unwrap();
        write(&outputs, "deep/er.txt", "new");
        outputs.commit().unwrap();
        assert!(!folder.path().join("report.html").exists());
        assert_eq!(fs::read_to_string(folder.path().join("deep/er.txt")).unwrap(), "new");
        assert!(!folder.path().join(STAGING).exists());
    }

    #[test]
    fn results_that_can_not_all_be_put_in_place_are_all_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "earlier").unwrap();
        fs::create_dir(folder.path().join("c.txt")).unwrap();
        let outputs = Outputs::open(folder.path()).unwrap();
        for name in ["a.txt", "b.txt", "c.txt", "run.json"] {
            write(&outputs, name, "new");
        }
        outputs.keep();
        assert!(outputs.commit().unwrap_err().to_string().contains("is a folder"));
        assert_eq!(fs::read_to_string(folder.path().join("a.txt")).unwrap(), "earlier");
        assert!(!folder.path().join("b.txt").exists());

        // The new ones are still there, for when nothing is in their way any more.
        let names = ["run.json", "a.txt", "b.txt", "c.txt"].map(PathBuf::from);
        let outputs = Outputs::reopen(folder.path()).unwrap();
        assert!(outputs.complete(&names, &[]).is_err());
        fs::remove_dir(folder.path().join("c.txt")).unwrap();
        outputs.complete(&names, &[]).unwrap();
        for name in names {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "new");
        }
    }

    #[test]
    fn a_result_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(folder.path()).unwrap();
        write(&outputs, "a.txt", "first");
        let error = outputs.create(Path::new("a.txt")).unwrap_err();
        assert_eq!(error.to_string(), "`a.txt` is written twice in one run");
    }

    #[test]
    fn a_run_that_ends_early_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("report.html"), "earlier").unwrap();
        let outputs = Outputs::open(folder.path()).unwrap();
        write(&outputs, "report.html", "unfinished");
        drop(outputs);
        assert_eq!(fs::read_to_string(folder.path().join("report.html")).unwrap(), "earlier");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_runs_never_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Outputs::open(folder.path()).unwrap();
        assert!(Outputs::open(folder.path()).unwrap_err().to_string().contains("another run"));
        drop(first);
        Outputs::open(folder.path()).unwrap();
    }

    #[test]
    fn a_result_stays_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(folder.path()).unwrap();
        for name in ["../x", "/etc/x", "", "a/../../x"] {
            assert!(outputs.create(Path::new(name)).is_err(), "{name}");
        }
    }
}
