use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::event::{Event, Library, Through};
use super::identity::Identity;
use super::key::Key;
use super::machine::Candidate;
use super::process::Process;

/// Libraries known at a time.
const LIBRARIES: usize = 256;
/// Processes that are known with all that is to be told of them, counted once for each
/// library that they map.
const PROCESSES: usize = 4_096;
/// How long a library stays that nobody uses: a program that is run again and again, or a
/// container that restarts, finds it attached.
pub(super) const GRACE: Duration = Duration::from_mins(1);

/// A library known here. Numbers are not given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u64);

/// The libraries that exist, and who uses them.
#[derive(Debug, Default)]
pub(super) struct Registry {
    libraries: BTreeMap<Id, Known>,
    next: u64,
    /// What lies under the host's paths.
    host: BTreeMap<PathBuf, Id>,
    /// Processes in all of `libraries`.
    processes: usize,
    events: Vec<Event>,
    pub left_out: LeftOut,
}

/// What met a bound, in times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub libraries: u64,
    pub processes: u64,
}

#[derive(Debug)]
struct Known {
    library: Library,
    identity: Identity,
    /// How many processes map it, those without details too.
    users: usize,
    processes: BTreeMap<u32, Process>,
    /// When it was last in use.
    used: Instant,
}

impl Registry {
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.libraries.values().map(|known| &known.library)
    }

    pub fn processes(&self, key: &Key) -> impl Iterator<Item = &Process> + use<'_> {
        let known = self
            .libraries
            .values()
            .find(|known| known.library.key == *key);
        known.into_iter().flat_map(|known| known.processes.values())
    }

    /// A process maps these now, and mapped those that `before` names. Gives what it maps.
    pub fn mapped(
        &mut self,
        now: Instant,
        process: &Process,
        candidates: Vec<Candidate>,
        before: &[Id],
    ) -> Vec<Id> {
        let ids = self.seen_mapped(now, process, candidates, before);
        let ended = before.iter().filter(|id| !ids.contains(id));
        let ended: Vec<_> = ended.copied().collect();
        self.unmapped(now, process.tgid, &ended);
        ids
    }

    /// A process maps these now, and those that `before` names as far as is known. Gives what
    /// it maps.
    pub fn mapped_besides(
        &mut self,
        now: Instant,
        process: &Process,
        candidates: Vec<Candidate>,
        before: &[Id],
    ) -> Vec<Id> {
        let mut ids = self.seen_mapped(now, process, candidates, before);
        ids.extend(before);
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn seen_mapped(
        &mut self,
        now: Instant,
        process: &Process,
        candidates: Vec<Candidate>,
        before: &[Id],
    ) -> Vec<Id> {
        let through = Through::Process(process.tgid);
        let mut ids: Vec<_> = candidates
            .into_iter()
            .filter_map(|candidate| self.identify(now, candidate, through))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        for id in &ids {
            self.uses(*id, process, !before.contains(id));
        }
        ids
    }

    /// A process does not map these any more.
    pub fn unmapped(&mut self, now: Instant, tgid: u32, ids: &[Id]) {
        for id in ids {
            if let Some(known) = self.libraries.get_mut(id) {
                known.users = known.users.saturating_sub(1);
                known.used = now;
                if known.processes.remove(&tgid).is_some() {
                    self.processes -= 1;
                }
            }
        }
    }

    /// The host has these now.
    pub fn host(&mut self, now: Instant, candidates: Vec<Candidate>) {
        let mut host = BTreeMap::new();
        for candidate in candidates {
            let path = candidate.path.clone();
            if let Some(id) = self.identify(now, candidate, Through::Host) {
                host.insert(path, id);
            }
        }
        let before = std::mem::replace(&mut self.host, host);
        for (path, old) in before {
            // One that was overwritten is gone already.
            let Some(known) = self.libraries.get_mut(&old) else {
                continue;
            };
            known.used = now;
            let old_key = known.library.key.clone();
            let new = self.host.get(&path).filter(|new| **new != old);
            if let Some(new) = new.and_then(|new| self.libraries.get(new)) {
                let new = new.library.key.clone();
                self.events.push(Event::Replaced {
                    path,
                    old: old_key,
                    new,
                });
            }
        }
    }

    /// Forgets what was not used for a while.
    pub fn expire(&mut self, now: Instant) {
        let unused: Vec<_> = self
            .libraries
            .iter()
            .filter(|(id, known)| {
                known.users == 0
                    && now.saturating_duration_since(known.used) >= GRACE
                    && !self.host.values().any(|host| host == *id)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in unused {
            self.forget(id);
        }
    }

    /// The library that this is a file of: one that is known, or a new one.
    fn identify(&mut self, now: Instant, candidate: Candidate, through: Through) -> Option<Id> {
        let identity = candidate.identity;
        let known = |same: &dyn Fn(&Identity) -> bool| {
            let found = self
                .libraries
                .iter()
                .find(|(_, known)| same(&known.identity));
            found.map(|(id, _)| *id)
        };
        if let Some(id) = known(&|other| other.is(&identity)) {
            return Some(id);
        }
        if let Some(overwritten) = known(&|other| other.is_inode(&identity)) {
            self.forget(overwritten);
        }
        if self.libraries.len() == LIBRARIES {
            self.left_out.libraries += 1;
            return None;
        }
        let library = Library {
            key: identity.key.clone(),
            wanted: candidate.wanted,
            name: candidate.name,
            path: candidate.path,
            through,
        };
        let id = Id(self.next);
        self.next += 1;
        self.events
            .push(Event::Found(library.clone(), candidate.file));
        self.libraries.insert(
            id,
            Known {
                library,
                identity,
                users: 0,
                processes: BTreeMap::new(),
                used: now,
            },
        );
        Some(id)
    }

    fn uses(&mut self, id: Id, process: &Process, is_new: bool) {
        let Some(known) = self.libraries.get_mut(&id) else {
            return;
        };
        known.users += usize::from(is_new);
        if known.processes.contains_key(&process.tgid) || self.processes < PROCESSES {
            let before = known.processes.insert(process.tgid, process.clone());
            self.processes += usize::from(before.is_none());
        } else {
            self.left_out.processes += 1;
        }
    }

    fn forget(&mut self, id: Id) {
        if let Some(known) = self.libraries.remove(&id) {
            self.processes -= known.processes.len();
            self.host.retain(|_, host| *host != id);
            self.events.push(Event::Gone(known.library.key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::testing::{born_later, overlay, plain, rewritten};
    use super::super::machine::testing::{at, candidate, process};
    use super::*;

    /// What is told, in one letter for each event.
    fn told(registry: &mut Registry) -> String {
        let letter = |event: &Event| match event {
            Event::Found(..) => 'F',
            Event::Replaced { .. } => 'R',
            Event::Gone(_) => 'G',
        };
        registry.events().iter().map(letter).collect()
    }

    fn users(registry: &Registry, identity: &Identity) -> Vec<u32> {
        let processes = registry.processes(&identity.key);
        processes.map(|process| process.tgid).collect()
    }

    #[test]
    fn a_library_goes_a_while_after_its_last_process() {
        let now = Instant::now();
        let mut registry = Registry::default();
        let file = plain(5);
        let first = registry.mapped(now, &process(1), vec![candidate(&file)], &[]);
        let second = registry.mapped(now, &process(2), vec![candidate(&file)], &[]);
        assert_eq!(told(&mut registry), "F");
        assert_eq!(users(&registry, &file), [1, 2]);
        let later = now + GRACE;
        registry.unmapped(later, 1, &first);
        registry.expire(later + GRACE);
        assert_eq!(users(&registry, &file), [2]);
        registry.unmapped(later, 2, &second);
        registry.expire(later + GRACE / 2);
        assert_eq!(told(&mut registry), "");
        registry.expire(later + GRACE);
        assert_eq!(told(&mut registry), "G");
        assert_eq!(registry.libraries().count(), 0);
        assert_eq!(registry.processes, 0);
    }

    #[test]
    fn a_process_that_closes_a_library_does_not_use_it() {
        let now = Instant::now();
        let mut registry = Registry::default();
        let both = vec![candidate(&plain(5)), candidate(&plain(6))];
        let ids = registry.mapped(now, &process(1), both, &[]);
        registry.mapped(now, &process(1), vec![candidate(&plain(6))], &ids);
        assert!(users(&registry, &plain(5)).is_empty());
        assert_eq!(users(&registry, &plain(6)), [1]);
        registry.expire(now + GRACE);
        assert_eq!(told(&mut registry), "FFG");
    }

    #[test]
    fn a_program_that_is_run_again_finds_it_known() {
        let now = Instant::now();
        let mut registry = Registry::default();
        for run in 0..5 {
            let now = now + GRACE / 2 * run;
            let ids = registry.mapped(now, &process(run), vec![candidate(&plain(5))], &[]);
            registry.unmapped(now, run, &ids);
            registry.expire(now);
        }
        assert_eq!(told(&mut registry), "F");
    }

    #[test]
    fn mounts_of_a_layer_share_one_library() {
        let now = Instant::now();
        let mut registry = Registry::default();
        registry.host(now, vec![candidate(&plain(5))]);
        registry.mapped(now, &process(1), vec![candidate(&overlay(5, 40))], &[]);
        let two = vec![candidate(&overlay(5, 41)), candidate(&overlay(5, 40))];
        registry.mapped(now, &process(2), two, &[]);
        assert_eq!(told(&mut registry), "F");
        assert_eq!(users(&registry, &plain(5)), [1, 2]);
        let copied_up = born_later(overlay(5, 41));
        registry.mapped(now, &process(3), vec![candidate(&copied_up)], &[]);
        assert_eq!(told(&mut registry), "F");
        assert_eq!(users(&registry, &copied_up), [3]);
    }

    #[test]
    fn the_host_s_stays_as_long_as_it_is_there() {
        let now = Instant::now();
        let mut registry = Registry::default();
        registry.host(now, vec![candidate(&plain(5))]);
        registry.expire(now + GRACE * 9);
        assert_eq!(told(&mut registry), "F");
        registry.host(now + GRACE * 9, Vec::new());
        registry.expire(now + GRACE * 9);
        assert_eq!(told(&mut registry), "");
        registry.expire(now + GRACE * 10);
        assert_eq!(told(&mut registry), "G");
    }

    #[test]
    fn an_upgrade_replaces_what_processes_still_use() {
        let now = Instant::now();
        let mut registry = Registry::default();
        registry.host(now, vec![candidate(&plain(5))]);
        registry.mapped(now, &process(1), vec![candidate(&plain(5))], &[]);
        registry.host(now, vec![candidate(&plain(6))]);
        let events = registry.events();
        assert!(
            matches!(
                &events[..],
                [Event::Found(..), Event::Found(new, _), Event::Replaced { old, new: replacing, .. }]
                if new.key == *replacing && *old == plain(5).key
            ),
            "{events:?}"
        );
        registry.expire(now + GRACE);
        assert_eq!(told(&mut registry), "");
        assert_eq!(users(&registry, &plain(5)), [1]);
    }

    #[test]
    fn links_to_one_file_are_one_library() {
        let now = Instant::now();
        let mut registry = Registry::default();
        let links = vec![
            at("/lib/libx.so", &plain(5)),
            at("/lib/libx.so.1", &plain(5)),
        ];
        registry.host(now, links);
        assert_eq!(told(&mut registry), "F");
    }

    #[test]
    fn what_is_overwritten_goes_before_it_comes() {
        let now = Instant::now();
        let mut registry = Registry::default();
        registry.host(now, vec![candidate(&plain(5))]);
        let ids = registry.mapped(now, &process(1), vec![candidate(&plain(5))], &[]);
        let new = rewritten(plain(5));
        registry.host(now, vec![candidate(&new)]);
        assert_eq!(told(&mut registry), "FGF");
        registry.mapped(now, &process(1), vec![candidate(&new)], &ids);
        assert_eq!(users(&registry, &new), [1]);
        assert_eq!(registry.processes, 1);
    }

    #[test]
    fn libraries_beyond_the_limit_are_counted() {
        let now = Instant::now();
        let mut registry = Registry::default();
        let many = (0..=LIBRARIES as u64).map(|inode| candidate(&plain(inode)));
        let ids = registry.mapped(now, &process(1), many.collect(), &[]);
        assert_eq!(ids.len(), LIBRARIES);
        assert_eq!(registry.left_out.libraries, 1);
    }

    #[test]
    fn processes_beyond_the_limit_are_counted_and_keep_it() {
        let now = Instant::now();
        let mut registry = Registry::default();
        let limit = u32::try_from(PROCESSES).unwrap_or(u32::MAX);
        let mut ids = Vec::new();
        for tgid in 0..=limit {
            ids = registry.mapped(now, &process(tgid), vec![candidate(&plain(5))], &[]);
        }
        assert_eq!(users(&registry, &plain(5)).len(), PROCESSES);
        assert_eq!(registry.left_out.processes, 1);
        for tgid in 0..limit {
            registry.unmapped(now, tgid, &ids);
        }
        registry.expire(now + GRACE);
        assert_eq!(told(&mut registry), "F");
        registry.unmapped(now, limit, &ids);
        registry.expire(now + GRACE);
        assert_eq!(told(&mut registry), "G");
    }
}
