//! A copy of `tcp` of which something is wrong, beside the built-in one.

use std::fs;
use std::path::Path;

use geophone_test_support::bracket::{Comparison, Reading};
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::network::Pair;
use geophone_test_support::oracle::tcp::Tcp;
use geophone_test_support::process::Ended;
use geophone_test_support::scenario::tcp;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use tempfile::TempDir;

use super::{assert_states, assert_told, doctor};
use crate::{geophone, turn};

const COPY: &str = "copy";
const RESETS_SENT: &str = "resets_sent_total";
const RETRANSMITTED: &str = "retransmitted_segments_total";
const OPENED: &str = "connections_opened_total";
const UNTRACKED: &str = "connections_untracked_total";
const DURATIONS: &str = "connection_duration_seconds_count";

/// Connections of each kind.
const COUNT: usize = 50;

/// Metrics, with their labels, and the kernel's counters.
type Counted = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

const COUNTED: [Counted; 4] = [
    (OPENED, &[("direction", "active")], "Tcp.ActiveOpens"),
    (OPENED, &[("direction", "passive")], "Tcp.PassiveOpens"),
    (RESETS_SENT, &[], "Tcp.OutRsts"),
    ("resets_received_total", &[], "Tcp.OutRsts"),
];

/// The copy, with another object.
fn copy(alter: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ebpf");
    let manifest = fs::read_to_string(root.join("modules/tcp.toml")).unwrap();
    let manifest = manifest
        .replace("name = \"tcp\"", &format!("name = \"{COPY}\""))
        .replace("geophone_tcp_", "copy_")
        .replace("geophone.tcp.", "copy.");
    let object = format!("prebuilt/{}/tcp.o", std::env::consts::ARCH);
    let mut object = fs::read(root.join(object)).unwrap();
    alter(&mut object);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("copy.toml"), manifest).unwrap();
    fs::write(directory.path().join("copy.o"), object).unwrap();
    directory
}

/// Has a function return at once, without a result: no verifier lets that pass.
fn spoil(object: &mut [u8], function: &str) {
    const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
    let file = object::File::parse(&*object).unwrap();
    let symbol = file.symbols().find(|it| it.name() == Ok(function)).unwrap();
    let section = file.section_by_index(symbol.section_index().unwrap());
    let (start, _) = section.unwrap().file_range().unwrap();
    let at = usize::try_from(start + symbol.address()).unwrap();
    object[at..at + EXIT.len()].copy_from_slice(&EXIT);
}

/// Writes `to` over `from`, which is as long.
fn overwrite(object: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let windows = object.windows(from.len()).enumerate();
    let places: Vec<usize> = windows
        .filter_map(|(at, window)| (window == from).then_some(at))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        object[at..at + to.len()].copy_from_slice(to);
    }
}

fn start(directory: &Path, section: &str) -> Daemon {
    let key = format!("module_dirs = ['{}']\n{section}", directory.display());
    let options = geophone(&[COPY, "tcp"]).configuration(&key);
    options.start().unwrap()
}

/// Opens connections and holds what both modules count against the kernel, but for what the copy
/// has `lost`: of that there is no series. Gives the pages before and after.
fn compare(daemon: &Daemon, lost: &str) -> [Exposition; 2] {
    let mut client = daemon.client().unwrap();
    let pair = Pair::new().unwrap();
    let namespaces = [&pair.near, &pair.far];
    let from = Reading::take(&mut client, || Tcp::read(&namespaces)).unwrap();
    tcp::open(&pair, COUNT).unwrap();
    let to = Reading::take(&mut client, || Tcp::read(&namespaces)).unwrap();
    for (module, prefix) in [("tcp", "geophone_tcp"), (COPY, COPY)] {
        for (metric, labels, counter) in COUNTED {
            let name = format!("{prefix}_{metric}");
            if (module, metric) == (COPY, lost) {
                continue;
            }
            let comparison = Comparison::between(
                &name,
                module,
                (&from, &to),
                |page| page.sum(&name, labels),
                |earlier: &Tcp, later: &Tcp| later.since(earlier, counter),
            );
            let comparison = comparison.unwrap();
            println!("{comparison}");
            comparison.equal(1.0).unwrap();
        }
    }
    let copys = format!("{COPY}_{lost}");
    assert!(to.page.select(&copys, &[]).next().is_none(), "{lost}");
    let own = format!("geophone_tcp_{lost}");
    assert!(lost.is_empty() || to.page.sum(&own, &[]).is_some());
    [from.page, to.page]
}

