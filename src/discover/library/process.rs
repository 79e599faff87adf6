use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;

/// A process that maps a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, as the mounted procfs counts.
    pub tgid: u32,
    /// When it started, in clock ticks (`sysconf(_SC_CLK_TCK)`) since boot. Tells processes
    /// with the same id apart.
    pub start_time: u64,
    /// The name of its main thread, as of the last reading.
    pub comm: Arc<str>,
    /// Absent where there is no unified hierarchy.
    pub cgroup: Option<ControlGroup>,
}

/// The control group (v2) of a process, as of the last reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlGroup {
    /// Path from the top of the hierarchy, or of the part of it that is seen from here.
    pub path: Arc<str>,
    /// Inode number of its directory, which is the kernel's `cgroup_id()`. Absent where the
    /// directory cannot be seen.
    pub id: Option<u64>,
}

impl ControlGroup {
    /// The path in the text of `/proc/PID/cgroup` (cgroups(7)).
    pub(super) fn path(text: &[u8]) -> Option<Arc<str>> {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.lines();
        let path = lines.find_map(|line| line.strip_prefix("0::"))?;
        Some(path.into())
    }
}

impl Process {
    /// Whether the process with this id, if there is one, is another than the one that
    /// started so many nanoseconds after boot (`task_struct.start_boottime`). One that cannot
    /// be looked at may be the same.
    pub fn has_ended(tgid: u32, started: u64) -> bool {
        const SECOND: u64 = 1_000_000_000;
        match Status::read(tgid) {
            Ok(status) => {
                let tick = SECOND / procfs::ticks_per_second().clamp(1, SECOND);
                let is_empty = status.is_zombie && status.threads <= 1;
                is_empty || status.start_time != started / tick
            }
            Err(error) => {
                error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
            }
        }
    }
}

/// What the scan needs of `/proc/PID/stat` (proc_pid_stat(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub comm: Arc<str>,
    pub is_zombie: bool,
    pub is_kernel_thread: bool,
    /// A zombie with others than itself is one whose main thread has ended.
    pub threads: u64,
    pub start_time: u64,
}

/// include/linux/sched.h
const PF_KTHREAD: u64 = 0x0020_0000;
/// Indexes of fields from the one after the name on.
const STATE: usize = 0;
const FLAGS: usize = 6;
const THREADS: usize = 17;
const START_TIME: usize = 19;

/// The files of a process that are read whole are shorter than this.
const LONGEST: u64 = 64 << 10;

impl Status {
    pub fn read(tgid: u32) -> io::Result<Self> {
        let text = read(tgid, "stat")?;
        Self::parse(&text).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the kernel's text has changed")
        })
    }

    /// A name may have anything in it, parentheses and newlines too.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|byte| *byte == b'(')?;
        let close = text.iter().rposition(|byte| *byte == b')')?;
        let comm = text.get(open + 1..close)?;
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        let flags: u64 = fields.get(FLAGS)?.parse().ok()?;
        Some(Self {
            comm: String::from_utf8_lossy(comm).into(),
            is_zombie: *fields.get(STATE)? == "Z",
            is_kernel_thread: flags & PF_KTHREAD != 0,
            threads: fields.get(THREADS)?.parse().ok()?,
            start_time: fields.get(START_TIME)?.parse().ok()?,
        })
    }
}

/// A short file of a process.
pub(super) fn read(tgid: u32, name: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(format!("/proc/{tgid}/{name}"))?
        .take(LONGEST)
        .read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    const REST: &str = "1 2 3 4 5 2097216 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";

    fn parse(comm: &str, state: char) -> Status {
        let text = format!("4 ({comm}) {state} {REST}\n");
        Status::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_fields_are_found_behind_any_name() {
        for comm in ["sh", "a b", ") S 1 (", "", "new\nline"] {
            let status = parse(comm, 'S');
            assert_eq!(&*status.comm, comm);
            assert_eq!((status.threads, status.start_time), (17, 4711));
            assert!(status.is_kernel_thread && !status.is_zombie);
        }
        assert!(parse("x", 'Z').is_zombie);
    }

    #[test]
    fn this_process_is_no_kernel_thread() {
        let status = Status::read(std::process::id()).unwrap();
        assert!(!status.is_kernel_thread && !status.is_zombie);
        let text = std::fs::read_to_string("/proc/self/comm").unwrap();
        // The main thread's, also in a test's thread.
        assert!(!text.is_empty() && !status.comm.is_empty());
    }

    #[test]
    fn a_process_is_told_from_others_by_its_start() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let own = Status::read(child.id()).unwrap().start_time * 10_000_000;
        // Within the same tick of 10 ms.
        assert!(!Process::has_ended(child.id(), own + 9_999_999));
        assert!(Process::has_ended(child.id(), own + 10_000_000));
        child.kill().unwrap();
        // Until it is waited for it is a zombie.
        let begin = Instant::now();
        while !Process::has_ended(child.id(), own) {
            assert!(begin.elapsed() < Duration::from_secs(10));
        }
        child.wait().unwrap();
        assert!(Process::has_ended(child.id(), own));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9() a-zA-Z]{0,60}") {
            let _ = Status::parse(text.as_bytes());
        }
    }
}
