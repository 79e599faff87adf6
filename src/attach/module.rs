use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::name::Naming;
use super::points::{Points, Search};
use super::status::{Places, Status};
use super::workload::Workloads;
use crate::discover::PATIENCE;
use crate::discover::library::{self, Key, Pattern, Process, Touch, Wanted};
use crate::kernel::{FunctionLink, FunctionPrograms, MapHandle, Place};
use crate::module::Library;

/// Files of a module that may be waited for at a time.
const MAX_LATE: usize = 4;

/// A loaded module whose programs attach to functions of libraries.
pub struct Attacher {
    pub module: String,
    pub libraries: Vec<Library>,
    pub programs: FunctionPrograms,
    /// Where the programs look the workload of a process up.
    pub members: Vec<MapHandle>,
    pub status: Status,
    attached: BTreeMap<Key, Attached>,
    /// Of files that were found and cannot be read yet.
    late: Vec<Search>,
    workloads: Workloads,
    /// As they are in `members`.
    known: BTreeMap<u32, u32>,
}

/// A file of a library with programs at its functions.
struct Attached {
    library: String,
    path: String,
    programs: BTreeSet<String>,
    places: Places,
    _links: Vec<FunctionLink>,
}

impl Attacher {
    pub fn new(
        module: &str,
        libraries: Vec<Library>,
        programs: FunctionPrograms,
        members: Vec<MapHandle>,
        naming: Naming,
        status: Status,
    ) -> Self {
        Self {
            module: module.to_owned(),
            libraries,
            programs,
            members,
            status,
            attached: BTreeMap::new(),
            late: Vec::new(),
            workloads: Workloads::new(naming),
            known: BTreeMap::new(),
        }
    }

    /// Whether attaching takes perf events.
    pub fn takes_events(&self) -> bool {
        self.programs.takes_events()
    }

    /// What to look for. A name in it leads back to [`Self::found`].
    pub fn wanted(&self) -> impl Iterator<Item = Wanted> {
        self.libraries.iter().map(|library| Wanted {
            name: self.name(library),
            files: library
                .files
                .iter()
                .filter_map(|it| it.parse::<Pattern>().ok())
                .collect(),
            places: library.places.iter().map(PathBuf::from).collect(),
        })
    }

    fn name(&self, library: &Library) -> Arc<str> {
        Arc::from(format!("{}/{}", self.module, library.name))
    }

    /// Attaches to a file, if it is of one of the module's libraries.
    pub fn found(&mut self, found: &library::Library, file: &File) {
        let wanted = |library: &&Library| found.wanted.contains(&self.name(library));
        let Some(library) = self.libraries.iter().find(wanted).cloned() else {
            return;
        };
        let path = found.path.display().to_string();
        if self.late.len() == MAX_LATE {
            return self.complain(&path, "not read, because others do not answer");
        }
        match Search::start(library, found, file) {
            Ok(search) => match search.points(PATIENCE) {
                Some(points) => self.take_in(&search, points),
                None => self.late.push(search),
            },
            Err(error) => self.complain(&path, &error.to_string()),
        }
        self.publish();
    }

    /// Attaches to what was found before and has answered at last. Says whether there was any.
    pub fn proceed(&mut self) -> bool {
        let before = self.late.len();
        for search in std::mem::take(&mut self.late) {
            match search.points(Duration::ZERO) {
                Some(points) => self.take_in(&search, points),
                None => self.late.push(search),
            }
        }
        let is_news = self.late.len() < before;
        if is_news {
            self.publish();
        }
        is_news
    }

