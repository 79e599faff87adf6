use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use super::name::Naming;
use super::status::{Places, Status};
use super::workload::Workloads;
use crate::discover::library::{self, Key, Pattern, Process, Wanted};
use crate::kernel::uprobe::Execution;
use crate::kernel::{FunctionLink, FunctionPrograms, MapHandle, Place, uprobe};
use crate::module::Library;

/// A loaded module whose programs attach to functions of libraries.
pub struct Attacher {
    pub module: String,
    pub libraries: Vec<Library>,
    pub programs: FunctionPrograms,
    /// Where the programs look the workload of a process up.
    pub members: Vec<MapHandle>,
    pub status: Status,
    attached: BTreeMap<Key, Attached>,
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
        match self.attach(&library, &path, file) {
            Ok(attached) => {
                let places = attached.places;
                let copies = self.programs.copies();
                // None where the kernel has attach cookies.
                let copies = (copies > 0).then_some(copies);
                info!(module = %self.module, library = %path, fast = places.fast, slow = places.slow, copies, "attached to library");
                self.attached.insert(found.key.clone(), attached);
            }
            Err(reason) => {
                warn!(module = %self.module, library = %path, %reason, "cannot attach to library");
                self.status.lock().complaint = format!("{path}: {reason}");
            }
        }
        self.publish();
    }

    pub fn gone(&mut self, key: &Key) {
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

    fn attach(&mut self, library: &Library, path: &str, file: &File) -> Result<Attached, String> {
        let read = file.try_clone().map_err(|error| error.to_string())?;
        let elf = uprobe::Library::read(read).map_err(|error| error.to_string())?;
        // The very file that was found, whatever lies at its path by now.
        let file_path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let mut places: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
        let mut counts = Places::default();
        for functions in &library.functions {
            let names = functions.symbols.iter().map(String::as_str);
            for site in elf.sites(names).map_err(|error| error.to_string())? {
                // One place that the kernel refuses would cost the others.
                if site.placement.execution == Execution::Refused {
                    let functions = site.names.join(", ");
                    warn!(module = %self.module, library = %path, %functions, "the kernel takes no probe at the first instruction: these calls are not seen");
                    continue;
                }
                let place = Place {
                    offset: site.offset(),
                    cookie: functions.cookie,
                };
                for program in &functions.programs {
                    places.entry(program).or_default().push(place);
                    match site.placement.execution {
                        Execution::Emulated | Execution::LongNop => counts.fast += 1,
                        Execution::Stepped | Execution::Refused => counts.slow += 1,
                    }
                }
            }
        }
        if places.is_empty() {
            return Err("it has none of the functions".to_owned());
        }
        let mut links = Vec::new();
        // Returns first: a call that is made in between is then an unmatched return, and does
        // not wait for one that is not seen.
        let mut places: Vec<(&str, Vec<Place>)> = places.into_iter().collect();
        places.sort_by_key(|(program, _)| !self.programs.is_at_return(program));
        for (program, places) in &places {
            let link = self.programs.attach(program, &file_path, places);
            links.push(link.map_err(|error| format!("{program}: {error}"))?);
        }
        Ok(Attached {
            library: library.name.clone(),
            path: path.to_owned(),
            programs: places
                .iter()
                .map(|(program, _)| (*program).to_owned())
                .collect(),
            places: counts,
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
