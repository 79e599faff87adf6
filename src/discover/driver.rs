use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where the kernel shows which drivers, and other modules of its own, are loaded.
#[derive(Debug, Clone)]
pub struct Drivers {
    directory: PathBuf,
}

/// Those of a module's drivers that are loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedDrivers(BTreeMap<String, Identity>);

/// Tells a driver from one of the same name that is loaded later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    /// kernfs gives every directory that it makes another number (`__kernfs_new_node()` in
    /// fs/kernfs/dir.c). Its times tell nothing: they are those of the first look at it.
    inode: u64,
    /// A driver that was looked at before it had the file of its state is another after that.
    has_state: bool,
}

/// How what is loaded differs from what was loaded before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverChange {
    /// Everything that was is still there, and there is more.
    Gained,
    /// Something is gone, whether it came back or not: a kprobe in it is dead.
    Lost,
}

impl Drivers {
    /// Those of the kernel that runs.
    pub fn of_kernel() -> Self {
        Self::at(Path::new("/sys/module"))
    }

    /// What a directory like `/sys/module` shows.
    pub fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Which of `names` are loaded now: a few system calls for each.
    pub fn loaded(&self, names: &[String]) -> LoadedDrivers {
        let identity = |name: &String| Some((name.clone(), self.identity(name)?));
        LoadedDrivers(names.iter().filter_map(identity).collect())
    }

    /// Why a module does not run of whose drivers, `names`, none is loaded.
    pub fn absence(&self, names: &[String]) -> String {
        let directory = self.directory.display();
        if !self.directory.exists() {
            return format!(
                "cannot tell which drivers are loaded: there is no {directory}; mount sysfs at /sys"
            );
        }
        let names = names.join(" or ");
        format!("no driver {names} is loaded: it begins when one is")
    }

    fn identity(&self, name: &str) -> Option<Identity> {
        let path = self.directory.join(name);
        let metadata = fs::metadata(&path).ok()?;
        // While it comes, its functions and tracepoints cannot all be attached to; while it
        // goes, those who hold on would only be dropped. What is built in has no such file.
        let has_state = match fs::read_to_string(path.join("initstate")) {
            Ok(state) if state.trim() == "live" => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            _ => return None,
        };
        Some(Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            has_state,
        })
    }
}

impl LoadedDrivers {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has changed from this to `now`.
    pub fn change(&self, now: &Self) -> Option<DriverChange> {
        let kept = |(name, identity)| now.0.get(name) == Some(identity);
        match (self.0.iter().all(kept), self.0.len() == now.0.len()) {
            (true, true) => None,
            (true, false) => Some(DriverChange::Gained),
            (false, _) => Some(DriverChange::Lost),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    struct Sysfs(TempDir);

    impl Sysfs {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn load(&self, name: &str) {
            fs::create_dir(self.0.path().join(name)).unwrap();
        }

        fn unload(&self, name: &str) {
            fs::remove_dir_all(self.0.path().join(name)).unwrap();
        }

        /// Both directories exist for a moment, so that they cannot have one number.
        fn reload(&self, name: &str) {
            self.load("new");
            let (new, path) = (self.0.path().join("new"), self.0.path().join(name));
            fs::rename(new, path).unwrap();
        }

        fn is(&self, name: &str, state: &str) {
            fs::write(self.0.path().join(name).join("initstate"), state).unwrap();
        }

        fn loaded(&self) -> LoadedDrivers {
            Drivers::at(self.0.path()).loaded(&names())
        }
    }

    fn names() -> Vec<String> {
        vec!["first".to_owned(), "second".to_owned()]
    }

    #[test]
    fn what_comes_and_goes_is_a_change() {
        use DriverChange::{Gained, Lost};
        let sysfs = Sysfs::new();
        let mut before = sysfs.loaded();
        assert!(before.is_empty());
        let mut change = || {
            let now = sysfs.loaded();
            std::mem::replace(&mut before, now.clone()).change(&now)
        };
        assert_eq!(change(), None);
        sysfs.load("third");
        assert_eq!(change(), None);
        sysfs.load("first");
        assert_eq!(change(), Some(Gained));
        assert_eq!(change(), None);
        sysfs.load("second");
        assert_eq!(change(), Some(Gained));
        sysfs.unload("second");
        assert_eq!(change(), Some(Lost));
        sysfs.reload("first");
        assert_eq!(change(), Some(Lost));
        assert_eq!(change(), None);
        sysfs.reload("first");
        sysfs.load("second");
        assert_eq!(change(), Some(Lost));
        sysfs.unload("first");
        sysfs.unload("second");
        assert_eq!(change(), Some(Lost));
        assert_eq!(change(), None);
    }

    #[test]
    fn a_driver_is_there_while_it_is_live() {
        let sysfs = Sysfs::new();
        sysfs.load("first");
        for (state, is_there) in [("coming\n", false), ("live\n", true), ("going\n", false)] {
            sysfs.is("first", state);
            assert_eq!(!sysfs.loaded().is_empty(), is_there, "{state}");
        }
        sysfs.unload("first");
        sysfs.load("first");
        let early = sysfs.loaded();
        sysfs.is("first", "live\n");
        assert_eq!(early.change(&sysfs.loaded()), Some(DriverChange::Lost));
    }

    #[test]
    fn the_reason_names_what_would_help() {
        let sysfs = Sysfs::new();
        let drivers = Drivers::at(sysfs.0.path());
        let reason = "no driver first or second is loaded: it begins when one is";
        assert_eq!(drivers.absence(&names()), reason);
        let drivers = Drivers::at(Path::new("/nowhere"));
        let reason =
            "cannot tell which drivers are loaded: there is no /nowhere; mount sysfs at /sys";
        assert_eq!(drivers.absence(&names()), reason);
    }
}
