use std::time::{Duration, Instant};

/// Ages at which a process is looked at again: libraries are opened some time after exec,
/// by an interpreter that has to start first.
const YOUNG: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
/// How often every process is looked at, for what opens libraries late.
pub(super) const ROTATION: Duration = Duration::from_mins(1);

/// When a process is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// When it started, or something happened to it; None if that was before this process.
    started: Option<Instant>,
    due: Instant,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Asked,
    New,
    Young,
    Rotation,
}

/// Who comes first: the lesser one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Asked,
    Queued(Instant),
}

impl Schedule {
    /// Of a process that was not known before.
    pub fn new(now: Instant) -> Self {
        Self {
            started: Some(now),
            due: now,
            reason: Reason::New,
        }
    }

    /// Of one of which something is to be expected.
    pub fn asked(now: Instant) -> Self {
        Self {
            started: Some(now),
            due: now,
            reason: Reason::Asked,
        }
    }

    /// None if it is not due. New and young processes go before those in rotation until these
    /// have waited for another round: many new ones cannot keep the others out for good.
    pub fn turn(&self, now: Instant) -> Option<Turn> {
        let turn = match self.reason {
            Reason::Asked => Turn::Asked,
            Reason::New | Reason::Young => Turn::Queued(self.due),
            Reason::Rotation => Turn::Queued(self.due + ROTATION),
        };
        (self.due <= now).then_some(turn)
    }

    /// It is as old as this.
    pub fn aged(&mut self, now: Instant, age: Duration) {
        if self.reason == Reason::New {
            self.started = now.checked_sub(age);
        }
    }

    /// It has been looked at. `spread` is between 0 and 1: it sends processes that were
    /// found together through the rotation one by one.
    pub fn done(&mut self, now: Instant, spread: f32) {
        let young = self.started.and_then(|started| {
            YOUNG
                .iter()
                .find(|age| started + **age > now)
                .map(|age| started + *age)
        });
        (self.due, self.reason) = match (young, self.reason) {
            (Some(due), _) => (due, Reason::Young),
            (None, Reason::Rotation) => (now + ROTATION, Reason::Rotation),
            (None, _) => (now + ROTATION.mul_f32(spread), Reason::Rotation),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Looks whenever it is due, to the tenth of a second.
    fn looks(mut schedule: Schedule, start: Instant, seconds: u32) -> Vec<u32> {
        let mut looks = Vec::new();
        for tenth in 0..seconds * 10 {
            let now = start + SECOND / 10 * tenth;
            if schedule.turn(now).is_some() {
                looks.push(tenth);
                schedule.done(now, 0.5);
            }
        }
        looks
    }

    #[test]
    fn a_new_process_is_looked_at_while_it_is_young() {
        let now = Instant::now();
        let looks = looks(Schedule::new(now), now, 170);
        assert_eq!(looks, [0, 5, 20, 100, 400, 1000, 1600]);
    }

    #[test]
    fn an_old_one_joins_the_rotation() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        schedule.aged(now, Duration::from_secs(11));
        assert_eq!(looks(schedule, now, 100), [0, 300, 900]);
        let mut older = Schedule::new(now);
        older.aged(now, Duration::from_secs(u64::MAX));
        assert_eq!(looks(older, now, 100), [0, 300, 900]);
    }

    #[test]
    fn one_that_is_asked_for_is_young_again_whatever_its_age() {
        let now = Instant::now();
        let mut schedule = Schedule::asked(now);
        schedule.aged(now, Duration::from_secs(1000));
        assert_eq!(schedule.turn(now), Some(Turn::Asked));
        assert_eq!(looks(schedule, now, 20), [0, 5, 20, 100]);
    }

    #[test]
    fn nothing_is_due_early() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        schedule.done(now, 0.0);
        assert_eq!(schedule.turn(now + SECOND / 4), None);
        let due = now + SECOND / 2;
        assert_eq!(schedule.turn(now + SECOND), Some(Turn::Queued(due)));
    }

    #[test]
    fn new_ones_do_not_keep_others_out_for_good() {
        let start = Instant::now();
        let mut old = Schedule::new(start);
        old.aged(start, ROTATION);
        old.done(start, 0.0);
        let turns = |now| (old.turn(now), Schedule::new(now).turn(now));
        let (old_turn, new_turn) = turns(start + ROTATION / 2);
        assert!(new_turn < old_turn);
        let (old_turn, new_turn) = turns(start + ROTATION + SECOND);
        assert!(old_turn < new_turn);
    }
}
