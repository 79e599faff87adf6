//! Probes on a place in a library, which count and add up what they see. x86-64 only.

use std::path::Path;

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::Array;
use aya::programs::UProbe;
use aya::programs::uprobe::UProbeScope;

use crate::object::Builder;

/// Attached until dropped, for all processes.
pub struct Probe {
    object: Ebpf,
}

/// What the programs saw so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub entries: u64,
    /// Sum of the first arguments at entry.
    pub arguments: u64,
    pub returns: u64,
    /// Sum of the results at return.
    pub results: u64,
}

impl Probe {
    /// At this many bytes from the beginning of a file; with a return probe if asked.
    pub fn attach(file: &Path, offset: u64, returns: bool) -> Result<Self> {
        let mut probe = Self {
            object: Ebpf::load(&object()?)?,
        };
        probe.attach_one("entry", file, offset)?;
        if returns {
            probe.attach_one("return", file, offset)?;
        }
        Ok(probe)
    }

    fn attach_one(&mut self, name: &str, file: &Path, offset: u64) -> Result<()> {
        let program = self.object.program_mut(name).context("no such program")?;
        let program: &mut UProbe = program.try_into()?;
        program.load()?;
        program.attach(offset, file, UProbeScope::AllProcesses)?;
        Ok(())
    }

    pub fn seen(&self) -> Result<Seen> {
        let map = self.object.map("SEEN").context("no such map")?;
        let map: Array<_, [u64; 4]> = map.try_into()?;
        let [entries, arguments, returns, results] = map.get(&0, 0)?;
        Ok(Seen {
            entries,
            arguments,
            returns,
            results,
        })
    }
}

/// `rdi` and `rax` in `struct pt_regs`.
const ARGUMENT: u8 = 112;
const RESULT: u8 = 80;

/// Which instruction takes the address of the map.
const ADDRESS: u64 = 4 * 8;

/// Adds 1 to a word of the map's only value, and a register of the probed process to the next.
#[rustfmt::skip]
fn program(register: u8, word: u8) -> Vec<u8> {
    vec![
        0x79, 0x16, register, 0, 0, 0, 0, 0,  // r6 = *(u64 *)(r1 + register)
        0x62, 0x0a, 0xfc, 0xff, 0, 0, 0, 0,   // *(u32 *)(r10 - 4) = 0
        0xbf, 0xa2, 0, 0, 0, 0, 0, 0,         // r2 = r10
        0x07, 0x02, 0, 0, 0xfc, 0xff, 0xff, 0xff, // r2 += -4
        0x18, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // r1 = map
        0x85, 0, 0, 0, 1, 0, 0, 0,            // r0 = bpf_map_lookup_elem(r1, r2)
        0x15, 0, 3, 0, 0, 0, 0, 0,            // if r0 == 0, leave
        0xb7, 0x01, 0, 0, 1, 0, 0, 0,         // r1 = 1
        0xdb, 0x10, word, 0, 0, 0, 0, 0,      // lock *(u64 *)(r0 + word) += r1
        0xdb, 0x60, word + 8, 0, 0, 0, 0, 0,  // lock *(u64 *)(r0 + word + 8) += r6
        0xb7, 0, 0, 0, 0, 0, 0, 0,            // r0 = 0
        0x95, 0, 0, 0, 0, 0, 0, 0,            // exit
    ]
}

/// An object with the two programs and the map. By hand, so that the tests need no compiler
/// for eBPF.
fn object() -> Result<Vec<u8>> {
    const ARRAY: u32 = 2;
    let mut object = Builder::default();
    let map = object.map("SEEN", ARRAY, 32, 1);
    object.program("uprobe", "entry", &program(ARGUMENT, 0), (ADDRESS, map))?;
    object.program("uretprobe", "return", &program(RESULT, 16), (ADDRESS, map))?;
    object.finish()
}
