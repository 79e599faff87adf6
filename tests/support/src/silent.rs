//! A file system that stops to answer, as a network's does whose server has gone.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

/// `FUSE_KERNEL_VERSION` and a minor one that every kernel has (include/uapi/linux/fuse.h).
const VERSION: [u32; 2] = [7, 23];
/// `FUSE_ROOT_ID`, and the number of the file.
const ROOT: u64 = 1;
const FILE: u64 = 2;
/// `FUSE_MIN_READ_BUFFER`, and what the largest write may add.
const LONGEST_REQUEST: usize = 1 << 20;
const PAGE: u32 = 4096;

/// After that it answers all again: who waits for a page that another waits for cannot be killed,
/// and a test that fails would wait for it.
const LONGEST: Timespec = Timespec {
    tv_sec: 40,
    tv_nsec: 0,
};

/// `enum fuse_opcode`
mod opcode {
    pub const LOOKUP: u32 = 1;
    pub const FORGET: u32 = 2;
    pub const GETATTR: u32 = 3;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const STATFS: u32 = 17;
    pub const RELEASE: u32 = 18;
    pub const FLUSH: u32 = 25;
    pub const INIT: u32 = 26;
    pub const INTERRUPT: u32 = 36;
    pub const BATCH_FORGET: u32 = 42;
}

/// A mount of FUSE with one file in it, or none. Whoever asks for what it does not tell waits
/// until it does, or is killed.
pub struct Silent {
    directory: TempDir,
    server: Option<Server>,
    /// The connection lasts as long as this.
    device: Option<File>,
}

struct Server {
    mood: Arc<Mutex<Mood>>,
    /// Tells it that its mood has changed; ends it when closed.
    wake: io::PipeWriter,
    thread: JoinHandle<()>,
}

/// What is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    All,
    /// But reads that begin there or later.
    ReadsBefore(u64),
    Nothing,
}

/// What is served.
struct Contents {
    name: Vec<u8>,
    bytes: Vec<u8>,
}

impl Silent {
    /// One that never answered.
    pub fn mount() -> Result<Self> {
        let directory = TempDir::new()?;
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let device = device.context("/dev/fuse")?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
            device.as_raw_fd()
        );
        let options = CString::new(options)?;
        let flags = MountFlags::empty();
        mount("silent", directory.path(), "fuse", flags, Some(&*options))
            .context("mounting fuse: modprobe fuse")?;
        Ok(Self {
            directory,
            server: None,
            device: Some(device),
        })
    }

    /// One that serves a copy of a file.
    pub fn serving(file: &Path) -> Result<Self> {
        let mut silent = Self::mount()?;
        let name = file.file_name().context("no name")?;
        let contents = Contents {
            name: name.as_encoded_bytes().to_vec(),
            bytes: fs::read(file)?,
        };
        let device = silent.device.as_ref().context("no device")?.try_clone()?;
        let (woken, wake) = io::pipe()?;
        let mood = Arc::new(Mutex::new(Mood::All));
        let own = Arc::clone(&mood);
        let thread = thread::spawn(move || {
            if let Err(error) = contents.serve(device, woken, &own) {
                eprintln!("the file system's server: {error}");
            }
        });
        silent.server = Some(Server { mood, wake, thread });
        Ok(silent)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// From now on it answers nobody.
    pub fn fall_silent(&mut self) -> Result<()> {
        self.turn(Mood::Nothing)
    }

    /// From now on it tells only what is before that place in the file.
    pub fn withhold_from(&mut self, place: u64) -> Result<()> {
        self.turn(Mood::ReadsBefore(place))
    }

    /// Answers everything again, and what it was asked meanwhile.
    pub fn answer_all(&mut self) -> Result<()> {
        self.turn(Mood::All)
    }

    fn turn(&mut self, mood: Mood) -> Result<()> {
        let server = self.server.as_mut().context("it has no server")?;
        *server.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
        Ok(server.wake.write_all(b"!")?)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some(Server { wake, thread, .. }) = self.server.take() {
            drop(wake);
            // What it said it has said.
            let _ = thread.join();
        }
        // Who waits gets an error: there is no server any more.
        self.device = None;
        if let Err(error) = unmount(self.directory.path(), UnmountFlags::DETACH) {
            eprintln!("left behind: {}: {error}", self.directory.path().display());
        }
    }
}

