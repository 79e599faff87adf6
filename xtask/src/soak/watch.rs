//! A scraper that looks whether what it reads can be true.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use geophone_test_support::client::Client;
use geophone_test_support::exposition::{Exposition, Sample};

/// What has been seen so far.
#[derive(Default)]
pub struct Watch {
    /// Of the last page, by series.
    values: HashMap<(String, Vec<(String, String)>), f64>,
    /// What fell though it never may.
    pub falls: Vec<String>,
    pub slowest: Duration,
    pub scrapes: u32,
}

impl Watch {
    /// Scrapes once.
    pub fn look(&mut self, client: &mut Client) -> Result<Exposition> {
        let start = Instant::now();
        let page = client.metrics()?;
        self.slowest = self.slowest.max(start.elapsed());
        self.scrapes += 1;
        self.compare(&page);
        Ok(page)
    }

    /// Adds what another has seen.
    pub fn join(&mut self, other: Self) {
        self.falls.extend(other.falls);
        self.slowest = self.slowest.max(other.slowest);
        self.scrapes += other.scrapes;
    }

    /// A series that was not on the last page may begin anywhere.
    fn compare(&mut self, page: &Exposition) {
        let key = |sample: &Sample| (sample.name.clone(), sample.labels.clone());
        let cumulative = page.samples().iter().filter(|sample| sample.cumulative);
        let values: HashMap<_, _> = cumulative.map(|it| (key(it), it.value)).collect();
        for (key, value) in &values {
            if let Some(earlier) = self.values.get(key)
                && value < earlier
            {
                let (name, labels) = key;
                self.falls
                    .push(format!("{name}{labels:?}: {earlier} to {value}"));
            }
        }
        self.values = values;
    }
}

impl Display for Watch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let slowest = self.slowest.as_secs_f64() * 1e3;
        write!(f, "{} scrapes, the slowest {slowest:.1} ms", self.scrapes)
    }
}

/// A [`Watch`] in a thread of its own.
pub struct Watching {
    end: Sender<()>,
    thread: JoinHandle<Result<Watch>>,
}

impl Watching {
    pub fn start(mut client: Client, interval: Duration) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut watch = Watch::default();
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                watch.look(&mut client)?;
            }
            Ok(watch)
        });
        Self { end, thread }
    }

    pub fn stop(self) -> Result<Watch> {
        // One that has ended by itself says why.
        let _ = self.end.send(());
        self.thread
            .join()
            .map_err(|_| anyhow!("the scraper panicked"))?
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn falls(pages: &[&str]) -> usize {
        let mut watch = Watch::default();
        for page in pages {
            watch.compare(&Exposition::parse(page).unwrap());
        }
        watch.falls.len()
    }

    #[test]
    fn only_what_may_not_fall_is_told_when_it_falls() {
        let counter = "# TYPE a counter\na{x=\"1\"} ";
        let page = |value: u32| format!("{counter}{value}\n");
        assert_eq!(falls(&[&page(2), &page(2), &page(3)]), 0);
        assert_eq!(falls(&[&page(3), &page(2)]), 1);
        // It was away.
        assert_eq!(falls(&[&page(3), "", &page(2)]), 0);
        assert_eq!(
            falls(&["# TYPE b gauge\nb 3\n", "# TYPE b gauge\nb 2\n"]),
            0
        );
    }
}
