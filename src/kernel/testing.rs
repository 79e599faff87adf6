//! Objects made by hand, and whether this process may load them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use geophone_test_support::requirement::Requirement;
use object::elf::{R_BPF_64_32, R_BPF_64_64};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};

use super::sys::create_map;
use super::{MapHandle, missing_capabilities};

/// `BPF_MAP_TYPE_…`
const HASH: u32 = 1;
const ARRAY: u32 = 2;
const PER_CPU_HASH: u32 = 5;

/// Whether programs can be loaded here; if not, the test must return at once.
pub fn may_load(test: &str) -> bool {
    let missing = missing_capabilities();
    if missing.is_empty() {
        return true;
    }
    Requirement::Bpf.skip(&format!("{test}: {} missing", missing.join(" and ")));
    false
}

/// A per-CPU hash of the kernel's.
pub fn per_cpu_hash(key_size: u32, value_size: u32, max_entries: u32) -> MapHandle {
    map(PER_CPU_HASH, key_size, value_size, max_entries)
}

/// A hash of the kernel's that all CPUs share.
pub fn hash(key_size: u32, value_size: u32, max_entries: u32) -> MapHandle {
    map(HASH, key_size, value_size, max_entries)
}

/// An array of the kernel's that all CPUs share.
pub fn array(value_size: u32, max_entries: u32) -> MapHandle {
    map(ARRAY, 4, value_size, max_entries)
}

fn map(map_type: u32, key_size: u32, value_size: u32, max_entries: u32) -> MapHandle {
    super::process::raise_memory_limit();
    let fd = create_map(map_type, key_size, value_size, max_entries).unwrap();
    MapHandle::new("TEST", fd).unwrap()
}

/// One instruction, or a pair of them, and the symbol whose address it takes.
pub struct Instruction {
    bytes: Vec<u8>,
    refers: Option<(&'static str, u32)>,
}

impl Instruction {
    /// `r0 = value`
    pub fn result(value: i32) -> Self {
        let mut bytes = vec![0xb7, 0, 0, 0];
        bytes.extend_from_slice(&value.to_ne_bytes());
        Self {
            bytes,
            refers: None,
        }
    }

    pub fn exit() -> Self {
        Self {
            bytes: vec![0x95, 0, 0, 0, 0, 0, 0, 0],
            refers: None,
        }
    }

    /// `r1 = address of symbol + addend`
    pub fn address(symbol: &'static str, addend: i32) -> Self {
        let mut bytes = vec![0x18, 1, 0, 0];
        bytes.extend_from_slice(&addend.to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self {
            bytes,
            refers: Some((symbol, R_BPF_64_64)),
        }
    }

    /// Calls a function of another section.
    pub fn call(function: &'static str) -> Self {
        Self {
            refers: Some((function, R_BPF_64_32)),
            ..Self::call_ahead(-1)
        }
    }

    /// Calls the function that begins `instructions` behind the next one.
    pub fn call_ahead(instructions: i32) -> Self {
        let mut bytes = vec![0x85, 1 << 4, 0, 0];
        bytes.extend_from_slice(&instructions.to_ne_bytes());
        Self {
            bytes,
            refers: None,
        }
    }
}

/// An object with read-only globals and programs.
pub struct Builder {
    object: Object<'static>,
    sections: BTreeMap<String, SectionId>,
    waiting: Vec<(SectionId, u64, &'static str, u32)>,
}

impl Default for Builder {
    fn default() -> Self {
        let object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::default());
        let mut builder = Self {
            object,
            sections: BTreeMap::new(),
            waiting: Vec::new(),
        };
        builder.data("license", "LICENSE", b"GPL\0");
        builder
    }
}

impl Builder {
    fn add(&mut self, section: &str, kind: SectionKind, name: &str, bytes: &[u8]) -> u64 {
        let object = &mut self.object;
        let id = *self
            .sections
            .entry(section.to_owned())
            .or_insert_with(|| object.add_section(Vec::new(), section.as_bytes().to_vec(), kind));
        let at = self.object.append_section_data(id, bytes, 8);
        let kind = if kind == SectionKind::Text {
            SymbolKind::Text
        } else {
            SymbolKind::Data
        };
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: at,
            size: bytes.len() as u64,
            kind,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Section(id),
            flags: SymbolFlags::None,
        });
        at
    }

    fn data(&mut self, section: &str, name: &str, bytes: &[u8]) {
        self.add(section, SectionKind::ReadOnlyData, name, bytes);
    }

    /// Adds a read-only global.
    pub fn global(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.data(".rodata", name, bytes);
        self
    }

    /// Adds a declaration as the probes write it.
    pub fn declare(&mut self, name: &str, request: &str) -> &mut Self {
        let mut bytes = vec![0; 8];
        bytes.extend_from_slice(request.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.global(name, &bytes)
    }

    /// Adds a map's symbol, with type information in which its definition may be found.
    pub fn map(&mut self, name: &str, btf: &[u8]) -> &mut Self {
        self.add(".maps", SectionKind::Data, name, &[0; 40]);
        let section = self
            .object
            .add_section(Vec::new(), b".BTF".to_vec(), SectionKind::Other);
        self.object.append_section_data(section, btf, 4);
        self
    }

    /// Adds a function to a section, behind those that it has.
    pub fn function(&mut self, section: &str, name: &str, body: Vec<Instruction>) -> &mut Self {
        let bytes: Vec<u8> = body.iter().flat_map(|each| each.bytes.clone()).collect();
        let mut at = self.add(section, SectionKind::Text, name, &bytes);
        let id = self.sections[section];
        for each in body {
            self.waiting
                .extend(each.refers.map(|(symbol, kind)| (id, at, symbol, kind)));
            at += each.bytes.len() as u64;
        }
        self
    }

    /// Adds a program that does nothing.
    pub fn empty(&mut self, section: &str, name: &str) -> &mut Self {
        self.function(
            section,
            name,
            vec![Instruction::result(0), Instruction::exit()],
        )
    }

    pub fn finish(&mut self) -> Vec<u8> {
        for (section, offset, symbol, r_type) in std::mem::take(&mut self.waiting) {
            let symbol = match symbol.strip_prefix("section ") {
                Some(name) => self.object.section_symbol(self.sections[name]),
                None => self.object.symbol_id(symbol.as_bytes()).unwrap(),
            };
            let flags = RelocationFlags::Elf { r_type };
            let relocation = Relocation {
                offset,
                symbol,
                addend: 0,
                flags,
            };
            self.object.add_relocation(section, relocation).unwrap();
        }
        self.object.write().unwrap()
    }
}
