use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SendError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::machine::{Machine, Sight, Task};
use super::touch::{Course, Touch};
use crate::discover::PATIENCE;

/// Looks that may be stuck at a time. With that many there are no more until one returns.
const MAX_STUCK: usize = 4;
/// Sights that are handed over at a time: waking whoever waits for them takes longer than
/// many a look.
const BATCH: usize = 64;
/// The same, of sights that have files open.
const BATCH_WITH_FILES: usize = 4;
/// They are not kept for longer than this.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// Looks at one thing after the other in a thread of its own, and leaves that thread behind
/// when it does not come back.
pub(super) struct Reader {
    machine: Arc<dyn Machine>,
    stuck_after: Duration,
    worker: Option<Worker>,
    stuck: Vec<Stuck>,
}

struct Stuck {
    task: Task,
    /// The file that does not answer; none if it is something else.
    touch: Option<Touch>,
    thread: JoinHandle<()>,
}

struct Worker {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

struct Order {
    tasks: Vec<Task>,
    until: Instant,
    /// How many tasks were begun with.
    begun: Arc<AtomicUsize>,
    course: Arc<Course>,
    sights: SyncSender<Vec<Sight>>,
}

impl Reader {
    pub fn new(machine: Arc<dyn Machine>) -> Self {
        Self {
            machine,
            stuck_after: PATIENCE,
            worker: None,
            stuck: Vec::new(),
        }
    }

    pub fn machine(&self) -> &dyn Machine {
        &*self.machine
    }

    /// How many looks take longer than they should.
    pub fn stuck(&mut self) -> usize {
        self.stuck.retain(|stuck| !stuck.thread.is_finished());
        self.stuck.len()
    }

    /// What cannot be looked at, whatever is left alone of it, because an earlier look has not
    /// come back.
    pub fn closed(&self) -> impl Iterator<Item = Task> {
        let closed = self.stuck.iter().filter(|stuck| stuck.touch.is_none());
        closed.map(|stuck| stuck.task)
    }

    /// Files that do not answer. Looks leave alone what lies where they do.
    pub fn unanswered(&self) -> impl Iterator<Item = &Touch> {
        self.stuck.iter().filter_map(|stuck| stuck.touch.as_ref())
    }

    /// Looks at `tasks` in order until the time is over, at one of them in any case, and
    /// hands over what it sees. Gives the number of tasks that it is done with.
    ///
    /// None of them may be closed.
    pub fn read(
        &mut self,
        tasks: &[Task],
        until: Instant,
        mut see: impl FnMut(Task, Sight),
    ) -> usize {
        if tasks.is_empty() || self.stuck() >= MAX_STUCK {
            return 0;
        }
        let (sights, seen) = mpsc::sync_channel(1);
        let begun = Arc::new(AtomicUsize::new(0));
        let course = Arc::new(Course::around(self.unanswered()));
        let order = Order {
            tasks: tasks.to_vec(),
            until,
            begun: Arc::clone(&begun),
            course: Arc::clone(&course),
            sights,
        };
        let Ok(worker) = self.send(order) else {
            return 0;
        };
        let mut waiting = tasks.iter();
        loop {
            match seen.recv_timeout(self.stuck_after) {
                Ok(sights) => waiting
                    .by_ref()
                    .zip(sights)
                    .for_each(|(task, sight)| see(*task, sight)),
                Err(RecvTimeoutError::Timeout) => {
                    let last = begun.load(Ordering::Relaxed).saturating_sub(1);
                    let task = tasks.get(last).copied();
                    self.stuck.extend(task.map(|task| Stuck {
                        task,
                        touch: course.now(),
                        thread: worker.thread,
                    }));
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.worker = Some(worker);
                    break;
                }
            }
        }
        tasks.len() - waiting.len()
    }

    /// Hands the order to the worker, or to a new one if there is none.
    fn send(&mut self, order: Order) -> io::Result<Worker> {
        let order = match self.worker.take() {
            Some(worker) => match worker.orders.send(order) {
                Ok(()) => return Ok(worker),
                Err(returned) => returned.0,
            },
            None => order,
        };
        let (orders, received) = mpsc::sync_channel(1);
        let machine = Arc::clone(&self.machine);
        let thread = thread::Builder::new()
            .name("library-reader".into())
            .spawn(move || work(&*machine, &received))?;
        // It takes orders until the sender is dropped.
        let _ = orders.send(order);
        Ok(Worker { orders, thread })
    }
}

fn work(machine: &dyn Machine, orders: &Receiver<Order>) {
    for order in orders {
        // Nobody listens any more to one that was stuck.
        if carry_out(machine, &order).is_err() {
            return;
        }
    }
}

fn carry_out(machine: &dyn Machine, order: &Order) -> Result<(), SendError<Vec<Sight>>> {
    let mut batch = Vec::new();
    let mut with_files = 0;
    let mut sent = Instant::now();
    for (done, task) in order.tasks.iter().enumerate() {
        let now = Instant::now();
        if done > 0 && now >= order.until {
            break;
        }
        if batch.len() == BATCH || with_files == BATCH_WITH_FILES || now >= sent + BATCH_TIME {
            order.sights.send(std::mem::take(&mut batch))?;
            with_files = 0;
            sent = now;
        }
        order.begun.store(done + 1, Ordering::Relaxed);
        let sight = machine.look(*task, &order.course);
        with_files += usize::from(sight.has_files());
        batch.push(sight);
    }
    order.sights.send(batch)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Condvar, Mutex};

