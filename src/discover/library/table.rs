use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::counts::Counts;
use super::machine::{ProcessSight, Sight};
use super::registry::{Id, Registry};
use super::schedule::{Schedule, Turn};

/// Processes known at a time.
const KNOWN: usize = 65_536;

/// The processes that exist, and when each is to be looked at.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<u32, Seen>);

#[derive(Debug)]
struct Seen {
    /// None before the first look.
    start_time: Option<u64>,
    schedule: Schedule,
    libraries: Vec<Id>,
}

/// The time of a look, by the clock of schedules and by that of start times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub now: Instant,
    /// Since boot, with the time that the machine slept.
    pub uptime: Duration,
    pub ticks_per_second: u64,
}

impl Table {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes up the processes that are new, and drops those that are not listed. Gives the
    /// number of those for which there is no room.
    pub fn follow(
        &mut self,
        now: Instant,
        listed: &BTreeSet<u32>,
        registry: &mut Registry,
    ) -> usize {
        self.0.retain(|tgid, seen| {
            let is_there = listed.contains(tgid);
            if !is_there {
                registry.unmapped(now, *tgid, &seen.libraries);
            }
            is_there
        });
        let new = listed.iter().filter(|tgid| !self.0.contains_key(tgid));
        let new: Vec<_> = new.copied().collect();
        let room = KNOWN.saturating_sub(self.0.len());
        for tgid in new.iter().take(room) {
            self.0.insert(*tgid, Seen::new(Schedule::new(now)));
        }
        new.len().saturating_sub(room)
    }

    /// This process is to be looked at now, known or not.
    pub fn ask(&mut self, now: Instant, tgid: u32) {
        let schedule = Schedule::asked(now);
        if let Some(seen) = self.0.get_mut(&tgid) {
            seen.schedule = schedule;
        } else if self.0.len() < KNOWN {
            self.0.insert(tgid, Seen::new(schedule));
        }
    }

    /// The processes that are due, the most urgent first; with `only_asked` those that were
    /// asked for.
    pub fn due(&self, now: Instant, only_asked: bool) -> Vec<u32> {
        let mut due: Vec<_> = self
            .0
            .iter()
            .filter_map(|(tgid, seen)| Some((seen.schedule.turn(now)?, *tgid)))
            .filter(|(turn, _)| !only_asked || *turn == Turn::Asked)
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, tgid)| tgid).collect()
    }

    /// What was seen of a process.
    pub fn see(
        &mut self,
        clock: Clock,
        tgid: u32,
        sight: Sight,
        registry: &mut Registry,
        counts: &mut Counts,
    ) {
        let Some(seen) = self.0.get_mut(&tgid) else {
            return;
        };
        counts.looks += 1;
        let start_time = match &sight {
            Sight::Process(sight) => sight.process.start_time,
            Sight::KernelThread { start_time } | Sight::Denied { start_time } => *start_time,
            Sight::Gone | Sight::Host(_) => {
                registry.unmapped(clock.now, tgid, &seen.libraries);
                self.0.remove(&tgid);
                return;
            }
        };
        if seen.start_time.is_some_and(|before| before != start_time) {
            registry.unmapped(clock.now, tgid, &seen.libraries);
            *seen = Seen::new(Schedule::new(clock.now));
        }
        if seen.start_time.is_none() {
            seen.start_time = Some(start_time);
            seen.schedule.aged(clock.now, clock.age(start_time));
        }
        seen.schedule.done(clock.now, spread(tgid));
        match sight {
            Sight::Process(sight) => seen.maps(clock.now, sight, registry, counts),
            Sight::Denied { .. } => counts.denied += 1,
            _ => {}
        }
    }
}

impl Seen {
    fn new(schedule: Schedule) -> Self {
        Self {
            start_time: None,
            schedule,
            libraries: Vec::new(),
        }
    }

    fn maps(
        &mut self,
        now: Instant,
        sight: ProcessSight,
        registry: &mut Registry,
        counts: &mut Counts,
    ) {
        counts.unreadable += sight.unreadable;
        counts.unanswered += sight.unanswered;
        counts.cut_short += u64::from(sight.is_cut_short);
        // What was not looked at may be any of those that were known.
        let take_in = match sight.unanswered {
            0 => Registry::mapped,
            _ => Registry::mapped_besides,
        };
        self.libraries = take_in(registry, now, &sight.process, sight.mapped, &self.libraries);
    }
}

impl Clock {
    fn age(&self, start_time: u64) -> Duration {
        let ticks = self.ticks_per_second.max(1);
        let started = Duration::from_secs(start_time / ticks)
            + Duration::from_secs(1) * u32::try_from(start_time % ticks).unwrap_or(0)
                / u32::try_from(ticks).unwrap_or(u32::MAX);
        self.uptime.saturating_sub(started)
    }
}

/// Spreads the ids of processes over 0 to 1, neighbours far apart.
fn spread(tgid: u32) -> f32 {
    // The golden ratio, as a fraction of 2^32.
    let turned = tgid.wrapping_mul(0x9e37_79b9);
    (turned >> 16) as f32 / 65_536.0
}

#[cfg(test)]
mod tests {
    use super::super::identity::testing::plain;
    use super::super::machine::testing::{candidate, process};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A table and what it changes.
    struct Tracked {
        table: Table,
        registry: Registry,
        counts: Counts,
        start: Instant,
    }

    impl Tracked {
        fn new() -> Self {
            Self {
                table: Table::default(),
                registry: Registry::default(),
                counts: Counts::default(),
                start: Instant::now(),
            }
        }

        fn follow(&mut self, tgids: impl IntoIterator<Item = u32>) -> usize {
            let listed = tgids.into_iter().collect();
            self.table.follow(self.start, &listed, &mut self.registry)
        }

