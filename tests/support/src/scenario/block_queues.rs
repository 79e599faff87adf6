//! A disk with several queues, each of them in use.

use std::thread;

use anyhow::{Result, anyhow, ensure};

use crate::client::Client;
use crate::cpus;
use crate::null_blk::NullBlk;
use crate::scenario::block_io::{Outcome, compare_under, load};

/// Writes and reads `count` blocks from each CPU, whose requests go to the CPU's queue.
pub fn compare(client: &mut Client, count: usize) -> Result<Vec<Outcome>> {
    let online = cpus::online()?;
    let disk = NullBlk::new(64, online.len())?;
    let queues = disk.queues()?;
    let in_use = queues
        .iter()
        .filter(|cpus| cpus.iter().any(|cpu| online.contains(cpu)));
    ensure!(
        in_use.count() == online.len() && online.len() > 1,
        "queues of the CPUs {queues:?}, of which {online:?} are online"
    );
    compare_under(client, &[disk.name()], || {
        thread::scope(|scope| {
            let name = disk.name();
            let from = |cpu| {
                move || {
                    // Also the threads that it starts.
                    cpus::bind(cpu)?;
                    load(name, count)
                }
            };
            let threads = online.iter().map(|cpu| scope.spawn(from(*cpu)));
            let threads: Vec<_> = threads.collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
        })
    })
}
