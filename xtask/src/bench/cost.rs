//! Cost per event, by the kernel's own run statistics.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use aya::Btf;
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};
use geophone_test_support::daemon::Options;
use geophone_test_support::kernel_objects::KernelObjects;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::load::tcp::{Sink, send};
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::network::Pair;
use geophone_test_support::{maps, scenario};

use super::empty::Empty;
use crate::row::{Row, Unit};

/// How often each case is measured.
const ROUNDS: usize = 5;

const NO_SPLIT: &str = "[modules.block_io]\nsplit = false\n";
/// Bytes of the disk, and requests that keep the CPUs of a small machine busy.
const DISK: u64 = 64 << 20;
const IN_FLIGHT: usize = 8;

/// What is measured beside what.
struct Case {
    what: &'static str,
    module: &'static str,
    configuration: &'static str,
    /// What is written to the daemon's arrays before the load.
    words: &'static [(&'static str, u64)],
    /// The tracepoint that fires once per event.
    event: &'static str,
    /// Only programs whose name begins so count; all of the module's if empty.
    programs: &'static str,
    load: fn() -> Result<()>,
    budget: Option<f64>,
}

const CASES: [Case; 7] = [
    Case {
        what: "runqueue, per context switch",
        module: "runqueue",
        configuration: "",
        words: &[],
        event: "sched_switch",
        programs: "",
        load: schedule,
        budget: Some(2.5),
    },
    Case {
        what: "block_io, per request",
        module: "block_io",
        configuration: "",
        words: &[],
        event: "block_rq_complete",
        programs: "",
        load: busy_disk,
        budget: Some(10.0),
    },
    Case {
        what: "block_io, per request, without the split",
        module: "block_io",
        configuration: NO_SPLIT,
        words: &[],
        event: "block_rq_complete",
        programs: "",
        load: busy_disk,
        budget: Some(4.0),
    },
    Case {
        what: "block_io, per request, times of issue remembered",
        module: "block_io",
        configuration: "",
        words: &[("BLOCK_IO_UNSTAMPED", 1)],
        event: "block_rq_complete",
        programs: "",
        load: busy_disk,
        budget: Some(10.0),
    },
    Case {
        what: "block_io, per request, one at a time",
        module: "block_io",
        configuration: "",
        words: &[],
        event: "block_rq_complete",
        programs: "",
        load: idle_disk,
        budget: None,
    },
    Case {
        what: "block_io, per request, one at a time, without the split",
        module: "block_io",
        configuration: NO_SPLIT,
        words: &[],
        event: "block_rq_complete",
        programs: "",
        load: idle_disk,
        budget: None,
    },
    Case {
        what: "tcp, per retransmission",
        module: "tcp",
        configuration: "",
        words: &[],
        event: "tcp_retransmit_skb",
        programs: "tcp_retransmit",
        load: retransmissions,
        budget: Some(5.0),
    },
];

/// Runs and nanoseconds of a program.
type Cost = (u64, u64);

pub fn measure(binary: &Path, empty: &Path) -> Result<Vec<Row>> {
    let btf = Btf::from_sys_fs()?;
    CASES
        .iter()
        .map(|case| row(case, binary, empty, &btf))
        .collect()
}

/// The middle one of several: a virtual machine has neighbours, and now and then one of them
/// doubles what a program costs.
fn row(case: &Case, binary: &Path, empty: &Path, btf: &Btf) -> Result<Row> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push(round(case, binary, empty, btf)?);
    }
    rounds.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let ratio = |round: Option<&Round>| round.map_or(f64::NAN, Round::ratio);
    let (least, most) = (ratio(rounds.first()), ratio(rounds.last()));
    let Round {
        ours,
        empty,
        events,
    } = rounds.get(ROUNDS / 2).context("no round")?;
    let detail =
        format!("{least:.2} to {most:.2}; {ours:.0} ns, empty {empty:.0} ns, {events} events");
    Ok(Row::new(case.what, ours / empty, Unit::Times)
        .detail(detail)
        .budget(case.budget))
}

/// Nanoseconds per event, and how many events there were.
struct Round {
    ours: f64,
    empty: f64,
    events: u64,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.ours / self.empty
    }
}

fn round(case: &Case, binary: &Path, empty: &Path, btf: &Btf) -> Result<Round> {
    let options = Options::new(binary).only(&[case.module]);
    // First, so that it is the one to find cold what every program needs.
    let empty = Empty::attach(empty, case.event, btf)?;
    let daemon = options.configuration(case.configuration).start()?;
    for (map, value) in case.words {
        maps::set_word(daemon.id(), map, *value)?;
    }
    let ours = KernelObjects::of_process(daemon.id())?.programs;
    let _statistics = enable_stats(Stats::RunTime)?;

    let before = costs();
    (case.load)()?;
    let after = costs();
    let gain = |id: u32| {
        let (_, (runs, time)) = after.get(&id)?;
        let (earlier_runs, earlier_time) = before.get(&id).map_or((0, 0), |(_, cost)| *cost);
        Some((runs - earlier_runs, time - earlier_time))
    };
    let (events, floor) = gain(empty.id()?).context("the empty program is gone")?;
    anyhow::ensure!(events > 0, "{}: the load caused no event", case.what);
    let counted = ours.iter().filter(|id| {
        after
            .get(id)
            .is_some_and(|(name, _)| name.starts_with(case.programs))
    });
    let time: u64 = counted
        .filter_map(|id| gain(*id))
        .map(|(_, time)| time)
        .sum();
    Ok(Round {
        ours: time as f64 / events as f64,
        empty: floor as f64 / events as f64,
        events,
    })
}

/// Name and cost so far of every loaded program.
fn costs() -> BTreeMap<u32, (String, Cost)> {
    let programs = loaded_programs().filter_map(Result::ok);
    let entry = |program: aya::programs::ProgramInfo| {
        let name = String::from_utf8_lossy(program.name()).into_owned();
        let time = u64::try_from(program.run_time().as_nanos()).unwrap_or(u64::MAX);
        (program.id(), (name, (program.run_count(), time)))
    };
    programs.map(entry).collect()
}

fn schedule() -> Result<()> {
    let processors = std::thread::available_parallelism()?.get();
    Competition::new(processors, processors)?.run(Duration::from_secs(3));
    Ok(())
}

/// Requests one after the other keep the CPUs idle in between: the programs find cold caches.
fn idle_disk() -> Result<()> {
    requests(&LoopDevice::new(DISK)?, 1)
}

fn busy_disk() -> Result<()> {
    requests(&LoopDevice::new(DISK)?, IN_FLIGHT)
}

fn requests(device: &LoopDevice, in_flight: usize) -> Result<()> {
    (0..5).try_for_each(|_| write_and_read(&device.path(), 4000, 16 << 10, in_flight))
}

fn retransmissions() -> Result<()> {
    let pair = Pair::new()?;
    pair.far.lose(scenario::tcp::LOSS)?;
    let sink = pair.far.within(|| Sink::start(Pair::FAR.into(), 4))?;
    pair.near
        .within(|| (0..4).try_for_each(|_| send(sink.address(), 32 << 20)))?;
    sink.finish()
}
