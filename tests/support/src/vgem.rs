//! The virtual GEM device (`drivers/gpu/drm/vgem`): fences that signal when they are told to.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, FromRawFd as _, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Setter, Updater, ioctl, opcode};

// include/uapi/drm/drm.h, drm_mode.h and vgem_drm.h
const CREATE_DUMB: Opcode = opcode::read_write::<Dumb>(b'd', 0xb2);
const HANDLE_TO_FD: Opcode = opcode::read_write::<Prime>(b'd', 0x2d);
const FENCE_ATTACH: Opcode = opcode::read_write::<Attach>(b'd', 0x41);
const FENCE_SIGNAL: Opcode = opcode::write::<Signal>(b'd', 0x42);
// include/uapi/linux/dma-buf.h
const SYNC: Opcode = opcode::write::<u64>(b'b', 0);
const EXPORT_SYNC_FILE: Opcode = opcode::read_write::<SyncFile>(b'b', 2);

const CLOSE_ON_EXEC: u32 = 0o2_000_000;
const SYNC_READ: u32 = 1;
const SYNC_WRITE: u32 = 2;

#[repr(C)]
#[derive(Default)]
struct Dumb {
    height: u32,
    width: u32,
    bits_per_pixel: u32,
    flags: u32,
    handle: u32,
    pitch: u32,
    size: u64,
}

#[repr(C)]
struct Prime {
    handle: u32,
    flags: u32,
    descriptor: i32,
}

#[repr(C)]
struct Attach {
    handle: u32,
    flags: u32,
    fence: u32,
    padding: u32,
}

#[repr(C)]
struct Signal {
    fence: u32,
    flags: u32,
}

#[repr(C)]
struct SyncFile {
    flags: u32,
    descriptor: i32,
}

/// An open device. What has not signaled when it is closed does so then.
pub struct Vgem(File);

/// Memory of the device that others may use.
pub struct Buffer {
    handle: u32,
    shared: OwnedFd,
}

/// What the fence says that work on the buffer does.
#[derive(Clone, Copy)]
pub enum Access {
    Read = 0,
    Write = 1,
}

impl Vgem {
    /// None where the kernel has no such device.
    pub fn find() -> Result<Option<Self>> {
        for entry in fs::read_dir("/sys/class/drm").into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name();
            let device = fs::read_link(entry.path().join("device")).unwrap_or_default();
            let is_vgem = device.to_string_lossy().contains("vgem");
            if is_vgem && name.to_string_lossy().starts_with("card") {
                let path = Path::new("/dev/dri").join(name);
                let file = OpenOptions::new().read(true).write(true).open(&path);
                let file = file.with_context(|| path.display().to_string())?;
                return Ok(Some(Self(file)));
            }
        }
        Ok(None)
    }

    pub fn buffer(&self) -> Result<Buffer> {
        let mut dumb = Dumb {
            height: 16,
            width: 16,
            bits_per_pixel: 32,
            ..Dumb::default()
        };
        update::<CREATE_DUMB, _>(&self.0, &mut dumb).context("making a buffer")?;
        let mut prime = Prime {
            handle: dumb.handle,
            flags: CLOSE_ON_EXEC,
            descriptor: -1,
        };
        update::<HANDLE_TO_FD, _>(&self.0, &mut prime).context("sharing a buffer")?;
        Ok(Buffer {
            handle: dumb.handle,
            shared: own(prime.descriptor),
        })
    }

    /// Makes a fence on the buffer. It signals by itself after ten seconds.
    pub fn attach(&self, buffer: &Buffer, access: Access) -> Result<u32> {
        let mut attach = Attach {
            handle: buffer.handle,
            flags: access as u32,
            fence: 0,
            padding: 0,
        };
        update::<FENCE_ATTACH, _>(&self.0, &mut attach).context("making a fence")?;
        Ok(attach.fence)
    }

    #[allow(unsafe_code, reason = "the driver has no other interface")]
    pub fn signal(&self, fence: u32) -> Result<()> {
        let signal = Signal { fence, flags: 0 };
        // SAFETY: the request reads a structure of this layout.
        unsafe { ioctl(&self.0, Setter::<FENCE_SIGNAL, _>::new(signal)) }
            .context("signaling a fence")
    }
}

impl Buffer {
    /// Waits for all fences on the buffer, as one does who wants to write to it.
    #[allow(unsafe_code, reason = "the kernel has no other interface")]
    pub fn wait(&self) -> Result<()> {
        // SAFETY: the request reads a number.
        unsafe {
            ioctl(
                &self.shared,
                Setter::<SYNC, u64>::new(u64::from(SYNC_READ | SYNC_WRITE)),
            )
        }
        .context("waiting for a buffer")
    }

    /// A fence that holds all those on the buffer. None where the kernel makes none (before
    /// 6.0).
    pub fn container(&self) -> Result<Option<OwnedFd>> {
        let mut file = SyncFile {
            flags: SYNC_READ | SYNC_WRITE,
            descriptor: -1,
        };
        match update::<EXPORT_SYNC_FILE, _>(&self.shared, &mut file) {
            Ok(()) => Ok(Some(own(file.descriptor))),
            Err(Errno::NOTTY) => Ok(None),
            Err(error) => Err(error).context("exporting the fences of a buffer"),
        }
    }
}

/// A request that reads and writes a structure.
#[allow(unsafe_code, reason = "the drivers have no other interface")]
fn update<const REQUEST: Opcode, T>(file: impl AsFd, value: &mut T) -> Result<(), Errno> {
    // SAFETY: each request above is of its structure's size, and takes no pointer in it.
    unsafe { ioctl(file, Updater::<REQUEST, T>::new(value)) }
}

#[allow(unsafe_code, reason = "the kernel gives numbers")]
fn own(descriptor: i32) -> OwnedFd {
    // SAFETY: the kernel has just made it for us.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}
