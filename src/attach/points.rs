use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use super::status::Places;
use crate::discover::library::{self, Key};
use crate::kernel::uprobe::Execution;
use crate::kernel::{Place, uprobe};
use crate::module::Library;

/// Where in a file of a library its programs go.
#[derive(Debug, Default)]
pub(super) struct Points {
    /// By program.
    pub places: BTreeMap<String, Vec<Place>>,
    pub counts: Places,
    /// Functions at which the kernel takes no probe.
    pub refused: Vec<String>,
}

impl Points {
    /// Errors if the file cannot be read or understood, or has none of the functions.
    fn find(library: &Library, file: File) -> Result<Self, String> {
        let elf = uprobe::Library::read(file).map_err(|error| error.to_string())?;
        let mut points = Self::default();
        for functions in &library.functions {
            let names = functions.symbols.iter().map(String::as_str);
            for site in elf.sites(names).map_err(|error| error.to_string())? {
                // One place that the kernel refuses would cost the others.
                if site.placement.execution == Execution::Refused {
                    points.refused.push(site.names.join(", "));
                    continue;
                }
                let place = Place {
                    offset: site.offset(),
                    cookie: functions.cookie,
                };
                for program in &functions.programs {
                    let places = points.places.entry(program.clone()).or_default();
                    places.push(place);
                    match site.placement.execution {
                        Execution::Emulated | Execution::LongNop => points.counts.fast += 1,
                        Execution::Stepped | Execution::Refused => points.counts.slow += 1,
                    }
                }
            }
        }
        if points.places.is_empty() {
            return Err("it has none of the functions".to_owned());
        }
        Ok(points)
    }
}

/// A search for the points of a file on a thread of its own: a file system that answered when
/// the file was found need not do so when it is read.
pub(super) struct Search {
    pub library: Library,
    pub key: Key,
    pub path: PathBuf,
    pub file: File,
    points: Receiver<Result<Points, String>>,
}

impl Search {
    pub fn start(library: Library, found: &library::Library, file: &File) -> std::io::Result<Self> {
        let (read, file) = (file.try_clone()?, file.try_clone()?);
        let (send, points) = sync_channel(1);
        let own = library.clone();
        // Nobody listens any more if the library is gone.
        let work = move || drop(send.send(Points::find(&own, read)));
        Builder::new().name("library-reader".into()).spawn(work)?;
        Ok(Self {
            library,
            key: found.key.clone(),
            path: found.path.clone(),
            file,
            points,
        })
    }

    /// None if it takes longer.
    pub fn points(&self, patience: Duration) -> Option<Result<Points, String>> {
        match self.points.recv_timeout(patience) {
            Ok(points) => Some(points),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Err("reading it failed: please report it".to_owned()))
            }
        }
    }
}
