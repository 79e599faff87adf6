#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::introspect::{Families, MODULE_STARTS, MODULE_SWEPT, PARTIAL, SWEEPS};
use crate::snapshot::{Family, Snapshot, Value};

const EVERY: Pace = Pace {
    min_interval: Duration::ZERO,
    interval: Duration::MAX,
};

/// A module that reads what `work` gives.
struct Fake<F> {
    name: &'static str,
    work: F,
}

type Work = Box<dyn FnMut() -> Option<Vec<Arc<Family>>> + Send>;

impl Sweepable for Fake<Work> {
    fn name(&self) -> &str {
        self.name
    }

    fn sweep(&mut self, _: SystemTime, _: &mut Buffers) -> Option<Vec<Arc<Family>>> {
        (self.work)()
    }

    fn news(&mut self) -> Option<ModuleReport> {
        None
    }

    fn tally(&mut self, _: &mut Buffers) {}

    fn introspect(&self, _: &mut Families) {}
}

fn fake(
    name: &'static str,
    work: impl FnMut() -> Option<Vec<Arc<Family>>> + Send + 'static,
) -> Fake<Work> {
    Fake {
        name,
        work: Box::new(work),
    }
}

/// A module whose every sweep says that it has begun and then waits to be let go.
fn gated(name: &'static str) -> (Fake<Work>, Receiver<()>, Sender<()>) {
    let (begun, begins) = channel();
    let (gate, opens) = channel();
    let module = fake(name, move || {
        // Whoever does not listen any more needs no gate either.
        let _ = begun.send(());
        let _ = opens.recv();
        Some(Vec::new())
    });
    (module, begins, gate)
}

fn counting(name: &'static str) -> (Fake<Work>, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&count);
    let module = fake(name, move || {
        own.fetch_add(1, Ordering::Relaxed);
        Some(Vec::new())
    });
    (module, count)
}

fn sweeper(modules: Vec<Fake<Work>>, pace: Pace) -> Sweeper {
    let report = |module: &Fake<Work>| report(module.name, ModuleState::Active);
    let reports = modules.iter().map(report).collect();
    Sweeper::start(modules, reports, pace, Box::new(Vec::new)).unwrap()
}

