//! A scanner whose time the test sets.

use std::ops::Deref;
use std::path::Path;
use std::time::{Duration, Instant};

use geophone::discover::library::{Event, Key, Library, Scanner, Wanted};

pub struct Scan {
    scanner: Scanner,
    now: Instant,
}

impl Scan {
    pub fn new(wanted: Vec<Wanted>) -> Self {
        Self::of_host(Path::new("/"), wanted)
    }

    pub fn of_host(root: &Path, wanted: Vec<Wanted>) -> Self {
        Self {
            scanner: Scanner::new(root.to_owned(), wanted),
            now: Instant::now(),
        }
    }

    /// What happens until nothing is due any more.
    pub fn events(&mut self) -> Vec<Event> {
        self.after(Duration::from_secs(20))
    }

    /// The same, so much later than the last time.
    pub fn after(&mut self, pause: Duration) -> Vec<Event> {
        self.now += pause;
        let mut events = self.scanner.scan(self.now);
        while self.scanner.counts().waiting > 0 {
            self.now = self.now.max(self.scanner.due(self.now));
            events.extend(self.scanner.scan(self.now));
        }
        events
    }

    /// Scans whenever it is due, for so long.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now.max(self.scanner.due(self.now));
            self.scanner.scan(self.now);
        }
    }

    /// The one library that was found, and nothing else.
    pub fn finds(&mut self) -> Library {
        let events = self.events();
        match &events[..] {
            [Event::Found(library, _)] => library.clone(),
            _ => panic!("{events:?}"),
        }
    }

    /// Nothing is new, and nothing gone.
    pub fn finds_nothing(&mut self) {
        let events = self.events();
        assert!(events.is_empty(), "{events:?}");
    }

    pub fn rescan(&mut self, tgid: u32) -> Vec<Event> {
        self.scanner.rescan(tgid);
        self.scanner.scan(self.now)
    }

    pub fn users(&self, key: &Key) -> Vec<u32> {
        let processes = self.scanner.processes(key);
        processes.map(|process| process.tgid).collect()
    }
}

impl Deref for Scan {
    type Target = Scanner;

    fn deref(&self) -> &Scanner {
        &self.scanner
    }
}
