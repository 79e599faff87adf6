use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Dir;

use super::files::Root;
use super::identity::Identity;
use super::loader_cache;
use super::machine::{Candidate, HostSight};
use super::touch::{Course, Touch};
use super::wanted::{Wanted, wants};

const LOADER_CACHE: &str = "/etc/ld.so.cache";
/// A cache of some thousand libraries is a few hundred KiB.
const LONGEST_CACHE: u64 = 16 << 20;
/// Entries of one directory that are looked at.
const ENTRIES: usize = 65_536;
/// Files of the host that are looked at.
const HOST_FILES: usize = 256;

/// The wanted libraries that the host's loader knows or that lie in known places, whether
/// or not a process maps them. Paths are those below `root`.
pub(super) fn look(root: &Path, wanted: &[Wanted], course: &Course) -> HostSight {
    let mut sight = HostSight::default();
    let Ok(root) = Root::open(root) else {
        sight.unreadable += 1;
        return sight;
    };
    let places: BTreeSet<_> = wanted.iter().flat_map(|library| &library.places).collect();
    let mut paths = BTreeSet::new();
    let cache = Path::new(LOADER_CACHE);
    let everybody = wanted.iter().map(|library| Arc::clone(&library.name));
    let touch = Touch::file(cache, everybody.collect());
    let found = course.touch(touch, || cached(&root, cache, wanted));
    paths.extend(sight.of(found).into_iter().flatten());
    for place in places {
        let theirs = wanted.iter().filter(|it| it.places.contains(place));
        let theirs = theirs.map(|library| Arc::clone(&library.name));
        let touch = Touch::directory(place, theirs.collect());
        let found = course.touch(touch, || listed(&root, place, wanted));
        paths.extend(sight.of(found).into_iter().flatten());
    }
    sight.left_out = paths.len().saturating_sub(HOST_FILES) as u64;
    for path in paths.into_iter().take(HOST_FILES) {
        let touch = Touch::file(&path, theirs(&path, wanted));
        let found = course.touch(touch, || candidate(&root, &path, wanted));
        let found = sight.of(found);
        sight.files.extend(found);
    }
    sight
}

impl HostSight {
    /// What was found, if anything; counts what could not be.
    fn of<T>(&mut self, found: Option<io::Result<T>>) -> Option<T> {
        match found {
            Some(Ok(found)) => return Some(found),
            Some(Err(error)) if error.kind() == ErrorKind::NotFound => {}
            Some(Err(_)) => self.unreadable += 1,
            None => self.unanswered += 1,
        }
        None
    }
}

/// Those in the loader's cache.
fn cached(root: &Root, cache: &Path, wanted: &[Wanted]) -> io::Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    root.file(cache)?
        .take(LONGEST_CACHE)
        .read_to_end(&mut bytes)?;
    let paths = loader_cache::paths(&bytes)
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    Ok(paths
        .map(|path| Path::new(OsStr::from_bytes(path)))
        .filter(|path| !theirs(path, wanted).is_empty())
        .map(Path::to_owned)
        .collect())
}

