//! What becomes of the modules.

use anyhow::{Result, ensure};
use geophone_test_support::client::Client;
use geophone_test_support::daemon::{Daemon, Options};
use geophone_test_support::exposition::Exposition;

use super::{ADDRESS, Scenario, block, gpu, runqueue, tcp};
use crate::vm::image::DAEMON;

/// Module and state.
type State = (&'static str, &'static str);

pub const ALL_ACTIVE: [State; 4] = [
    ("runqueue", "active"),
    ("block_io", "active"),
    ("tcp", "active"),
    ("dma_fence", "active"),
];

/// Where the records of classic tracepoints cannot be read.
pub const WITHOUT_RECORDS: [State; 4] = [
    ("runqueue", "active"),
    ("block_io", "active"),
    ("tcp", "active"),
    ("dma_fence", "degraded"),
];

/// The modules are in these states, which are told.
pub fn expect(daemon: &Daemon, page: &Exposition, expected: &[State]) -> Result<String> {
    let states = page.module_states();
    let state = |(module, _): &State| states.get(module).copied().unwrap_or("not there");
    let told = |(module, state): (&str, &str)| format!("{module} {state}");
    let found = expected.iter().map(|it| told((it.0, state(it))));
    let found = found.collect::<Vec<_>>().join(", ");
    let expected = expected.iter().map(|it| told(*it));
    let expected = expected.collect::<Vec<_>>().join(", ");
    ensure!(found == expected, "{found}:\n{}", daemon.log());
    Ok(found)
}

pub fn modules(daemon: &Daemon) -> Result<String> {
    let states = expect(daemon, &daemon.client()?.metrics()?, &ALL_ACTIVE)?;
    let log = daemon.log();
    let fall_back = log.lines().find(|line| line.contains("on a fall-back"));
    ensure!(fall_back.is_none(), "{}", fall_back.unwrap_or_default());
    Ok(states)
}

/// The programs that are taken where there are no BTF tracepoints measure the same.
pub fn fall_backs() -> Result<String> {
    let daemon = Options::new(DAEMON)
        .address(ADDRESS)
        .configuration("hooks.avoid = \"tp_btf\"\n")
        .start()?;
    let mut client = daemon.client()?;
    let page = client.metrics()?;
    let attached = page.select("geophone_program_attached", &[]);
    let attached = attached.filter(|sample| sample.value > 0.0);
    let hooks: Vec<&str> = attached.filter_map(|it| it.label("hook")).collect();
    let typed = hooks.iter().find(|hook| hook.starts_with("tp_btf"));
    ensure!(typed.is_none(), "{hooks:?}");
    expect(&daemon, &page, &ALL_ACTIVE)?;
    let scenarios: [Scenario; 7] = [
        runqueue::machine,
        block::loop_device,
        tcp::connections,
        tcp::retransmissions,
        tcp::fast,
        tcp::tail_loss_probe,
        gpu::dma_fence_waits,
    ];
    details(&mut client, &scenarios)
}

/// What comes of scenarios, one after the other.
pub fn details(client: &mut Client, scenarios: &[Scenario]) -> Result<String> {
    let details = scenarios.iter().map(|it| it(client));
    Ok(details.collect::<Result<Vec<_>>>()?.join("; "))
}
