//! eBPF objects by hand, so that the tests need no compiler for eBPF.

use anyhow::{Context, Result};
use object::elf::R_BPF_64_64;
use object::write::{Object, Relocation, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};

/// An object under construction.
pub struct Builder(Object<'static>);

impl Default for Builder {
    fn default() -> Self {
        let object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::default());
        let mut builder = Self(object);
        builder.add("license", "LICENSE", SectionKind::Data, b"GPL\0");
        builder
    }
}

impl Builder {
    /// Adds a map with keys of four bytes, of a type that `bpf_map_type` (include/uapi/linux/bpf.h)
    /// numbers.
    pub fn map(&mut self, name: &str, kind: u32, value_size: u32, entries: u32) -> SymbolId {
        // Type, sizes of key and value, entries, flags.
        let definition = [kind, 4, value_size, entries, 0].map(u32::to_ne_bytes);
        self.add("maps", name, SectionKind::Data, &definition.concat())
    }

    /// Adds a program of the kind that the section says. The instruction at `address` takes the
    /// address of `map`.
    pub fn program(
        &mut self,
        section: &str,
        name: &str,
        body: &[u8],
        (address, map): (u64, SymbolId),
    ) -> Result<()> {
        let symbol = self.add(section, name, SectionKind::Text, body);
        let section = self.0.symbol(symbol).section.id().context("no section")?;
        let relocation = Relocation {
            offset: address,
            symbol: map,
            addend: 0,
            flags: RelocationFlags::Elf {
                r_type: R_BPF_64_64,
            },
        };
        Ok(self.0.add_relocation(section, relocation)?)
    }

    pub fn finish(self) -> Result<Vec<u8>> {
        Ok(self.0.write()?)
    }

    fn add(&mut self, section: &str, name: &str, kind: SectionKind, bytes: &[u8]) -> SymbolId {
        let section = self.0.add_section(Vec::new(), section.into(), kind);
        self.0.append_section_data(section, bytes, 8);
        self.0.add_symbol(Symbol {
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
}
