use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use aya::Ebpf;
use aya_obj::Object;
use aya_obj::generated::bpf_insn;

use super::{Place, data};
use crate::kernel::sys::uprobe::{attach, load};

/// The programs of an object, ready to be loaded so that one link attaches them to many
/// functions, which the loader cannot do.
pub(super) struct MultiPrograms(Object);

impl MultiPrograms {
    /// Binds the programs to the maps that were made for the object. None where that does not
    /// work out: then each function gets a link of its own.
    pub fn of(object: &[u8], ebpf: &Ebpf) -> Option<Self> {
        let mut parsed = Object::parse(object).ok()?;
        let text: HashSet<usize> = parsed
            .functions
            .keys()
            .map(|(section, _)| *section)
            .collect();
        let maps = parsed.maps.clone();
        let maps = maps.iter().filter_map(|(name, map)| {
            let fd = data(ebpf.map(name)?)?.fd().as_fd().as_raw_fd();
            Some((name.as_str(), fd, map))
        });
        parsed.relocate_maps(maps, &text).ok()?;
        parsed.relocate_calls(&text).ok()?;
        Some(Self(parsed))
    }

    /// Loads a program; an error where the kernel has no such links.
    pub fn load(&self, function: &str) -> io::Result<OwnedFd> {
        let program = self
            .0
            .programs
            .get(function)
            .ok_or(io::ErrorKind::NotFound)?;
        let code = self.0.functions.get(&program.function_key());
        let code = &code.ok_or(io::ErrorKind::NotFound)?.instructions;
        let instructions: Vec<[u8; 8]> = code.iter().copied().map(bytes).collect();
        let loaded = load(function, &program.license, &instructions)?;
        // A directory has no functions: a kernel that knows such links says so.
        match attach(loaded.as_fd(), Path::new("/"), &[(0, 0)], false) {
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(loaded),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Attaches a program that [`MultiPrograms::load`] gave.
pub(super) fn attach_uprobe_multi(
    program: BorrowedFd<'_>,
    path: &Path,
    places: &[Place],
    at_return: bool,
) -> io::Result<OwnedFd> {
    let places: Vec<(u64, u64)> = places.iter().map(|it| (it.offset, it.cookie)).collect();
    attach(program, path, &places, at_return)
}

/// `struct bpf_insn`
fn bytes(instruction: bpf_insn) -> [u8; 8] {
    let [offset_low, offset_high] = instruction.off.to_ne_bytes();
    let [a, b, c, d] = instruction.imm.to_ne_bytes();
    let registers = instruction.dst_reg() | instruction.src_reg() << 4;
    [
        instruction.code,
        registers,
        offset_low,
        offset_high,
        a,
        b,
        c,
        d,
    ]
}