/// Those in a directory.
fn listed(root: &Root, place: &Path, wanted: &[Wanted]) -> io::Result<Vec<PathBuf>> {
    let directory = Dir::new(root.directory(place)?)?;
    let mut paths = Vec::new();
    for entry in directory.take(ENTRIES) {
        let path = place.join(OsStr::from_bytes(entry?.file_name().to_bytes()));
        if !theirs(&path, wanted).is_empty() {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Who wants a file of this name.
fn theirs(path: &Path, wanted: &[Wanted]) -> Vec<Arc<str>> {
    wants(wanted, path.file_name().unwrap_or_default().as_bytes())
}

fn candidate(root: &Root, path: &Path, wanted: &[Wanted]) -> io::Result<Candidate> {
    let file = root.file(path)?;
    let identity = Identity::of(&file)?;
    let name = path.file_name().unwrap_or_default();
    Ok(Candidate {
        wanted: theirs(path, wanted),
        name: own_name(&file).unwrap_or_else(|| name.to_string_lossy().into()),
        path: path.to_owned(),
        file,
        identity,
    })
}

/// The name of the file itself, which tells more than that of a link to it: the version.
fn own_name(file: &File) -> Option<Arc<str>> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    Some(path.file_name()?.to_string_lossy().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn look(root: &Path, wanted: &[Wanted]) -> HostSight {
        super::look(root, wanted, &Course::default())
    }

    fn wanted(file: &str, places: &[&str]) -> Vec<Wanted> {
        vec![Wanted {
            name: "x".into(),
            files: vec![file.parse().unwrap()],
            places: places.iter().map(PathBuf::from).collect(),
        }]
    }

    /// A host whose `/lib` holds a library and what looks like one.
    fn host() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let lib = root.path().join("lib");
        fs::create_dir(&lib).unwrap();
        fs::copy(std::env::current_exe().unwrap(), lib.join("libx.so.1.2")).unwrap();
        // Leads out of the host, unless it is its root that counts.
        symlink("/lib/libx.so.1.2", lib.join("libx.so.1")).unwrap();
        symlink("/lib/libx.so.9", lib.join("libx.so.7")).unwrap();
        root
    }

    fn seen(sight: &HostSight) -> Vec<(&str, &str)> {
        sight
            .files
            .iter()
            .map(|file| (file.path.to_str().unwrap(), &*file.name))
            .collect()
    }

    #[test]
    fn links_stay_within_the_root() {
        let root = host();
        let sight = look(root.path(), &wanted("libx.so.*", &["/lib", "/none"]));
        assert_eq!(
            seen(&sight),
            [
                ("/lib/libx.so.1", "libx.so.1.2"),
                ("/lib/libx.so.1.2", "libx.so.1.2")
            ]
        );
        assert!(sight.files[0].identity.is(&sight.files[1].identity));
        assert_eq!((sight.unreadable, sight.left_out), (0, 0));
    }

    #[test]
    fn what_is_no_library_is_not_opened() {
        let root = host();
        let lib = root.path().join("lib");
        fs::write(lib.join("liby.so.1"), "/* GNU ld script */").unwrap();
        fs::create_dir(lib.join("liby.so.2")).unwrap();
        let fifo = lib.join("liby.so.3");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        symlink(format!("/proc/self/fd/{}", 0), lib.join("liby.so.4")).unwrap();
        let sight = look(root.path(), &wanted("liby.so.*", &["/lib"]));
        assert!(sight.files.is_empty());
        assert_eq!(sight.unreadable, 3);
    }

    #[test]
    fn a_cache_that_cannot_be_read_is_counted() {
        let root = host();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/ld.so.cache"), "none").unwrap();
        let sight = look(root.path(), &wanted("libx.so.*", &["/lib"]));
        assert_eq!((sight.files.len(), sight.unreadable), (2, 1));
    }

    #[test]
    fn what_did_not_answer_is_left_alone_and_counted() {
        let root = host();
        fs::create_dir(root.path().join("more")).unwrap();
        fs::rename(
            root.path().join("lib/libx.so.1.2"),
            root.path().join("more/libx.so.2"),
        )
        .unwrap();
        let wanted = wanted("libx.so.*", &["/lib", "/more"]);
        let silent = Touch::directory(Path::new("/lib"), Vec::new());
        let course = Course::around([&silent].into_iter());
        let sight = super::look(root.path(), &wanted, &course);
        assert_eq!(seen(&sight), [("/more/libx.so.2", "libx.so.2")]);
        assert_eq!((sight.unanswered, sight.unreadable), (1, 0));
    }

    #[test]
    fn a_root_that_is_not_there_is_counted() {
        let sight = look(Path::new("/nowhere"), &wanted("libx.so.*", &["/lib"]));
        assert_eq!((sight.files.len(), sight.unreadable), (0, 1));
    }

    #[test]
    fn more_files_than_the_limit_are_counted() {
        let root = host();
        for n in 0..HOST_FILES {
            let link = root.path().join(format!("lib/libz.so.{n}"));
            symlink("libx.so.1.2", link).unwrap();
        }
        let sight = look(root.path(), &wanted("lib*.so.*", &["/lib"]));
        assert_eq!((sight.unreadable, sight.left_out), (0, 3));
    }

    #[test]
    fn the_loader_of_this_machine_knows_libc() {
        let sight = look(Path::new("/"), &wanted("libc.so.*", &[]));
        let here = fs::read_to_string("/proc/self/maps").unwrap();
        if here.contains("/libc.so.") {
            let names: Vec<_> = seen(&sight);
            assert!(
                names.iter().any(|(_, name)| here.contains(name)),
                "{names:?}"
            );
        }
    }
}
