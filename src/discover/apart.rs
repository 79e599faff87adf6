use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::Builder;

use super::{Admit, Candidates, Discover, DiscoverError, Discovered, PATIENCE};
use crate::kernel::{Duty, confine};

/// A discovery on a thread of its own, so that one that does not come back keeps nobody else
/// waiting: whoever asks waits once, and then goes on without it until it answers.
pub struct Apart {
    place: String,
    /// Before the first look.
    idle: Option<Box<dyn Discover>>,
    worker: Option<Worker>,
}

struct Worker {
    orders: SyncSender<Order>,
    answers: Receiver<Answer>,
    /// It has not answered in time.
    is_late: bool,
}

struct Order {
    placed: Vec<Discovered>,
    admit: Arc<Admit>,
}

type Answer = Result<Candidates, DiscoverError>;

impl Apart {
    pub fn new(discovery: Box<dyn Discover>) -> Self {
        Self {
            place: discovery.place(),
            idle: Some(discovery),
            worker: None,
        }
    }

    /// What exists now, as [`Discover::discover`] has it.
    ///
    /// # Errors
    ///
    /// The kernel's list cannot be read, or its reading does not come back.
    pub fn discover(&mut self, placed: &[Discovered], admit: &Arc<Admit>) -> Answer {
        let unanswered = |place: &str| DiscoverError::Unanswered {
            place: place.to_owned(),
        };
        if let Some(discovery) = self.idle.take() {
            self.worker = Some(Worker::start(discovery, &self.place)?);
        }
        let Some(worker) = &mut self.worker else {
            return Err(unanswered(&self.place));
        };
        worker
            .answer(placed, admit)
            .unwrap_or_else(|| Err(unanswered(&self.place)))
    }
}

impl Worker {
    fn start(mut discovery: Box<dyn Discover>, place: &str) -> Result<Self, DiscoverError> {
        let (orders, ordered) = sync_channel::<Order>(1);
        // Nobody waits for one that is late: it must be able to leave its answer.
        let (answer, answers) = sync_channel(1);
        let work = move || {
            confine(Duty::Serve);
            for Order { placed, admit } in ordered {
                let found = discovery.discover(&placed, &|label| admit(0, label));
                if answer.send(found).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("discovery".into()).spawn(work);
        thread.map_err(|source| DiscoverError::Unreadable {
            path: place.to_owned(),
            remedy: "allow more threads (ulimit -u, TasksMax)",
            source,
        })?;
        Ok(Self {
            orders,
            answers,
            is_late: false,
        })
    }

    /// None if it does not come back.
    fn answer(&mut self, placed: &[Discovered], admit: &Arc<Admit>) -> Option<Answer> {
        if self.is_late {
            // What it found at last is of long ago: it looks again.
            match self.answers.try_recv() {
                Ok(_) => self.is_late = false,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        }
        let order = Order {
            placed: placed.to_vec(),
            admit: Arc::clone(admit),
        };
        self.orders.send(order).ok()?;
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.is_late = true;
                None
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::discover::Candidate;

    /// Finds what it is sent, when it is sent it.
    struct Sent(Receiver<&'static str>);

    impl Discover for Sent {
        fn place(&self) -> String {
            "a test".to_owned()
        }

        fn discover(&mut self, _: &[Discovered], admits: &dyn Fn(&str) -> bool) -> Answer {
            let labels = self.0.recv().unwrap().split(' ');
            let things = labels.filter(|label| admits(label)).map(|label| Candidate {
                thing: Discovered::new(label, 0),
                rank: 0,
            });
            Ok(Candidates {
                things: things.collect(),
                unseen: 0,
            })
        }
    }

    fn apart() -> (Sender<&'static str>, Apart) {
        let (send, sent) = channel();
        (send, Apart::new(Box::new(Sent(sent))))
    }

    fn labels(apart: &mut Apart) -> Result<String, String> {
        let admit: Arc<Admit> = Arc::new(|_, label| label != "hidden");
        let found = apart.discover(&[], &admit);
        let found = found.map_err(|error| error.to_string())?;
        let labels = found.things.iter().map(|each| each.thing.label());
        Ok(labels.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_is_found_is_what_is_admitted() {
        let (send, mut apart) = apart();
        for (exists, found) in [("a hidden b", "a b"), ("c", "c")] {
            send.send(exists).unwrap();
            assert_eq!(labels(&mut apart).unwrap(), found);
        }
    }

    #[test]
    fn who_does_not_come_back_is_waited_for_once() {
        let (send, mut apart) = apart();
        let first = Instant::now();
        let error = labels(&mut apart).unwrap_err();
        assert!(error.starts_with("a test does not answer"), "{error}");
        let later = Instant::now();
        assert!(later - first >= PATIENCE);
        for _ in 0..3 {
            assert_eq!(labels(&mut apart).unwrap_err(), error);
        }
        assert!(later.elapsed() < PATIENCE);

        // The first answer is of what was; the next is of what is.
        send.send("old").unwrap();
        send.send("new").unwrap();
        let begin = Instant::now();
        while labels(&mut apart).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
        send.send("newer").unwrap();
        assert_eq!(labels(&mut apart).unwrap(), "newer");
    }
}
