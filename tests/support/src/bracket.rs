//! Holding a metric against the kernel's own counter.
//!
//! The two cannot be read at one instant, so the kernel's counter is read on both
//! sides of every scrape: what happened between two scrapes lies between the
//! narrowest and the widest of the kernel's differences. On a quiet machine the two
//! are the same number and the comparison is one of equality.

use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};

use crate::client::Client;
use crate::exposition::Exposition;
use crate::wait;

/// The share of events that this machine's kernel may not tell to programs: see
/// [`Comparison::nearly_equal`]. On most hosts none does; where some did, they were some ten a
/// second, of ten thousands. The kernels of vm-test are allowed none.
pub const UNSEEN: f64 = 0.02;

/// Bound on the wait for a sweep of one's own.
const SWEEP_LIMIT: Duration = Duration::from_secs(20);

/// One scrape with the kernel's counters as they were just before and just after.
pub struct Reading<K> {
    pub before: K,
    pub page: Exposition,
    pub after: K,
}

impl<K> Reading<K> {
    /// Takes a scrape whose sweep began after the kernel's counters were read: one that is
    /// answered from a sweep just before tells of another moment.
    pub fn take(client: &mut Client, kernel: impl Fn() -> Result<K>) -> Result<Self> {
        wait::until("a sweep after the question", SWEEP_LIMIT, || {
            let before = kernel()?;
            let asked = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            let page = client.metrics()?;
            let after = kernel()?;
            let swept = page
                .sum("geophone_sweep_timestamp_seconds", &[])
                .context("the page does not say when it was swept")?;
            Ok((swept >= asked.as_secs_f64()).then_some(Self {
                before,
                page,
                after,
            }))
        })
    }
}

/// A metric's growth between two readings beside that of the kernel's counter.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub what: String,
    pub ours: f64,
    /// The least and the most that the kernel's counter can have grown meanwhile.
    pub kernel: (f64, f64),
    /// Runs of the module's programs that the kernel skipped meanwhile.
    pub missed: f64,
}

impl Comparison {
    /// Compares the metric read by `ours` with the counter read by `kernel`.
    ///
    /// An absent metric at either end is an error that names `what`.
    pub fn between<K>(
        what: &str,
        module: &str,
        (from, to): (&Reading<K>, &Reading<K>),
        ours: impl Fn(&Exposition) -> Option<f64>,
        kernel: impl Fn(&K, &K) -> f64,
    ) -> Result<Self> {
        let read = |page| ours(page).with_context(|| format!("{what}: the metric is absent"));
        let missed = |page: &Exposition| {
            page.sum("geophone_program_missed_runs_total", &[("module", module)])
                .unwrap_or(0.0)
        };
        Ok(Self {
            what: what.to_owned(),
            ours: read(&to.page)? - read(&from.page)?,
            kernel: (
                kernel(&from.after, &to.before),
                kernel(&from.before, &to.after),
            ),
            missed: missed(&to.page) - missed(&from.page),
        })
    }

    /// Our count plus the missed runs, each worth at most `per_run`, equals the kernel's.
    pub fn equal(&self, per_run: f64) -> Result<()> {
        let (least, most) = self.kernel;
        ensure!(
            most > 0.0,
            "{self}: the load left no trace in the kernel's counter"
        );
        ensure!(
            self.ours <= most && least <= self.ours + self.missed * per_run,
            "{self}"
        );
        Ok(())
    }

    /// As [`Comparison::equal`], but up to `unseen` events may be missing: a host has been seen
    /// where what happens while a certain process has the CPU is not told to programs, BTF or raw,
    /// while the events of tracefs tell it, so that it is not counted as missed either.
    pub fn nearly_equal(&self, unseen: f64, per_run: f64) -> Result<()> {
        let visible = Self {
            missed: self.missed + unseen,
            ..self.clone()
        };
        visible.equal(per_run)
    }

