use std::sync::Arc;
use std::time::SystemTime;

use geophone::attach::Naming;
use geophone::discover::library::{ControlGroup, Process, fuzzing};
use geophone::discover::{Candidate, Candidates, Discovered, OTHER};
use geophone::snapshot::{Family, Kind, Series, Unit, Value};
use geophone::sweep::fuzzing::tally;

use crate::{page, sample};

/// Bytes of the names in a key, as in the keys of Xids.
const NAMES: [usize; 2] = [16, 8];
/// Places for things of one kind.
const PLACES: usize = 8;

/// Who has which label: records of a kind, a length and so many bytes, after a byte that says
/// how workloads are called.
pub fn check(bytes: &[u8]) {
    let Some((how, mut rest)) = bytes.split_first() else {
        return;
    };
    let naming = Naming {
        short_names: how & 1 != 0,
        per_process: how & 2 != 0,
    };
    let mut keys = Vec::new();
    let mut processes = Vec::new();
    let mut groups = Candidates::default();
    let mut files = Candidates::default();
    while let Some(([kind, length], after)) = rest.split_first_chunk() {
        let (record, after) = after
            .split_at_checked(usize::from(*length))
            .unwrap_or((after, &[]));
        rest = after;
        match kind % 5 {
            0 => keys.push(key(record)),
            1 => processes.extend(fuzzing::command(record).map(|comm| (comm, None))),
            2 => processes
                .extend(fuzzing::control_group(record).map(|path| ("sh".into(), Some(path)))),
            3 => add(&mut files, fuzzing::mapped(record).as_deref()),
            _ => add(&mut groups, Some(record)),
        }
    }
    let workload = ["workload", "process"];
    let labels = if naming.per_process { 2 } else { 1 };
    let workloads = workloads(naming, processes);
    page::check(&[
        counted(&keys),
        family("workloads", &workload[..labels], workloads),
        family("groups", &["cgroup"], groups),
        family("files", &["file"], files),
    ]);
}

/// A key of the map of a tally.
fn key(record: &[u8]) -> Vec<u8> {
    let mut key = record.to_vec();
    key.resize(NAMES.iter().sum(), 0);
    key
}

fn counted(keys: &[Vec<u8>]) -> Arc<Family> {
    let labels = ["pci_bus_id", "xid"];
    let descriptor = sample::descriptor("xids_total", Kind::Counter, Unit::None, &labels);
    let entries = keys.iter().map(|key| (key.as_slice(), 1));
    let family = tally(&Arc::new(descriptor), &NAMES, entries).expect("a name for each label");
    let counted = family.series.iter().map(|series| match series.value {
        Value::Counter(number) => number.as_f64(),
        ref other => panic!("{other:?}"),
    });
    assert!((counted.sum::<f64>() - keys.len() as f64).abs() < 0.5);
    family
}

/// What a name becomes that is no text.
fn add(candidates: &mut Candidates, name: Option<&[u8]>) {
    let Some(name) = name else { return };
    let label = String::from_utf8_lossy(name);
    push(candidates, |id| Discovered::new(&*label, id));
}

fn workloads(naming: Naming, processes: Vec<(Arc<str>, Option<Arc<str>>)>) -> Candidates {
    let mut candidates = Candidates::default();
    for (tgid, (comm, path)) in (1..).zip(processes) {
        let process = Process {
            tgid,
            start_time: 0,
            comm,
            cgroup: path.map(|path| ControlGroup { path, id: None }),
        };
        push(&mut candidates, |id| Discovered {
            labels: naming.of(&process),
            id,
        });
    }
    candidates
}

fn push(candidates: &mut Candidates, thing: impl FnOnce(u64) -> Discovered) {
    let id = candidates.things.len() as u64;
    candidates.things.push(Candidate {
        thing: thing(id),
        rank: id % 3,
    });
}

/// The series of those who get a place, and that of the others.
fn family(name: &str, labels: &[&str], candidates: Candidates) -> Arc<Family> {
    let all = candidates.things.len();
    let chosen = candidates.choose(&[], PLACES);
    assert!(chosen.things.len() <= PLACES);
    assert!(chosen.things.len() + chosen.left_out.len() == all);
    let own = chosen.things.iter().map(|thing| thing.labels.to_vec());
    let others = vec![OTHER.into(); labels.len()];
    let series = own.chain([others]).map(|labels| Series {
        labels,
        since: SystemTime::UNIX_EPOCH,
        value: Value::Gauge(1.0),
    });
    let descriptor = sample::descriptor(name, Kind::Gauge, Unit::None, labels);
    Arc::new(Family {
        descriptor: Arc::new(descriptor),
        series: series.collect(),
    })
}
