use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::debug;

use super::announce::announce;
use super::bring_up::without_driver;
use super::started::Started;
use crate::attach::Attention;
use crate::config::{Config, Enabled, ModuleConfig};
use crate::discover::{DriverChange, Drivers, LoadedDrivers};
use crate::kernel::{Duty, confine, release_memory};
use crate::module::Module;
use crate::sweep::{Exchange, ModuleReport, RunningModule, Sweepable};

/// How often to look which drivers are loaded.
const PACE: Duration = Duration::from_secs(2);

/// How long an end waits for a module that is being brought up.
const PATIENCE: Duration = Duration::from_millis(200);

/// Brings modules up as their drivers come, and ends them as they go, on a thread of its own.
pub struct Follower {
    inbox: Sender<Message>,
    ended: Receiver<Infallible>,
    thread: Option<JoinHandle<()>>,
}

/// An enabled module that measures drivers.
pub struct Followed {
    pub module: Arc<Module>,
    pub settings: ModuleConfig,
    /// As they were when it was last brought up, or was not for lack of them.
    pub drivers: LoadedDrivers,
    /// What became of it then.
    pub report: ModuleReport,
}

enum Message {
    Stop,
    /// No sweep reads this any more.
    Retired(Box<dyn Sweepable>),
}

struct Work {
    followed: Vec<Followed>,
    drivers: Drivers,
    btf: Option<PathBuf>,
    swap: Swap,
}

/// Puts what was brought up where it is used.
struct Swap {
    exchange: Exchange,
    attention: Attention,
    /// Where the sweeps leave what they have done with.
    outbox: Sender<Message>,
}

impl Follower {
    /// Begins at once. Without modules there is nothing to do, and no thread.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
    pub fn start(
        followed: Vec<Followed>,
        drivers: Drivers,
        config: &Config,
        exchange: Exchange,
        attention: Attention,
    ) -> std::io::Result<Self> {
        let (outbox, inbox) = channel();
        let (ends, ended) = channel();
        let is_needed = !followed.is_empty();
        let mut work = Work {
            followed,
            drivers,
            btf: config.btf.clone(),
            swap: Swap {
                exchange,
                attention,
                outbox: outbox.clone(),
            },
        };
        let thread = is_needed.then(|| {
            thread::Builder::new()
                .name("drivers".into())
                .spawn(move || {
                    confine(Duty::Load);
                    // Dropped at the end, whatever it is.
                    let _ends: Sender<Infallible> = ends;
                    work.run(&inbox);
                })
        });
        Ok(Self {
            inbox: outbox,
            ended,
            thread: thread.transpose()?,
        })
    }
}

impl Work {
    fn run(&mut self, inbox: &Receiver<Message>) {
        loop {
            self.follow();
            let next = Instant::now() + PACE;
            loop {
                let left = next.saturating_duration_since(Instant::now());
                match inbox.recv_timeout(left) {
                    Ok(Message::Retired(module)) => drop(module),
                    Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
        }
    }

    /// One look. A module is not tried again before its drivers change again.
    fn follow(&mut self) {
        let mut to_start = Vec::new();
        for (index, followed) in self.followed.iter_mut().enumerate() {
            let now = self.drivers.loaded(&followed.module.manifest.drivers);
            let Some(change) = followed.drivers.change(&now) else {
                continue;
            };
            followed.drivers = now;
            if followed.drivers.is_empty() {
                let report = without_driver(&followed.module, &self.drivers);
                self.swap.replace(followed, report, None);
            } else {
                to_start.push((index, change));
            }
        }
        if to_start.is_empty() {
            return;
        }
        let modules = to_start
            .iter()
            .filter_map(|(index, _)| self.followed.get(*index))
            .map(|followed| (&*followed.module, &followed.settings));
        let started = Started::all(modules, self.btf.as_deref());
        for ((index, change), Started { report, running }) in to_start.into_iter().zip(started) {
            let Some(followed) = self.followed.get_mut(index) else {
                continue;
            };
            if takes_over(change, &followed.report, &report) {
                self.swap.replace(followed, report, running);
            } else {
                debug!(module = %report.name, "nothing gained by another driver");
            }
        }
        release_memory();
    }
}

/// Whether what was brought up takes the place of what there is, whose counts are then lost.
fn takes_over(change: DriverChange, old: &ModuleReport, new: &ModuleReport) -> bool {
    let gains = || {
        new.hooks()
            .any(|hook| old.hooks().all(|known| known != hook))
    };
    change == DriverChange::Lost || old.hooks().next().is_none() || gains()
}

impl Swap {
    fn replace(
        &self,
        followed: &mut Followed,
        report: ModuleReport,
        mut running: Option<RunningModule>,
    ) {
        announce(&report, followed.settings.enabled == Enabled::Yes);
        followed.report = report.clone();
        let arrays = running.as_mut().map(|it| std::mem::take(&mut it.attention));
        self.attention.put(&report.name, arrays.unwrap_or_default());
        let outbox = self.outbox.clone();
        self.exchange.put(report, running, move |old| {
            // If nobody listens any more, this is where it is dropped.
            let _ = outbox.send(Message::Retired(old));
        });
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        // It has ended if nobody listens.
        let _ = self.inbox.send(Message::Stop);
        // What is held longer the kernel takes back with the process.
        if self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{ModuleState, ProgramReport};

    /// The report of a module that is attached to these.
    fn attached(hooks: &[&str]) -> ModuleReport {
        let program = |hook: &&str| ProgramReport {
            name: "program".to_owned(),
            state: "attached",
            hook: (*hook).to_owned(),
            reason: String::new(),
            passed_over: Vec::new(),
            fell_back: false,
            optional: false,
        };
        let mut report = ModuleReport::idle("gpu", "", ModuleState::Active, String::new());
        report.programs = hooks.iter().map(program).collect();
        report
    }

    #[test]
    fn counts_are_kept_unless_a_program_is_gained_or_may_be_dead() {
        use DriverChange::{Gained, Lost};
        let cases: [(DriverChange, &[&str], &[&str], bool); 8] = [
            (Gained, &[], &["kprobe/a"], true),
            // The reason is another.
            (Gained, &[], &[""], true),
            (Gained, &["kprobe/a", ""], &["kprobe/a", "kprobe/b"], true),
            (Gained, &["kprobe/a"], &["kprobe/a"], false),
            (Gained, &["kprobe/a", "kprobe/b"], &["kprobe/a"], false),
            (Gained, &["kprobe/a"], &["", ""], false),
            (Lost, &["kprobe/a"], &["kprobe/a"], true),
            (Lost, &["kprobe/a"], &[""], true),
        ];
        for (change, old, new, expected) in cases {
            let takes_over = takes_over(change, &attached(old), &attached(new));
            assert_eq!(takes_over, expected, "{change:?} from {old:?} to {new:?}");
        }
    }
}