/// The value of a metric of Geophone's own, for the module if it has that label.
fn value(snapshot: &Snapshot, metric: &str, module: &str) -> Option<f64> {
    let mut families = snapshot.families.iter();
    let family = families.find(|family| family.descriptor.name == metric)?;
    let mut series = family.series.iter();
    let of = |labels: &[Arc<str>]| labels.first().is_none_or(|label| **label == *module);
    match series.find(|series| of(&series.labels))?.value {
        Value::Gauge(value) => Some(value),
        Value::Counter(value) => Some(value.as_f64()),
        _ => None,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(20)
}

#[tokio::test]
async fn all_who_ask_during_a_sweep_get_the_same() {
    let (module, begins, gate) = gated("a");
    let sweeper = sweeper(vec![module], EVERY);
    begins.recv().unwrap();
    let (first, second) = (sweeper.snapshot(None), sweeper.snapshot(None));
    let release = async { gate.send(()).unwrap() };
    let (first, second, ()) = tokio::join!(first, second, release);
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(value(&first, SWEEPS.name, ""), Some(1.0));
    assert!(begins.try_recv().is_err(), "there was a second sweep");
}

#[tokio::test]
async fn a_sweep_younger_than_the_minimum_answers_again() {
    let (module, count) = counting("a");
    let lasting = Pace {
        min_interval: Duration::from_hours(1),
        ..EVERY
    };
    let sweeper = sweeper(vec![module], lasting);
    let first = sweeper.snapshot(None).await;
    assert!(Arc::ptr_eq(&first, &sweeper.snapshot(None).await));
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_interval_without_end_leaves_sweeps_to_those_who_ask() {
    let (module, count) = counting("a");
    let sweeper = sweeper(vec![module], EVERY);
    for _ in 0..100 {
        sweeper.snapshot(None).await;
    }
    // The first begins by itself, and may have been over before anyone asked.
    assert!((100..=101).contains(&count.load(Ordering::Relaxed)));
}

#[test]
fn it_sweeps_by_itself_at_every_interval() {
    let (module, begins, gate) = gated("a");
    let pace = Pace {
        interval: Duration::from_millis(1),
        ..EVERY
    };
    let _sweeper = sweeper(vec![module], pace);
    for _ in 0..3 {
        begins.recv().unwrap();
        gate.send(()).unwrap();
    }
}

#[tokio::test]
async fn a_module_that_is_late_is_left_out_and_named() {
    let (quick, _) = counting("quick");
    let (slow, begins, gate) = gated("slow");
    let sweeper = sweeper(vec![quick, slow], EVERY);
    begins.recv().unwrap();
    let partial = sweeper.snapshot(Some(soon())).await;
    assert_eq!(partial.late, ["slow"]);
    assert_eq!(value(&partial, MODULE_SWEPT.name, "quick"), Some(1.0));
    assert_eq!(value(&partial, MODULE_SWEPT.name, "slow"), Some(0.0));
    assert_eq!(value(&partial, PARTIAL.name, ""), Some(1.0));
    assert!(!sweeper.is_ready());

    gate.send(()).unwrap();
    gate.send(()).unwrap();
    let whole = sweeper.snapshot(None).await;
    assert!(whole.late.is_empty());
    assert_eq!(value(&whole, MODULE_SWEPT.name, "slow"), Some(1.0));
    assert_eq!(value(&whole, PARTIAL.name, ""), Some(1.0));
    assert!(sweeper.is_ready());
}

#[tokio::test]
async fn what_cannot_be_read_is_not_late_but_says_so() {
    let sweeper = sweeper(vec![fake("a", || None)], EVERY);
    let snapshot = sweeper.snapshot(None).await;
    assert!(snapshot.late.is_empty());
    assert_eq!(value(&snapshot, MODULE_SWEPT.name, "a"), Some(0.0));
}

#[tokio::test]
async fn a_panic_costs_its_module_one_sweep() {
    let mut calm = false;
    let nervous = fake("nervous", move || {
        assert!(std::mem::replace(&mut calm, true), "the first time");
        Some(Vec::new())
    });
    let (other, begins, gate) = gated("other");
    let sweeper = sweeper(vec![nervous, other], EVERY);
    begins.recv().unwrap();
    // Whoever asks once the first sweep has ended gets the second.
    let (first, ()) = tokio::join!(sweeper.snapshot(None), async {
        gate.send(()).unwrap();
        gate.send(()).unwrap();
    });
    assert_eq!(value(&first, MODULE_SWEPT.name, "nervous"), Some(0.0));
    assert_eq!(value(&first, MODULE_SWEPT.name, "other"), Some(1.0));
    let second = sweeper.snapshot(None).await;
    assert_eq!(value(&second, MODULE_SWEPT.name, "nervous"), Some(1.0));
}

#[tokio::test]
async fn counters_never_go_down_whether_snapshots_are_whole_or_not() {
    let (module, _) = counting("a");
    let sweeper = sweeper(vec![module], EVERY);
    let mut last = [0.0; 2];
    for round in 0..2000 {
        // Deadlines around the time that a sweep takes, so that many coincide with its end.
        let deadline = Instant::now() + Duration::from_micros(round % 200);
        let snapshot = sweeper.snapshot(Some(deadline)).await;
        let whole = snapshot.late.is_empty();
        assert_eq!(
            value(&snapshot, MODULE_SWEPT.name, "a"),
            Some(f64::from(u8::from(whole)))
        );
        let counters = [PARTIAL.name, SWEEPS.name].map(|name| value(&snapshot, name, ""));
        for (last, now) in last.iter_mut().zip(counters) {
            // A snapshot that is not whole does not speak of sweeps.
            let now = now.unwrap_or(*last);
            assert!(now >= *last, "{now} after {last}");
            *last = now;
        }
    }
}

#[test]
fn an_end_does_not_wait_for_a_sweep_that_hangs() {
    let (module, begins, gate) = gated("a");
    let sweeper = sweeper(vec![module], EVERY);
    begins.recv().unwrap();
    let begin = Instant::now();
    drop(sweeper);
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    drop(gate);
}

#[test]
fn modules_are_gone_when_the_sweeper_is() {
    let alive = Arc::new(());
    let own = Arc::clone(&alive);
    let module = fake("a", move || {
        assert!(Arc::strong_count(&own) > 0);
        Some(Vec::new())
    });
    drop(sweeper(vec![module], EVERY));
    assert_eq!(Arc::strong_count(&alive), 1);
}

fn report(name: &str, state: ModuleState) -> ModuleReport {
    ModuleReport::idle(name, "", state, String::new())
}

#[tokio::test]
async fn a_module_takes_the_place_of_another_between_two_sweeps() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let named = |name: &'static str, sign: &'static str| {
        let order = Arc::clone(&order);
        fake(name, move || {
            order.lock().unwrap().push(sign);
            Some(Vec::new())
        })
    };
    let sweeper = sweeper(vec![named("a", "a1"), named("b", "b1")], EVERY);
    let exchange = sweeper.exchange();
    let last = || order.lock().unwrap().split_off(0);
    let starts = |snapshot: &Snapshot, name| value(snapshot, MODULE_STARTS.name, name);
    let (retire, retired) = channel();
    let put = |report, module: Option<Fake<Work>>| {
        let retire = retire.clone();
        exchange.put(report, module, move |old| retire.send(old).unwrap());
    };

    let snapshot = sweeper.snapshot(None).await;
    assert_eq!(starts(&snapshot, "a"), Some(1.0));
    assert_eq!(last()[..2], ["a1", "b1"]);

    put(report("a", ModuleState::Unsupported), None);
    let snapshot = sweeper.snapshot(None).await;
    assert_eq!(retired.recv().unwrap().name(), "a");
    assert_eq!(sweeper.reports()[0].state, ModuleState::Unsupported);
    assert_eq!(starts(&snapshot, "a"), Some(1.0));
    assert_eq!(value(&snapshot, MODULE_SWEPT.name, "a"), None);
    assert!(snapshot.late.is_empty());
    assert_eq!(last()[..1], ["b1"]);

    put(report("a", ModuleState::Active), Some(named("a", "a2")));
    let snapshot = sweeper.snapshot(None).await;
    assert_eq!(starts(&snapshot, "a"), Some(2.0));
    assert_eq!(value(&snapshot, MODULE_SWEPT.name, "a"), Some(1.0));
    assert!(last().ends_with(&["a2", "b1"]));
    assert!(retired.try_recv().is_err(), "there was nothing to retire");
}

#[tokio::test]
async fn of_changes_that_wait_for_a_sweep_the_last_counts() {
    let (module, begins, gate) = gated("a");
    let sweeper = sweeper(vec![module], EVERY);
    begins.recv().unwrap();
    let exchange = sweeper.exchange();
    let (never, _) = counting("a");
    exchange.put(report("a", ModuleState::Active), Some(never), drop);
    exchange.put(
        report("a", ModuleState::Unsupported),
        None::<Fake<Work>>,
        drop,
    );
    gate.send(()).unwrap();
    // The one that runs, and the one that begins with the change.
    sweeper.snapshot(None).await;
    let snapshot = sweeper.snapshot(None).await;
    assert_eq!(value(&snapshot, MODULE_STARTS.name, "a"), Some(1.0));
    assert_eq!(sweeper.reports()[0].state, ModuleState::Unsupported);
}
