//! What the daemon counted, held against what the kernel counted.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::Result;
use geophone_test_support::bracket::{Comparison, Reading};
use geophone_test_support::exposition::Exposition;

/// How many events a second this machine's kernel may not tell to programs: see
/// [`geophone_test_support::bracket::UNSEEN`].
const UNSEEN: f64 = 50.0;

/// The share of TCP's events that it may not tell: interrupts of one process bring them.
const UNTOLD: f64 = 1e-4;

/// The share of all runs of programs that the kernel may skip.
const MISSED: f64 = 0.01;

/// A metric's name and labels.
pub type Metric<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// Two readings, and the time between them.
pub struct Span<K> {
    pub from: Reading<K>,
    pub to: Reading<K>,
    pub time: Duration,
}

/// A comparison, and how many events may be missing from it.
pub struct Held {
    comparison: Comparison,
    unseen: f64,
}

impl<K> Span<K> {
    /// How much a metric has grown beside a counter of the kernel: the same but for missed runs.
    pub fn same(
        &self,
        what: &str,
        module: &str,
        (name, labels): Metric<'_>,
        kernel: impl Fn(&K, &K) -> f64,
    ) -> Result<Held> {
        self.each(what, module, |page| page.sum(name, labels), kernel)
    }

    /// As [`Self::same`], by a function of the page.
    pub fn each(
        &self,
        what: &str,
        module: &str,
        ours: impl Fn(&Exposition) -> Option<f64>,
        kernel: impl Fn(&K, &K) -> f64,
    ) -> Result<Held> {
        let comparison = Comparison::between(what, module, (&self.from, &self.to), ours, kernel)?;
        Ok(Held {
            comparison,
            unseen: 0.0,
        })
    }
}

impl Held {
    /// The kernel's counter may have grown to this.
    pub fn at_most(mut self, most: f64) -> Self {
        self.comparison.kernel.1 = most;
        self
    }

    /// Of events that happen on the way to other things.
    pub fn but_unseen<K>(self, span: &Span<K>) -> Self {
        let unseen = UNSEEN * span.time.as_secs_f64();
        Self { unseen, ..self }
    }

    /// Of events of TCP.
    pub fn but_untold(self) -> Self {
        let unseen = (UNTOLD * self.comparison.kernel.1).ceil();
        Self { unseen, ..self }
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<String> {
        let Comparison { missed, kernel, .. } = self.comparison;
        if missed > MISSED * kernel.1 {
            return Some(format!("{self}: too many"));
        }
        // A missed run is worth one event.
        let equal = self.comparison.nearly_equal(self.unseen, 1.0);
        equal.err().map(|error| error.to_string())
    }
}

impl Display for Held {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.comparison.fmt(f)
    }
}
