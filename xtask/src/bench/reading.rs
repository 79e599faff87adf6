//! Time to read a large map.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use geophone::kernel::{Entries, MapHandle};
use geophone_test_support::maps;

use super::median;
use crate::row::Row;

const ENTRIES: u32 = 10_000;
const READINGS: usize = 50;

pub fn measure() -> Result<Vec<Row>> {
    let map = MapHandle::new("ENTRIES", maps::per_cpu_hash(16, ENTRIES)?)?;
    for key in 0..ENTRIES {
        map.insert_zero(&key.to_ne_bytes())?;
    }
    let mut entries = Entries::new();
    let mut times: Vec<Duration> = Vec::with_capacity(READINGS);
    for _ in 0..READINGS {
        let start = Instant::now();
        let mut count = 0;
        map.read_each(&mut entries, |_| count += 1)?;
        times.push(start.elapsed());
        ensure!(count == ENTRIES, "{count} entries were read");
    }
    let what = format!("reading {ENTRIES} entries of a per-CPU map");
    Ok(vec![Row::time(what, median(times)).budget(5.0)])
}