    use super::super::key::Device;
    use super::*;

    /// Processes from here on touch files.
    const FILES: u32 = 100;

    /// A machine whose locked tasks come back when they are unlocked.
    #[derive(Default)]
    struct Locked {
        tasks: Mutex<BTreeSet<Task>>,
        unlocked: Condvar,
    }

    impl Locked {
        fn lock(&self, tasks: impl IntoIterator<Item = Task>) {
            self.tasks.lock().unwrap().extend(tasks);
        }

        fn unlock(&self) {
            self.tasks.lock().unwrap().clear();
            self.unlocked.notify_all();
        }
    }

    impl Machine for Locked {
        fn processes(&self) -> io::Result<Vec<u32>> {
            Ok(Vec::new())
        }

        fn look(&self, task: Task, course: &Course) -> Sight {
            let wait = || {
                let tasks = self.tasks.lock().unwrap();
                let wait = |tasks: &mut BTreeSet<Task>| tasks.contains(&task);
                drop(self.unlocked.wait_while(tasks, wait).unwrap());
            };
            match task {
                // All on one file system.
                Task::Process(tgid) if tgid >= FILES => {
                    let path = tgid.to_string().into();
                    let device = Device { major: 0, minor: 1 };
                    let _ = course.touch(Touch::mapped(path, &[], device), wait);
                }
                _ => wait(),
            }
            Sight::Gone
        }
    }

    fn reader() -> (Arc<Locked>, Reader) {
        let machine = Arc::new(Locked::default());
        let mut reader = Reader::new(Arc::clone(&machine) as _);
        reader.stuck_after = Duration::from_millis(50);
        (machine, reader)
    }

    fn tasks(tgids: impl IntoIterator<Item = u32>) -> Vec<Task> {
        tgids.into_iter().map(Task::Process).collect()
    }

    /// What is seen, without a limit of time.
    fn read(reader: &mut Reader, tasks: &[Task]) -> (usize, Vec<Task>) {
        let mut seen = Vec::new();
        let until = Instant::now() + Duration::from_mins(1);
        let done = reader.read(tasks, until, |task, _| seen.push(task));
        (done, seen)
    }

    #[test]
    fn all_is_seen_in_order() {
        let (_, mut reader) = reader();
        let all = tasks(0..100);
        for _ in 0..3 {
            assert_eq!(read(&mut reader, &all), (100, all.clone()));
        }
        assert_eq!(read(&mut reader, &[]), (0, Vec::new()));
        assert_eq!(reader.stuck(), 0);
    }

    #[test]
    fn one_is_seen_when_there_is_no_time() {
        let (_, mut reader) = reader();
        let mut seen = 0;
        let done = reader.read(&tasks(0..9), Instant::now(), |_, _| seen += 1);
        assert_eq!((done, seen), (1, 1));
    }

    #[test]
    fn what_gets_stuck_is_left_behind() {
        let (machine, mut reader) = reader();
        machine.lock(tasks([1]));
        // What it saw just before is seen again.
        assert_eq!(read(&mut reader, &tasks([0, 1, 2])), (0, Vec::new()));
        assert_eq!(reader.closed().collect::<Vec<_>>(), tasks([1]));
        assert_eq!(read(&mut reader, &tasks([2, 3])), (2, tasks([2, 3])));
        machine.unlock();
        let start = Instant::now();
        while reader.stuck() > 0 {
            assert!(start.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        assert_eq!(read(&mut reader, &tasks([1])), (1, tasks([1])));
    }

    #[test]
    fn a_file_system_that_does_not_answer_is_touched_once() {
        let (machine, mut reader) = reader();
        let many = tasks(FILES..FILES + 9);
        machine.lock(many.clone());
        assert_eq!(read(&mut reader, &many), (0, Vec::new()));
        let unanswered: Vec<_> = reader.unanswered().map(|it| it.path.clone()).collect();
        assert_eq!(unanswered, [std::path::Path::new("100")]);
        assert_eq!(reader.closed().count(), 0);
        assert_eq!(read(&mut reader, &many), (9, many.clone()));
        assert_eq!(reader.stuck(), 1);
        machine.unlock();
        let start = Instant::now();
        while reader.stuck() > 0 {
            assert!(start.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        assert_eq!(reader.unanswered().count(), 0);
    }

    #[test]
    fn no_more_than_a_few_get_stuck() {
        let (machine, mut reader) = reader();
        machine.lock(tasks(0..9));
        for tgid in 0..MAX_STUCK {
            let task = tasks([u32::try_from(tgid).unwrap()]);
            assert_eq!(read(&mut reader, &task), (0, Vec::new()));
        }
        assert_eq!(read(&mut reader, &tasks([20])), (0, Vec::new()));
        machine.unlock();
    }
}
