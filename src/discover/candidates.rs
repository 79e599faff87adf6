use std::collections::BTreeSet;

use super::{Discovered, OTHER};

/// What one discovery has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    pub things: Vec<Candidate>,
    /// How many more exist than the discovery looks at.
    pub unseen: u64,
}

/// One thing that may get series of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub thing: Discovered,
    /// Who gets a free place first: the lowest, and of those the first by label.
    pub rank: u64,
}

/// Who has series of its own, and who has not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Sorted by label, each of another.
    pub things: Vec<Discovered>,
    /// Those without a place.
    pub left_out: BTreeSet<Discovered>,
}

impl Candidates {
    /// Gives out `limit` places. Who is in `placed`, sorted as [`Chosen`] has it, stays: a
    /// newcomer must not end the series of something that still exists.
    ///
    /// Of things with the same labels one gets a place, and none that is called as the rest is:
    /// two series with the same labels would spoil the whole page. Who starts a process may call
    /// it anything, and names that are no UTF-8 can become alike.
    pub fn choose(self, placed: &[Discovered], limit: usize) -> Chosen {
        let mut things: Vec<_> = self
            .things
            .into_iter()
            .map(|each| (placed.binary_search(&each.thing).is_err(), each))
            .collect();
        things.sort_by(|(a_is_new, a), (b_is_new, b)| {
            (a_is_new, a.rank, &a.thing).cmp(&(b_is_new, b.rank, &b.thing))
        });
        let mut chosen = Chosen::default();
        let mut labels = BTreeSet::new();
        for (_, Candidate { thing, .. }) in things {
            let is_other = thing.labels.iter().all(|label| **label == *OTHER);
            if chosen.things.len() < limit && !is_other && labels.insert(thing.labels.clone()) {
                chosen.things.push(thing);
            } else {
                chosen.left_out.insert(thing);
            }
        }
        chosen.things.sort();
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(label: &str, id: u64) -> Discovered {
        Discovered::new(label, id)
    }

    fn choose(of: &[(&str, u64, u64)], placed: &[Discovered], limit: usize) -> Chosen {
        let things = of.iter().map(|&(label, id, rank)| Candidate {
            thing: thing(label, id),
            rank,
        });
        let candidates = Candidates {
            things: things.collect(),
            unseen: 0,
        };
        candidates.choose(placed, limit)
    }

    #[test]
    fn who_has_a_place_keeps_it_and_the_lowest_rank_fills_the_rest() {
        let of = [("vda", 4, 0), ("loop1", 2, 1), ("loop0", 1, 1)];
        assert_eq!(choose(&of, &[], 1).things, [thing("vda", 4)]);

        let placed = [thing("loop1", 2)];
        let chosen = choose(&of, &placed, 2);
        assert_eq!(chosen.things, [thing("loop1", 2), thing("vda", 4)]);
        assert_eq!(chosen.left_out, [thing("loop0", 1)].into());
    }

    #[test]
    fn another_thing_of_the_same_label_or_number_has_no_claim() {
        let placed = [thing("b", 2), thing("c", 3)];
        let of = [("a", 1, 0), ("b", 7, 0), ("d", 3, 0)];
        assert_eq!(choose(&of, &placed, 1).things, [thing("a", 1)]);
    }

    #[test]
    fn of_one_label_there_is_one_and_it_stays_the_same() {
        let of = [("a", 1, 0), ("a", 2, 0), ("b", 3, 0)];
        let chosen = choose(&of, &[thing("a", 2)], 2);
        assert_eq!(chosen.things, [thing("a", 2), thing("b", 3)]);
        assert_eq!(chosen.left_out, [thing("a", 1)].into());
    }

    #[test]
    fn what_is_called_as_the_rest_belongs_to_it() {
        let chosen = choose(&[("a", 1, 0), ("other", 2, 0)], &[], 2);
        assert_eq!(chosen.things, [thing("a", 1)]);
        assert_eq!(chosen.left_out, [thing("other", 2)].into());
    }

    #[test]
    fn without_room_all_is_left_out() {
        let chosen = choose(&[("a", 1, 0)], &[], 0);
        assert_eq!(chosen.things, []);
        assert_eq!(chosen.left_out, [thing("a", 1)].into());
    }
}
