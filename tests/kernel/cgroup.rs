//! The wait by control group against `/proc/PID/schedstat` of the tasks in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result};
use geophone_test_support::bracket::{Comparison, Reading};
use geophone_test_support::wait;

use crate::{geophone, turn};

const LIMIT: Duration = Duration::from_secs(20);

/// A control group (v2) with processes that compete for the CPUs; gone with its value.
struct Group {
    directory: PathBuf,
    label: String,
    spinners: Vec<Child>,
}

/// What tasks waited in all, in nanoseconds, and how many times they got the CPU.
#[derive(Clone, Copy)]
struct Waits {
    nanoseconds: f64,
    count: f64,
}

impl Group {
    fn new(spinners: usize) -> Result<Self> {
        let label = format!("/geophone-test-{}", std::process::id());
        let directory = mount()?.join(&label[1..]);
        fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        let mut group = Self {
            directory,
            label,
            spinners: Vec::new(),
        };
        for _ in 0..spinners {
            let spinner = Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .spawn()?;
            let id = spinner.id().to_string();
            group.spinners.push(spinner);
            fs::write(group.directory.join("cgroup.procs"), id)?;
        }
        Ok(group)
    }

    fn waits(&self) -> Result<Waits> {
        let mut all = Waits {
            nanoseconds: 0.0,
            count: 0.0,
        };
        for spinner in &self.spinners {
            let text = fs::read_to_string(format!("/proc/{}/schedstat", spinner.id()))?;
            let mut fields = text.split_whitespace().skip(1).map(str::parse::<f64>);
            let mut next = || fields.next().context("a schedstat without fields");
            all.nanoseconds += next()??;
            all.count += next()??;
        }
        Ok(all)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for spinner in &mut self.spinners {
            let _ = spinner.kill();
            let _ = spinner.wait();
        }
        if let Err(error) = fs::remove_dir(&self.directory) {
            eprintln!("left behind: {}: {error}", self.directory.display());
        }
    }
}

/// Where cgroup2 is mounted.
fn mount() -> Result<PathBuf> {
    let text = fs::read_to_string("/proc/mounts")?;
    let mut mounts = text.lines().map(|line| line.split(' '));
    let mount = mounts.find_map(|mut words| {
        let place = words.nth(1)?;
        (words.next()? == "cgroup2").then_some(place)
    });
    Ok(Path::new(mount.context("cgroup2 is not mounted")?).to_owned())
}

#[test]
fn a_group_waits_as_long_as_its_tasks() {
    let Some(_turn) = turn() else { return };
    let section = "[modules.runqueue]\nper_cgroup = true\n";
    let daemon = geophone(&["runqueue"]).configuration(section);
    let daemon = daemon.start().unwrap();
    let mut client = daemon.client().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    let group = Group::new(2 * processors).unwrap();
    let metric = |suffix: &str| format!("geophone_runqueue_cgroup_wait_seconds_{suffix}");
    let labels = [("cgroup", &*group.label)];
    wait::until("the group's series", LIMIT, || {
        Ok(client.metrics()?.sum(&metric("count"), &labels))
    })
    .unwrap();

    let from = Reading::take(&mut client, || group.waits()).unwrap();
    wait::until("the tasks to have waited", LIMIT, || {
        let waited = group.waits()?.nanoseconds - from.after.nanoseconds;
        Ok((waited > 3e9).then_some(()))
    })
    .unwrap();
    let to = Reading::take(&mut client, || group.waits()).unwrap();
    let against = |suffix: &str, of: fn(&Waits) -> f64| {
        let ours = metric(suffix);
        Comparison::between(
            &ours,
            "runqueue",
            (&from, &to),
            |page| page.sum(&ours, &labels),
            |earlier, later| of(later) - of(earlier),
        )
        .unwrap()
    };
    let seconds = against("sum", |waits| waits.nanoseconds * 1e-9);
    let count = against("count", |waits| waits.count);
    println!("{seconds}\n{count}");
    seconds.within(0.02).unwrap();
    count.within(0.02).unwrap();

    // The group goes, and its series with it; the others stay.
    let label = group.label.clone();
    drop(group);
    wait::until("the group's series to go", LIMIT, || {
        let gone = client
            .metrics()?
            .sum(&metric("count"), &[("cgroup", &label)]);
        Ok(gone.is_none().then_some(()))
    })
    .unwrap();
    let page = client.metrics().unwrap();
    for label in ["/", "other"] {
        assert!(
            page.sum(&metric("count"), &[("cgroup", label)]).is_some(),
            "{label}"
        );
    }
}
