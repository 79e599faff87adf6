//! What may not grow.

use std::time::Duration;

use anyhow::{Context, Result};
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;

use super::slope::Series;

/// How far memory and open files may grow along the line through what was measured, as a share of
/// their mean. In half an hour that is 100 bytes for each group that came and went.
const GROWTH: f64 = 0.02;

/// Before this share of the time memory may grow: tables fill and buffers find their sizes.
const WARM_UP: f64 = 1.0 / 3.0;

/// What is looked at again and again.
#[derive(Default)]
pub struct Measured {
    resident: Series,
    maps: Series,
    files: Series,
}

impl Measured {
    /// Looks at a daemon and a page that it just gave, after so many seconds.
    pub fn look(&mut self, seconds: f64, daemon: &Daemon, page: &Exposition) -> Result<()> {
        let sum = |name: &str| page.sum(name, &[]).with_context(|| name.to_owned());
        self.resident.push(seconds, daemon.resident()? as f64);
        self.maps.push(seconds, sum("geophone_map_bytes")?);
        self.files.push(seconds, sum("process_open_fds")?);
        Ok(())
    }

    /// Prints how each grows; gives those that may not.
    pub fn judge(&self, time: Duration) -> Vec<String> {
        let each = [
            ("resident memory", &self.resident),
            ("maps", &self.maps),
            ("open files", &self.files),
        ];
        let judge = |(what, series): (&str, &Series)| {
            let Some(slope) = series.slope_after(time.as_secs_f64() * WARM_UP) else {
                return Some(format!("{what}: too few measurements"));
            };
            let line = format!(
                "{what}: {:.0} on average, {:+.1} an hour, {:+.2} % from the first to the last",
                slope.mean,
                slope.per_second * 3600.0,
                slope.growth * 100.0
            );
            println!("{line}");
            let is_flat = slope.growth <= GROWTH;
            (!is_flat).then_some(line)
        };
        each.into_iter().filter_map(judge).collect()
    }
}
