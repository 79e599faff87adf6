use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::counts::Counts;
use super::event::{Event, Library};
use super::key::Key;
use super::machine::{Machine, Sight, Task};
use super::process::Process;
use super::reader::Reader;
use super::registry::Registry;
use super::table::{Clock, Table};
use super::this_machine::ThisMachine;
use super::touch::Touch;
use super::wanted::Wanted;

/// Processes looked at in one pass.
const LOOKS: usize = 4_096;
/// How long a pass lists and looks at processes.
const TIME: Duration = Duration::from_millis(100);
/// Passes are at least this far apart,
const INTERVAL: Duration = Duration::from_secs(1);
/// and this many times as far as they take long: scanning costs about 1 % of a CPU at most.
const SHARE: u32 = 100;
/// How often the host's files are looked at.
const HOST_INTERVAL: Duration = Duration::from_secs(10);
/// Requests that can wait for the next scan.
const REQUESTS: usize = 1_024;

/// Finds the files of wanted libraries on this machine, and the processes that map them.
///
/// A scan reads what is new, young or due and returns in about 0.1 s; in two seconds more if
/// something does not answer, which is left out until it does. It belongs into a thread of
/// its own.
pub struct Scanner {
    reader: Reader,
    registry: Registry,
    table: Table,
    requests: BTreeSet<u32>,
    host_due: Option<Instant>,
    next_pass: Option<Instant>,
    /// Whether every process has been looked at once.
    is_complete: bool,
    counts: Counts,
}

impl Scanner {
    /// Scans the processes in `/proc`, and the host's files below `root`: `/`, or
    /// `/proc/1/root` from within a container that sees the host's processes.
    pub fn new(root: PathBuf, wanted: Vec<Wanted>) -> Self {
        Self::of(Arc::new(ThisMachine::new(root, wanted)))
    }

    fn of(machine: Arc<dyn Machine>) -> Self {
        Self {
            reader: Reader::new(machine),
            registry: Registry::default(),
            table: Table::default(),
            requests: BTreeSet::new(),
            host_due: None,
            next_pass: None,
            is_complete: false,
            counts: Counts::default(),
        }
    }

    /// Something is to be expected of this process, such as that it opened a device: it is
    /// looked at in the next scan, and again as if it were young.
    pub fn rescan(&mut self, tgid: u32) {
        if self.requests.len() < REQUESTS {
            self.requests.insert(tgid);
        } else {
            self.counts.requests_left_out += 1;
        }
    }

    /// When the next scan has something to do.
    pub fn due(&self, now: Instant) -> Instant {
        match self.next_pass {
            Some(pass) if self.requests.is_empty() => pass,
            _ => now,
        }
    }

    /// Looks at what is asked for, and at all else that is due if a pass is. `now` does not
    /// go backwards.
    pub fn scan(&mut self, now: Instant) -> Vec<Event> {
        let start = Instant::now();
        let is_pass = self.next_pass.is_none_or(|pass| pass <= now);
        if is_pass {
            self.list(now);
        }
        for tgid in std::mem::take(&mut self.requests) {
            self.table.ask(now, tgid);
        }
        let tasks = self.tasks(now, is_pass);
        let stuck = self.reader.stuck();
        let waiting = self.look(now, &tasks, start + TIME);
        if is_pass {
            self.registry.expire(now);
            let took = start.elapsed();
            self.counts.time += took;
            // One that got stuck waited for nearly all of it; what is behind it shall not, too.
            let cost = if self.counts.stuck > stuck {
                Duration::ZERO
            } else {
                took.min(TIME)
            };
            self.end_pass(now, cost, tasks.len(), waiting);
        }
        self.registry.events()
    }