impl Contents {
    fn serve(
        &self,
        mut device: File,
        mut woken: io::PipeReader,
        mood: &Mutex<Mood>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; LONGEST_REQUEST];
        let mut withheld: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut fds = [
                PollFd::new(&device, PollFlags::IN),
                PollFd::new(&woken, PollFlags::IN),
            ];
            let timeout = (!withheld.is_empty()).then_some(&LONGEST);
            if poll(&mut fds, timeout)? == 0 {
                *mood.lock().unwrap_or_else(PoisonError::into_inner) = Mood::All;
            }
            let is_asked = !fds[0].revents().is_empty();
            let is_woken = !fds[1].revents().is_empty();
            if is_woken && woken.read(&mut [0])? == 0 {
                return Ok(());
            }
            if is_asked {
                let length = device.read(&mut buffer)?;
                withheld.push(buffer[..length].to_vec());
            }
            let mood = *mood.lock().unwrap_or_else(PoisonError::into_inner);
            let interrupts = withheld.iter().map(|it| Request(it));
            let interrupts = interrupts.filter(|it| it.word(4) == opcode::INTERRUPT);
            let interrupted: Vec<u64> = interrupts.map(|it| it.long(40)).collect();
            for bytes in std::mem::take(&mut withheld) {
                let request = Request(&bytes);
                let answer = if interrupted.contains(&request.long(8)) {
                    Some(Err(Errno::INTR))
                } else if request.is_answered(mood) {
                    self.answer(&request)
                } else {
                    withheld.push(bytes);
                    continue;
                };
                if let Some(answer) = answer {
                    send(&mut device, request.long(8), answer)?;
                }
            }
        }
    }

    /// None to what wants no answer.
    fn answer(&self, request: &Request<'_>) -> Option<Result<Vec<u8>, Errno>> {
        let node = request.long(16);
        Some(match request.word(4) {
            opcode::FORGET | opcode::BATCH_FORGET | opcode::INTERRUPT => return None,
            opcode::INIT => Ok(init()),
            opcode::LOOKUP if request.body().strip_suffix(b"\0") == Some(&self.name) => {
                // struct fuse_entry_out: nothing of it is valid for longer than it is used.
                let mut entry = longs(&[FILE, 0, 0, 0, 0]);
                entry.extend(self.attributes(FILE));
                Ok(entry)
            }
            opcode::LOOKUP => Err(Errno::NOENT),
            opcode::GETATTR => {
                // struct fuse_attr_out
                let mut attributes = longs(&[0, 0]);
                attributes.extend(self.attributes(node));
                Ok(attributes)
            }
            // struct fuse_open_out
            opcode::OPEN => Ok(longs(&[0, 0])),
            opcode::READ => {
                let start = usize::try_from(request.long(48)).unwrap_or(usize::MAX);
                let size = request.word(56) as usize;
                let rest = self.bytes.get(start..).unwrap_or_default();
                Ok(rest[..size.min(rest.len())].to_vec())
            }
            // struct fuse_kstatfs
            opcode::STATFS => Ok(vec![0; 80]),
            opcode::RELEASE | opcode::FLUSH => Ok(Vec::new()),
            _ => Err(Errno::NOSYS),
        })
    }

    /// `struct fuse_attr`
    fn attributes(&self, node: u64) -> Vec<u8> {
        let (mode, size) = match node {
            ROOT => (0o040_755, 0),
            _ => (0o100_755, self.bytes.len() as u64),
        };
        let mut attributes = longs(&[node, size, size.div_ceil(512), 0, 0, 0]);
        attributes.extend(words(&[0, 0, 0, mode, 1, 0, 0, 0, PAGE, 0]));
        attributes
    }
}

fn send(device: &mut File, unique: u64, answer: Result<Vec<u8>, Errno>) -> io::Result<()> {
    let (error, body) = match answer {
        Ok(body) => (0, body),
        Err(error) => (-error.raw_os_error(), Vec::new()),
    };
    // struct fuse_out_header
    let length = u32::try_from(16 + body.len()).map_err(io::Error::other)?;
    let mut answer = length.to_ne_bytes().to_vec();
    answer.extend(error.to_ne_bytes());
    answer.extend(unique.to_ne_bytes());
    answer.extend(body);
    match device.write_all(&answer) {
        // Who asked has been killed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

/// `struct fuse_init_out`
fn init() -> Vec<u8> {
    let [major, minor] = VERSION;
    let mut init = words(&[major, minor, 0, 0, 0, PAGE, 1]);
    init.resize(64, 0);
    init
}

/// A `struct fuse_in_header` of 40 bytes, and what follows it.
struct Request<'a>(&'a [u8]);

impl Request<'_> {
    fn is_answered(&self, mood: Mood) -> bool {
        let opcode = self.word(4);
        let wants_none = [opcode::FORGET, opcode::BATCH_FORGET, opcode::INTERRUPT];
        wants_none.contains(&opcode)
            || match mood {
                Mood::All => true,
                Mood::ReadsBefore(place) => opcode != opcode::READ || self.long(48) < place,
                Mood::Nothing => false,
            }
    }

    fn word(&self, at: usize) -> u32 {
        let bytes = self.0.get(at..at + 4).and_then(|it| it.try_into().ok());
        u32::from_ne_bytes(bytes.unwrap_or_default())
    }

    fn long(&self, at: usize) -> u64 {
        let bytes = self.0.get(at..at + 8).and_then(|it| it.try_into().ok());
        u64::from_ne_bytes(bytes.unwrap_or_default())
    }

    fn body(&self) -> &[u8] {
        self.0.get(40..).unwrap_or_default()
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn longs(longs: &[u64]) -> Vec<u8> {
    longs.iter().flat_map(|long| long.to_ne_bytes()).collect()
}