/// That these programs of the copy are not attached, with their states, and that everybody who
/// is asked says why.
fn assert_lost(daemon: &Daemon, directory: &Path, lost: &[(&str, &str, &str)]) {
    let mut client = daemon.client().unwrap();
    let page = client.metrics().unwrap();
    assert_states(daemon, &page, &[(COPY, "degraded"), ("tcp", "active")]);
    let attached = |module| {
        let labels = [("module", module)];
        let programs = page.select("geophone_program_attached", &labels);
        let programs = programs.map(|it| (it.label("program").unwrap().to_owned(), it.value > 0.5));
        programs.collect::<Vec<_>>()
    };
    assert!(attached("tcp").iter().all(|(_, is)| *is));
    let copys = attached(COPY);
    assert_eq!(copys.len(), attached("tcp").len());
    for (name, is) in copys {
        assert_eq!(is, lost.iter().all(|it| it.0 != name), "{name}");
    }
    let log = daemon.log();
    let Ended { status, said } = doctor(&[], Some(directory), &[COPY, "tcp"]);
    assert_eq!(status.code(), Some(1), "{said}");
    for (program, state, reason) in lost {
        assert_told(&mut client, reason);
        let mut lines = log.lines().filter(|line| line.contains("module=copy"));
        assert!(lines.any(|line| line.contains(reason)), "{log}");
        let told = format!("    {state:<12} {program:<24} ");
        let mut lines = said.lines().filter_map(|line| line.strip_prefix(&told));
        assert!(lines.any(|line| line.contains(reason)), "{said}");
    }
    assert!(said.contains("  degraded     copy"), "{said}");
    assert!(said.contains("  active       tcp"), "{said}");
    let is_lost = |line: &&str| {
        ["    failed ", "    unsupported "]
            .iter()
            .any(|it| line.starts_with(it))
    };
    assert_eq!(said.lines().filter(is_lost).count(), lost.len(), "{said}");
}

#[test]
fn a_rejected_program_costs_what_it_feeds() {
    let Some(_turn) = turn() else { return };
    let copy = copy(|object| spoil(object, "tcp_send_reset_raw"));
    let daemon = start(copy.path(), "");
    compare(&daemon, RESETS_SENT);
    let reason = "the verifier rejected the program: ";
    let lost = [("tcp_send_reset", "failed", reason)];
    assert_lost(&daemon, copy.path(), &lost);
}

#[test]
fn a_missing_field_costs_what_is_made_of_it() {
    let Some(_turn) = turn() else { return };
    let copy = copy(|object| {
        overwrite(
            object,
            b"tcp_skb_cb.tcp_gso_segs",
            b"tcp_skb_cb.tcp_gso_gone",
        );
    });
    let daemon = start(copy.path(), "");
    compare(&daemon, RETRANSMITTED);
    let missing = "no member tcp_gso_gone in tcp_skb_cb";
    // Its own field is there, but one metric is made of both.
    let useless = "of no use without tcp_retransmit_skb";
    let lost = [
        ("tcp_retransmit_skb", "unsupported", missing),
        ("tcp_retransmit_synack", "unsupported", useless),
    ];
    assert_lost(&daemon, copy.path(), &lost);
}

#[test]
fn a_full_map_costs_what_is_not_in_it() {
    let Some(_turn) = turn() else { return };
    let copy = copy(|_| {});
    let section = "[modules.copy]\nmax_tracked_connections = 1\n";
    let daemon = start(copy.path(), section);
    let pages = compare(&daemon, "");
    let grown = |metric: &str| {
        let [before, after] = pages.each_ref().map(|page| {
            let sum = page.sum(&format!("{COPY}_{metric}"), &[]);
            sum.unwrap()
        });
        after - before
    };
    // Both ends of a connection are one each, so that there is never room for the second.
    let (untracked, durations) = (grown(UNTRACKED), grown(DURATIONS));
    println!("{untracked} untracked, {durations} tracked to their end");
    assert!(untracked >= COUNT as f64, "{untracked}");
    let page = daemon.client().unwrap().metrics().unwrap();
    assert_states(&daemon, &page, &[(COPY, "active"), ("tcp", "active")]);
    let room = |module| {
        let labels = [("module", module), ("map", "STARTED")];
        page.sum("geophone_map_capacity", &labels)
    };
    assert_eq!((room(COPY), room("tcp")), (Some(1.0), Some(8192.0)));
    assert_eq!(
        page.sum("geophone_tcp_connections_untracked_total", &[]),
        Some(0.0)
    );
}
