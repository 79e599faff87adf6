//! Probes on a place in a library, which count and add up what they see. x86-64 only.

use std::path::Path;

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::maps::Array;
use aya::programs::UProbe;
use aya::programs::uprobe::UProbeScope;
use object::elf::R_BPF_64_64;
use object::write::{Object, Relocation, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};

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
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::default());
    // Type, sizes of key and value, entries, flags.
    let definition = [ARRAY, 4, 32, 1, 0].map(u32::to_ne_bytes).concat();
    let map = add(&mut object, "maps", "SEEN", SectionKind::Data, &definition);
    add(
        &mut object,
        "license",
        "LICENSE",
        SectionKind::Data,
        b"GPL\0",
    );
    for (section, name, body) in [
        ("uprobe", "entry", program(ARGUMENT, 0)),
        ("uretprobe", "return", program(RESULT, 16)),
    ] {
        let symbol = add(&mut object, section, name, SectionKind::Text, &body);
        let section = object.symbol(symbol).section.id().context("no section")?;
        let relocation = Relocation {
            offset: ADDRESS,
            symbol: map,
            addend: 0,
            flags: RelocationFlags::Elf {
                r_type: R_BPF_64_64,
            },
        };
        object.add_relocation(section, relocation)?;
    }
    Ok(object.write()?)
}

fn add(
    object: &mut Object<'_>,
    section: &str,
    name: &str,
    kind: SectionKind,
    bytes: &[u8],
) -> SymbolId {
    let section = object.add_section(Vec::new(), section.into(), kind);
    object.append_section_data(section, bytes, 8);
    object.add_symbol(Symbol {
        name: name.into(),
        value: 0,
        size: bytes.len() as u64,
        kind: if kind == SectionKind::Text {
            SymbolKind::Text
        } else {
            SymbolKind::Data
        },
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    })
}
