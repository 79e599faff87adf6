use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::key::Device;

/// A file that a look is about to touch, and that may not answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    pub path: PathBuf,
    /// The names of all who want it.
    pub wanted: Vec<Arc<str>>,
    pub(super) lies: Lies,
}

/// What does not answer with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lies {
    /// Its file system.
    On(Device),
    /// Its directory: to ask for its file system would be to touch it.
    In(PathBuf),
}

/// How a look goes: what it leaves alone because it did not answer before, and what it touches.
#[derive(Debug, Default)]
pub(super) struct Course {
    avoided: BTreeSet<Lies>,
    now: Mutex<Option<Touch>>,
}

impl Touch {
    pub fn mapped(path: PathBuf, wanted: &[Arc<str>], device: Device) -> Self {
        Self {
            path,
            wanted: wanted.to_vec(),
            lies: Lies::On(device),
        }
    }

    pub fn file(path: &Path, wanted: Vec<Arc<str>>) -> Self {
        Self {
            path: path.to_owned(),
            wanted,
            lies: Lies::In(path.parent().unwrap_or(path).to_owned()),
        }
    }

    pub fn directory(path: &Path, wanted: Vec<Arc<str>>) -> Self {
        Self {
            path: path.to_owned(),
            wanted,
            lies: Lies::In(path.to_owned()),
        }
    }
}

impl Course {
    /// Leaves alone what lies where these do.
    pub fn around<'a>(unanswered: impl Iterator<Item = &'a Touch>) -> Self {
        Self {
            avoided: unanswered.map(|touch| touch.lies.clone()).collect(),
            now: Mutex::default(),
        }
    }

    /// Does what touches a file; not if that would not come back.
    pub fn touch<T>(&self, touch: Touch, work: impl FnOnce() -> T) -> Option<T> {
        if self.avoided.contains(&touch.lies) {
            return None;
        }
        self.set(Some(touch));
        let done = work();
        self.set(None);
        Some(done)
    }

    /// What it touches now.
    pub fn now(&self) -> Option<Touch> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    fn set(&self, touch: Option<Touch>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = touch;
    }
}