    /// Takes in what does not answer now, of its own or of others. Says whether that has
    /// changed.
    pub fn unanswered<'a>(&self, touches: impl Iterator<Item = &'a Touch>) -> bool {
        let own: BTreeSet<Arc<str>> = self.libraries.iter().map(|it| self.name(it)).collect();
        let theirs = touches.filter(|touch| touch.wanted.iter().any(|it| own.contains(it)));
        let late = self.late.iter().map(|search| &*search.path);
        let paths: BTreeSet<&Path> = theirs.map(|touch| &*touch.path).chain(late).collect();
        let say = |path: &Path| {
            let path = path.display();
            format!("libraries: {path} does not answer; see what its file system waits for")
        };
        let now: Vec<String> = paths.into_iter().map(say).collect();
        let before = std::mem::replace(&mut self.status.lock().unanswered, now.clone());
        for new in now.iter().filter(|it| !before.contains(it)) {
            warn!(module = %self.module, reason = %new, "libraries not all looked at");
        }
        now != before
    }

    pub fn gone(&mut self, key: &Key) {
        self.late.retain(|search| search.key != *key);
        if let Some(attached) = self.attached.remove(key) {
            info!(module = %self.module, library = %attached.path, "library gone");
            self.publish();
        }
    }

    /// Takes in who uses the libraries now. Says whether there are workloads that are new.
    pub fn used_by(&mut self, now: Instant, processes: &[&Process]) -> bool {
        let before = self.workloads.given();
        let members = self.workloads.update(now, processes);
        // First what the workloads are called: their entries are made at the next sweep.
        self.publish();
        let mut status = self.status.lock();
        if *status.members != members {
            status.members = Arc::new(members.clone());
        }
        drop(status);
        for map in &self.members {
            for process in self.known.keys().filter(|it| !members.contains_key(it)) {
                // It may have been taken out by nobody else.
                let _ = map.delete(&process.to_ne_bytes());
            }
        }
        let known = std::mem::take(&mut self.known);
        let is_told = |process: &u32, workload: &u32| {
            known.get(process) == Some(workload)
                || self.members.iter().all(|map| {
                    let set = map.set(&process.to_ne_bytes(), &workload.to_ne_bytes());
                    set.is_ok()
                })
        };
        // What the kernel has no room for is in `other`, and tried again.
        self.known = members;
        self.known
            .retain(|process, workload| is_told(process, workload));
        self.workloads.given() != before
    }

    /// The keys of what it is attached to.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.attached.keys()
    }

    fn take_in(&mut self, search: &Search, points: Result<Points, String>) {
        let path = search.path.display().to_string();
        match points.and_then(|points| self.attach(search, &path, points)) {
            Ok(attached) => {
                let places = attached.places;
                let copies = self.programs.copies();
                // None where the kernel has attach cookies.
                let copies = (copies > 0).then_some(copies);
                info!(module = %self.module, library = %path, fast = places.fast, slow = places.slow, copies, "attached to library");
                self.attached.insert(search.key.clone(), attached);
            }
            Err(reason) => self.complain(&path, &reason),
        }
    }

    fn complain(&self, path: &str, reason: &str) {
        warn!(module = %self.module, library = %path, %reason, "cannot attach to library");
        self.status.lock().complaint = format!("{path}: {reason}");
    }

    fn attach(&mut self, search: &Search, path: &str, points: Points) -> Result<Attached, String> {
        for functions in points.refused {
            warn!(module = %self.module, library = %path, %functions, "the kernel takes no probe at the first instruction: these calls are not seen");
        }
        // The very file that was found, whatever lies at its path by now.
        let file_path = PathBuf::from(format!("/proc/self/fd/{}", search.file.as_raw_fd()));
        let mut links = Vec::new();
        // Returns first: a call that is made in between is then an unmatched return, and does
        // not wait for one that is not seen.
        let mut places: Vec<(String, Vec<Place>)> = points.places.into_iter().collect();
        places.sort_by_key(|(program, _)| !self.programs.is_at_return(program));
        for (program, places) in &places {
            let link = self.programs.attach(program, &file_path, places);
            links.push(link.map_err(|error| format!("{program}: {error}"))?);
        }
        Ok(Attached {
            library: search.library.name.clone(),
            path: path.to_owned(),
            programs: places.into_iter().map(|(program, _)| program).collect(),
            places: points.counts,
            _links: links,
        })
    }

    fn publish(&self) {
        let mut status = self.status.lock();
        let programs = self.attached.values().flat_map(|it| &it.programs);
        status.programs = programs.cloned().collect();
        let libraries = self
            .libraries
            .iter()
            .map(|it| (it.name.clone(), <_>::default()));
        status.libraries = libraries.collect();
        for attached in self.attached.values() {
            let library = status
                .libraries
                .entry(attached.library.clone())
                .or_default();
            library.0 += 1;
            library.1 += attached.places;
        }
        status.workloads = self.workloads.list();
        status.unseen = self.workloads.unseen() as u64;
    }
}
