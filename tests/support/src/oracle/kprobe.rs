//! Calls of a function in the kernel, by the kernel's own tracing
//! (`Documentation/trace/kprobetrace.rst`).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::mount::FileSystem;
use crate::oracle::tracepoint::Tracepoint;

const GROUP: &str = "geophone_test";

/// An event of its own at the entry of a function; gone when dropped.
pub struct Kprobe {
    // In the order to drop them in: an event that is in use cannot be taken away.
    calls: Tracepoint,
    event: Event,
}

struct Event {
    name: String,
    file_system: FileSystem,
}

impl Kprobe {
    /// Begins to trace `function` (`MODULE:NAME` or `NAME`), with `arguments` such as
    /// `cmd=$arg2:u32`.
    pub fn trace(function: &str, arguments: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let event = Event {
            name: format!("{GROUP}/probe_{}_{number}", std::process::id()),
            file_system: FileSystem::of_kind("tracefs")?,
        };
        event.define(&format!("p:{} {function} {arguments}", event.name))?;
        let calls = Tracepoint::count(&event.name)?;
        Ok(Self { calls, event })
    }

    /// Calls so far.
    pub fn calls(&self) -> Result<u64> {
        self.calls.events()
    }

    /// The arguments of each call that is still in the buffer, as `cmd=7 size=8`.
    pub fn arguments(&self) -> Result<Vec<String>> {
        let name = self.event.name.rsplit('/').next().unwrap_or_default();
        let text = self.calls.text()?;
        Ok(text.lines().filter_map(|line| given(line, name)).collect())
    }
}

impl Event {
    fn define(&self, definition: &str) -> Result<()> {
        let path = self.file_system.path().join("kprobe_events");
        let place = || format!("{}: {definition}", path.display());
        let file = OpenOptions::new().append(true).open(&path);
        // One write is one command.
        let command = format!("{definition}\n");
        file.and_then(|mut file| file.write_all(command.as_bytes()))
            .with_context(place)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if let Err(error) = self.define(&format!("-:{}", self.name)) {
            eprintln!("left behind: a kprobe: {error:#}");
        }
    }
}

/// What follows the place in a line such as `task-7 [0] ..... 1.5: NAME: (function+0x0/0x5) a=1`.
fn given(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!(" {name}: ("))?;
    let (_, arguments) = rest.split_once(')')?;
    Some(arguments.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_follow_the_place() {
        let line =
            " guest-70  [001] .....  4.5: probe_7_0: (notify+0x0/0x10 [nvidia_uvm]) id=6 a=1";
        assert_eq!(given(line, "probe_7_0").as_deref(), Some("id=6 a=1"));
        assert_eq!(given("# tracer: nop", "probe_7_0"), None);
    }
}