    /// The libraries that were found and are not gone.
    pub fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.registry.libraries()
    }

    /// The processes that map a library, as far as there is room for them.
    pub fn processes(&self, key: &Key) -> impl Iterator<Item = &Process> + use<'_> {
        self.registry.processes(key)
    }

    /// Files of wanted libraries, or places for them, that do not answer now.
    pub fn unanswered(&self) -> impl Iterator<Item = &Touch> {
        self.reader.unanswered()
    }

    pub fn counts(&self) -> Counts {
        Counts {
            processes: self.table.len(),
            libraries_left_out: self.registry.left_out.libraries,
            users_left_out: self.registry.left_out.processes,
            ..self.counts
        }
    }

    fn list(&mut self, now: Instant) {
        match self.reader.machine().processes() {
            Ok(listed) => {
                let listed = listed.into_iter().collect();
                let left_out = self.table.follow(now, &listed, &mut self.registry);
                self.counts.processes_left_out = left_out;
            }
            Err(_) => self.counts.list_errors += 1,
        }
    }

    fn end_pass(&mut self, now: Instant, cost: Duration, due: usize, waiting: usize) {
        self.counts.passes += 1;
        self.counts.waiting = waiting;
        // The first round goes on at once, unless it does not get on.
        self.is_complete |= waiting == 0 || waiting == due || self.counts.stuck > 0;
        let pause = INTERVAL.max(cost * SHARE);
        self.next_pass = Some(if self.is_complete { now + pause } else { now });
    }

    /// What is to be looked at now, in order: all that is due in a pass, otherwise only what
    /// was asked for.
    fn tasks(&mut self, now: Instant, is_pass: bool) -> Vec<Task> {
        let is_host_due = is_pass && self.host_due.is_none_or(|due| due <= now);
        let host = is_host_due.then_some(Task::Host);
        let due = self.table.due(now, !is_pass).into_iter().map(Task::Process);
        let closed: Vec<_> = self.reader.closed().collect();
        host.into_iter()
            .chain(due)
            .filter(|task| !closed.contains(task))
            .collect()
    }

    /// Gives the number of tasks for which there was no time.
    fn look(&mut self, now: Instant, tasks: &[Task], until: Instant) -> usize {
        let uptime = Duration::try_from(clock_gettime(ClockId::Boottime));
        let clock = Clock {
            now,
            uptime: uptime.unwrap_or_default(),
            ticks_per_second: procfs::ticks_per_second(),
        };
        let Self {
            registry,
            table,
            counts,
            host_due,
            ..
        } = self;
        let see = |task, sight| match (task, sight) {
            (Task::Host, Sight::Host(sight)) => {
                *host_due = Some(now + HOST_INTERVAL);
                counts.host_unreadable = sight.unreadable;
                counts.host_unanswered = sight.unanswered;
                counts.host_left_out = sight.left_out;
                registry.host(now, sight.files);
            }
            (Task::Process(tgid), sight) => table.see(clock, tgid, sight, registry, counts),
            (Task::Host, _) => {}
        };
        let some = tasks.get(..LOOKS).unwrap_or(tasks);
        let done = self.reader.read(some, until, see);
        self.counts.stuck = self.reader.stuck();
        tasks.len() - done
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;
    use std::sync::Mutex;
    use std::thread;

    use super::super::identity::testing::plain;
    use super::super::machine::testing::{candidate, process};
    use super::super::machine::{HostSight, ProcessSight};
    use super::super::touch::Course;
    use super::*;

    /// Processes that all map one library, and take a while to look at.
    struct Uniform {
        processes: Vec<u32>,
        takes: Duration,
        looked_at: Mutex<Vec<Task>>,
    }

    impl Machine for Uniform {
        fn processes(&self) -> io::Result<Vec<u32>> {
            Ok(self.processes.clone())
        }

        fn look(&self, task: Task, _: &Course) -> Sight {
            self.looked_at.lock().unwrap().push(task);
            let Task::Process(tgid) = task else {
                return Sight::Host(HostSight::default());
            };
            thread::sleep(self.takes);
            Sight::Process(ProcessSight {
                process: process(tgid),
                mapped: vec![candidate(&plain(5))],
                unreadable: 0,
                unanswered: 0,
                is_cut_short: false,
            })
        }
    }

    fn scanner(processes: u32, takes: Duration) -> (Arc<Uniform>, Scanner) {
        let machine = Arc::new(Uniform {
            processes: (1..=processes).collect(),
            takes,
            looked_at: Mutex::default(),
        });
        (Arc::clone(&machine), Scanner::of(machine))
    }

    fn looked_at(machine: &Uniform) -> Vec<Task> {
        std::mem::take(&mut *machine.looked_at.lock().unwrap())
    }

    #[test]
    fn what_there_was_no_time_for_comes_next() {
        let (machine, mut scanner) = scanner(40, Duration::from_millis(5));
        let now = Instant::now();
        let mut scans = 0;
        while scans == 0 || scanner.counts().waiting > 0 {
            // The first round goes on at once.
            assert_eq!(scanner.due(now), now);
            scanner.scan(now);
            scans += 1;
        }
        assert!(scans > 1);
        let mut all = looked_at(&machine);
        assert_eq!(all.remove(0), Task::Host);
        assert_eq!(all, (1..=40).map(Task::Process).collect::<Vec<_>>());
        assert_eq!(scanner.processes(&plain(5).key).count(), 40);
    }

    #[test]
    fn passes_are_as_far_apart_as_they_take_long() {
        let (_, mut scanner) = scanner(10, Duration::from_millis(5));
        let now = Instant::now();
        scanner.scan(now);
        let pause = scanner.due(now) - now;
        assert!(pause >= Duration::from_millis(50) * SHARE, "{pause:?}");
        assert!(scanner.scan(now + pause / 2).is_empty());
        assert_eq!(scanner.counts().passes, 1);
        scanner.scan(now + pause);
        assert_eq!(scanner.counts().passes, 2);
    }

    #[test]
    fn requests_do_not_wait_for_a_pass() {
        let (machine, mut scanner) = scanner(3, Duration::ZERO);
        let now = Instant::now();
        scanner.scan(now);
        looked_at(&machine);
        let soon = now + Duration::from_millis(1);
        assert!(scanner.due(soon) > soon);
        for tgid in [2, 2, 77] {
            scanner.rescan(tgid);
        }
        assert_eq!(scanner.due(soon), soon);
        scanner.scan(soon);
        assert_eq!(looked_at(&machine), [Task::Process(2), Task::Process(77)]);
        assert_eq!(scanner.counts().passes, 1);
    }

    #[test]
    fn requests_beyond_the_limit_are_counted() {
        let (_, mut scanner) = scanner(0, Duration::ZERO);
        for tgid in 0..=u32::try_from(REQUESTS).unwrap() {
            scanner.rescan(tgid);
        }
        assert_eq!(scanner.counts().requests_left_out, 1);
    }

    #[test]
    fn the_host_is_looked_at_now_and_then() {
        let (machine, mut scanner) = scanner(0, Duration::ZERO);
        let start = Instant::now();
        for second in 0..21 {
            scanner.scan(start + Duration::from_secs(second) * 2);
        }
        assert_eq!(looked_at(&machine), [Task::Host; 5]);
    }

    #[test]
    fn a_library_is_found_and_gone() {
        let (_, mut scanner) = scanner(2, Duration::ZERO);
        let now = Instant::now();
        let events = scanner.scan(now);
        assert!(matches!(&events[..], [Event::Found(library, _)] if library.key == plain(5).key));
        assert_eq!(scanner.libraries().count(), 1);
        assert_eq!(scanner.counts().processes, 2);
    }
}