    /// Our count plus the missed runs and up to `unseen` events, as above, is no less than the
    /// kernel's, which is of a part of what we count.
    pub fn at_least(&self, unseen: f64) -> Result<()> {
        let (least, _) = self.kernel;
        ensure!(
            least > 0.0,
            "{self}: the load left no trace in the kernel's counter"
        );
        ensure!(
            least <= self.ours + self.missed + unseen,
            "{self}: less than a part of it"
        );
        Ok(())
    }

    /// Our figure is between the kernel's divided and multiplied by `factor`: for figures
    /// that the kernel only samples.
    pub fn within_factor(&self, factor: f64) -> Result<()> {
        let (least, most) = self.kernel;
        ensure!(
            most > 0.0,
            "{self}: the load left no trace in the kernel's counter"
        );
        ensure!(
            self.ours <= most * factor && self.ours >= least / factor,
            "{self}: apart by more than a factor of {factor}"
        );
        Ok(())
    }

    /// Our figure differs from the kernel's by at most `share` of it.
    pub fn within(&self, share: f64) -> Result<()> {
        let (least, most) = self.kernel;
        ensure!(
            most > 0.0,
            "{self}: the load left no trace in the kernel's counter"
        );
        ensure!(
            self.ours <= most * (1.0 + share) && self.ours >= least * (1.0 - share),
            "{self}: more than {} % apart",
            share * 100.0
        );
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.kernel;
        write!(f, "{}: {} against ", self.what, self.ours)?;
        if (most - least).abs() < f64::EPSILON {
            write!(f, "{most}")?;
        } else {
            write!(f, "{least} to {most}")?;
        }
        if self.missed > 0.0 {
            write!(f, " ({} runs missed)", self.missed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(ours: f64, kernel: (f64, f64), missed: f64) -> Comparison {
        Comparison {
            what: "x".to_owned(),
            ours,
            kernel,
            missed,
        }
    }

    #[test]
    fn equality_allows_for_missed_runs_only() {
        assert!(comparison(10.0, (10.0, 10.0), 0.0).equal(1.0).is_ok());
        assert!(comparison(9.0, (10.0, 10.0), 0.0).equal(1.0).is_err());
        assert!(comparison(9.0, (10.0, 10.0), 1.0).equal(1.0).is_ok());
        assert!(comparison(11.0, (10.0, 10.0), 1.0).equal(1.0).is_err());
    }

    #[test]
    fn near_equality_allows_for_too_few_but_not_for_too_many() {
        assert!(
            comparison(8.0, (10.0, 10.0), 0.0)
                .nearly_equal(2.0, 1.0)
                .is_ok()
        );
        assert!(
            comparison(7.0, (10.0, 10.0), 0.0)
                .nearly_equal(2.0, 1.0)
                .is_err()
        );
        assert!(
            comparison(11.0, (10.0, 10.0), 0.0)
                .nearly_equal(2.0, 1.0)
                .is_err()
        );
    }

    #[test]
    fn a_whole_is_no_less_than_its_part() {
        assert!(comparison(12.0, (10.0, 10.0), 0.0).at_least(0.0).is_ok());
        assert!(comparison(9.0, (10.0, 11.0), 0.0).at_least(0.0).is_err());
        assert!(comparison(9.0, (10.0, 11.0), 1.0).at_least(0.0).is_ok());
        assert!(comparison(9.0, (10.0, 11.0), 0.0).at_least(1.0).is_ok());
    }

    #[test]
    fn nothing_is_not_equal_to_nothing() {
        assert!(comparison(0.0, (0.0, 0.0), 0.0).equal(1.0).is_err());
        assert!(comparison(0.0, (0.0, 0.0), 0.0).within(0.1).is_err());
        assert!(comparison(0.0, (0.0, 0.0), 0.0).at_least(0.0).is_err());
    }

    #[test]
    fn within_is_a_share_of_the_kernels_figure() {
        assert!(comparison(98.0, (100.0, 100.0), 0.0).within(0.02).is_ok());
        assert!(comparison(97.9, (100.0, 100.0), 0.0).within(0.02).is_err());
        assert!(comparison(103.0, (100.0, 102.0), 0.0).within(0.02).is_ok());
    }
}
