//! Cost per event, by the kernel's own run statistics.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use aya::Btf;
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};
use geophone_test_support::daemon::Options;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::load::tcp::{Sink, send};
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::network::Pair;
use geophone_test_support::{programs, scenario};

use super::Row;
use super::empty::Empty;

/// What is measured beside what.
struct Case {
    what: &'static str,
    module: &'static str,
    configuration: &'static str,
    /// The tracepoint that fires once per event.
    event: &'static str,
    /// Only programs whose name begins so count; all of the module's if empty.
    programs: &'static str,
    load: fn() -> Result<()>,
    budget: f64,
}

const CASES: [Case; 4] = [
    Case {
        what: "runqueue, per context switch",
        module: "runqueue",
        configuration: "",
        event: "sched_switch",
        programs: "",
        load: schedule,
        budget: 2.5,
    },
    Case {
        what: "block_io, per request, all hooks",
        module: "block_io",
        configuration: "",
        event: "block_rq_complete",
        programs: "",
        load: disk,
        budget: 10.0,
    },
    Case {
        what: "block_io, per request, without the split",
        module: "block_io",
        configuration: "[modules.block_io]\nsplit = false\n",
        event: "block_rq_complete",
        programs: "",
        load: disk,
        budget: 4.0,
    },
    Case {
        what: "tcp, per retransmission",
        module: "tcp",
        configuration: "",
        event: "tcp_retransmit_skb",
        programs: "tcp_retransmit",
        load: retransmissions,
        budget: 5.0,
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

fn row(case: &Case, binary: &Path, empty: &Path, btf: &Btf) -> Result<Row> {
    let options = Options::new(binary).only(&[case.module]);
    let daemon = options.configuration(case.configuration).start()?;
    let empty = Empty::attach(empty, case.event, btf)?;
    let ours = programs::of_process(daemon.id())?;
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
    let (ours, floor) = (time as f64 / events as f64, floor as f64 / events as f64);
    Ok(Row::new(
        case.what,
        format!(
            "{:.2} x ({ours:.0} ns, empty {floor:.0} ns, {events} events)",
            ours / floor
        ),
        format!("{} x", case.budget),
    ))
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

fn disk() -> Result<()> {
    let device = LoopDevice::new(64 << 20)?;
    for _ in 0..5 {
        write_and_read(&device.path(), 4000, 16 << 10, 1)?;
    }
    Ok(())
}

fn retransmissions() -> Result<()> {
    let pair = Pair::new()?;
    pair.far.lose(scenario::tcp::LOSS)?;
    let sink = pair.far.within(|| Sink::start(Pair::FAR.into(), 4))?;
    pair.near
        .within(|| (0..4).try_for_each(|_| send(sink.address(), 32 << 20)))?;
    sink.finish()
}