        /// Half a minute after boot, and so much later.
        fn see(&mut self, after: Duration, tgid: u32, sight: Sight) {
            let clock = Clock {
                now: self.start + after,
                uptime: SECOND * 30 + after,
                ticks_per_second: 100,
            };
            let (registry, counts) = (&mut self.registry, &mut self.counts);
            self.table.see(clock, tgid, sight, registry, counts);
        }

        fn due(&self, after: Duration) -> Vec<u32> {
            self.table.due(self.start + after, false)
        }

        fn users(&self) -> Vec<u32> {
            let processes = self.registry.processes(&plain(5).key);
            processes.map(|process| process.tgid).collect()
        }
    }

    /// A process that started at this tick and maps a library.
    fn maps(tgid: u32, start_time: u64) -> Sight {
        Sight::Process(ProcessSight {
            process: crate::discover::library::Process {
                start_time,
                ..process(tgid)
            },
            mapped: vec![candidate(&plain(5))],
            unreadable: 1,
            unanswered: 0,
            is_cut_short: true,
        })
    }

    #[test]
    fn processes_are_due_by_their_age() {
        let mut tracked = Tracked::new();
        tracked.follow([1, 2]);
        assert_eq!(tracked.due(Duration::ZERO), [1, 2]);
        tracked.see(Duration::ZERO, 1, maps(1, 100));
        tracked.see(Duration::ZERO, 2, maps(2, 2_990));
        assert!(tracked.due(SECOND / 4).is_empty());
        assert_eq!(tracked.due(SECOND / 2), [2]);
        let mut all = tracked.due(SECOND * 61);
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
    }

    #[test]
    fn new_ones_come_before_old_ones_and_asked_ones_first() {
        let mut tracked = Tracked::new();
        tracked.follow([1]);
        tracked.see(Duration::ZERO, 1, maps(1, 100));
        tracked.follow([1, 2, 3]);
        tracked.table.ask(tracked.start, 9);
        assert_eq!(tracked.due(SECOND * 61)[..3], [9, 2, 3]);
        let asked = tracked.table.due(tracked.start + SECOND * 61, true);
        assert_eq!(asked, [9]);
    }

    #[test]
    fn one_that_is_not_listed_uses_nothing() {
        let mut tracked = Tracked::new();
        tracked.follow([1, 2]);
        tracked.see(Duration::ZERO, 1, maps(1, 100));
        tracked.see(Duration::ZERO, 2, maps(2, 100));
        assert_eq!(tracked.users(), [1, 2]);
        tracked.follow([2]);
        assert_eq!(tracked.users(), [2]);
        tracked.see(Duration::ZERO, 2, Sight::Gone);
        assert!(tracked.users().is_empty());
        assert_eq!(tracked.table.len(), 0);
    }

    #[test]
    fn what_does_not_answer_is_still_mapped() {
        let mut tracked = Tracked::new();
        tracked.follow([1]);
        tracked.see(Duration::ZERO, 1, maps(1, 100));
        let besides = |mapped, unanswered| {
            Sight::Process(ProcessSight {
                process: crate::discover::library::Process {
                    start_time: 100,
                    ..process(1)
                },
                mapped,
                unreadable: 0,
                unanswered,
                is_cut_short: false,
            })
        };
        tracked.see(SECOND, 1, besides(vec![candidate(&plain(6))], 1));
        let other = tracked.registry.processes(&plain(6).key).count();
        assert_eq!((tracked.users(), other), (vec![1], 1));
        assert_eq!(tracked.counts.unanswered, 1);
        tracked.see(SECOND * 2, 1, besides(Vec::new(), 0));
        let other = tracked.registry.processes(&plain(6).key).count();
        assert_eq!((tracked.users(), other), (Vec::new(), 0));
    }

    #[test]
    fn an_id_that_was_given_again_is_another_process() {
        let mut tracked = Tracked::new();
        tracked.follow([1]);
        tracked.see(Duration::ZERO, 1, maps(1, 100));
        tracked.see(SECOND, 1, Sight::KernelThread { start_time: 3_000 });
        assert!(tracked.users().is_empty());
        tracked.see(SECOND * 2, 1, maps(1, 3_150));
        assert_eq!(tracked.users(), [1]);
        // Half a second old: looked at again when it is two.
        assert_eq!(tracked.due(SECOND * 7 / 2), [1]);
    }

    #[test]
    fn what_cannot_be_seen_is_counted() {
        let mut tracked = Tracked::new();
        tracked.follow([1, 2]);
        tracked.see(Duration::ZERO, 1, Sight::Denied { start_time: 1 });
        tracked.see(Duration::ZERO, 2, maps(2, 1));
        tracked.see(Duration::ZERO, 7, maps(7, 1));
        let counts = tracked.counts;
        let seen = (counts.looks, counts.denied, counts.unreadable);
        assert_eq!((seen, counts.cut_short), ((2, 1, 1), 1));
    }

    #[test]
    fn processes_beyond_the_limit_are_counted() {
        let mut tracked = Tracked::new();
        let limit = u32::try_from(KNOWN).unwrap_or(u32::MAX);
        assert_eq!(tracked.follow(0..limit + 3), 3);
        assert_eq!(tracked.follow(0..limit), 0);
        assert_eq!(tracked.table.len(), KNOWN);
    }

    #[test]
    fn neighbours_are_spread_over_the_rotation() {
        let mut places: Vec<_> = (0..100).map(spread).collect();
        places.sort_by(f32::total_cmp);
        let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.fold(0.0, f32::max) < 0.03);
        assert!(places.iter().all(|place| (0.0..1.0).contains(place)));
    }
}
