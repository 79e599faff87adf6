//! A module's object file: the parts of its ELF that the loader does not hand out.

use std::ops::Range;

use object::elf::{FileHeader64, R_BPF_64_32};
use object::read::elf::ElfFile;
use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags,
    RelocationTarget, SectionIndex, SectionKind, SymbolKind,
};

use super::btf::{Btf, BtfError};

type File<'data> = ElfFile<'data, FileHeader64<Endianness>>;
pub(super) type Section<'data, 'file> = object::read::elf::ElfSection64<'data, 'file, Endianness>;
pub(super) type Symbol<'data, 'file> = object::read::elf::ElfSymbol64<'data, 'file, Endianness>;

/// Why a file is no module object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("not a 64-bit ELF object of this machine's byte order: {0}")]
    Elf(String),
    #[error("the object has no .BTF section: build it with -C link-arg=--btf and debug info")]
    NoBtf,
    #[error("the object's .BTF: {0}")]
    Btf(#[from] BtfError),
}

/// An object file, read in place.
pub struct Object<'data> {
    pub(super) file: File<'data>,
    data: &'data [u8],
}

/// A read-only global.
#[derive(Debug, Clone)]
pub struct Global<'data> {
    pub name: &'data str,
    /// Where its bytes are in the file.
    pub range: Range<usize>,
    pub bytes: &'data [u8],
}

/// A function, by where its instructions lie in its section.
#[derive(Debug, Clone)]
pub struct Function<'data> {
    pub name: &'data str,
    section: SectionIndex,
    range: Range<u64>,
}

/// What an instruction refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The global whose bytes in the file include this position.
    Data(usize),
    /// The function, by its index in [`Object::functions`].
    Function(usize),
}

impl<'data> Object<'data> {
    pub fn parse(data: &'data [u8]) -> Result<Self, ObjectError> {
        let file = File::parse(data).map_err(|error| ObjectError::Elf(error.to_string()))?;
        if file.is_little_endian() != cfg!(target_endian = "little") {
            return Err(ObjectError::Elf("the byte order differs".to_owned()));
        }
        Ok(Self { file, data })
    }

    /// The object's own type information.
    pub fn btf(&self) -> Result<Btf, ObjectError> {
        let section = self
            .file
            .section_by_name(".BTF")
            .ok_or(ObjectError::NoBtf)?;
        let bytes = section
            .data()
            .map_err(|error| ObjectError::Elf(error.to_string()))?;
        Ok(Btf::parse(bytes.to_vec())?)
    }

    /// Read-only globals, in the order of the symbol table.
    pub fn globals(&self) -> Vec<Global<'data>> {
        self.symbols(SymbolKind::Data)
            .filter_map(|(section, name, range)| {
                let at = Self::rodata(&section)?;
                let range = at.checked_add(usize::try_from(range.start).ok()?)?
                    ..at.checked_add(usize::try_from(range.end).ok()?)?;
                Some(Global {
                    name,
                    range: range.clone(),
                    bytes: self.data.get(range)?,
                })
            })
            .collect()
    }

    /// Names of the maps, as the symbols of `.maps` spell them.
    pub fn map_names(&self) -> Vec<&'data str> {
        self.symbols(SymbolKind::Data)
            .filter(|(section, ..)| section.name() == Ok(".maps"))
            .map(|(_, name, _)| name)
            .collect()
    }

    /// Functions, programs and helpers alike, in the order of the symbol table.
    pub fn functions(&self) -> Vec<Function<'data>> {
        self.symbols(SymbolKind::Text)
            .map(|(section, name, range)| Function {
                name,
                section: section.index(),
                range,
            })
            .collect()
    }

    /// What the instructions of `function` refer to, in no order.
    pub fn references(&self, function: &Function<'_>, all: &[Function<'_>]) -> Vec<Reference> {
        let Ok(section) = self.file.section_by_index(function.section) else {
            return Vec::new();
        };
        let code = section.data().unwrap_or_default();
        let mut found = Vec::new();
        let mut relocated = Vec::new();
        for (at, relocation) in section.relocations() {
            if !function.range.contains(&at) {
                continue;
            }
            relocated.push(at);
            let RelocationTarget::Symbol(symbol) = relocation.target() else {
                continue;
            };
            let call = relocation.flags()
                == RelocationFlags::Elf {
                    r_type: R_BPF_64_32,
                };
            let Ok(symbol) = self.file.symbol_by_index(symbol) else {
                continue;
            };
            let Some(target) = symbol.section_index() else {
                continue;
            };
            let addend = instruction(code, at).map_or(0, |each| each.addend(call));
            let address = symbol.address().wrapping_add_signed(addend);
            found.extend(self.reference(target, address, all));
        }
        // Calls within a section need no relocation. A symbol may claim any size.
        let end = function.range.end.min(code.len() as u64);
        for at in (function.range.start..end).step_by(8) {
            let Some(each) = instruction(code, at).filter(Instruction::is_local_call) else {
                continue;
            };
            if !relocated.contains(&at) {
                let address = at.wrapping_add_signed(each.addend(true));
                found.extend(self.reference(function.section, address, all));
            }
        }
        found
    }

    fn reference(
        &self,
        section: SectionIndex,
        address: u64,
        functions: &[Function<'_>],
    ) -> Option<Reference> {
        let section = self.file.section_by_index(section).ok()?;
        if let Some(at) = Self::rodata(&section) {
            return Some(Reference::Data(
                at.checked_add(usize::try_from(address).ok()?)?,
            ));
        }
        functions
            .iter()
            .position(|each| each.section == section.index() && each.range.contains(&address))
            .map(Reference::Function)
    }

    /// Where a section of read-only data begins in the file; none for other sections.
    fn rodata(section: &Section<'_, '_>) -> Option<usize> {
        let name = section.name().ok()?;
        if !name.starts_with(".rodata") {
            return None;
        }
        usize::try_from(section.file_range()?.0).ok()
    }

    fn symbols(
        &self,
        kind: SymbolKind,
    ) -> impl Iterator<Item = (Section<'data, '_>, &'data str, Range<u64>)> {
        self.file
            .symbols()
            .filter(move |symbol| symbol.kind() == kind)
            .filter_map(move |symbol| {
                let section = self.file.section_by_index(symbol.section_index()?).ok()?;
                if kind == SymbolKind::Text && section.kind() != SectionKind::Text {
                    return None;
                }
                let end = symbol.address().checked_add(symbol.size())?;
                Some((section, symbol.name().ok()?, symbol.address()..end))
            })
    }
}

/// As much of an eBPF instruction as references need.
struct Instruction {
    code: u8,
    source: u8,
    immediate: i32,
}

impl Instruction {
    const CALL: u8 = 0x85;
    const PSEUDO_CALL: u8 = 1;

    fn is_local_call(&self) -> bool {
        self.code == Self::CALL && self.source == Self::PSEUDO_CALL
    }

    /// Bytes to add to the address that the instruction's relocation, or its own position,
    /// gives: calls count instructions from the next one, loads count bytes.
    fn addend(&self, call: bool) -> i64 {
        let immediate = i64::from(self.immediate);
        if call { (immediate + 1) * 8 } else { immediate }
    }
}

fn instruction(code: &[u8], at: u64) -> Option<Instruction> {
    let bytes = code.get(usize::try_from(at).ok()?..)?.first_chunk::<8>()?;
    let [code, registers, _, _, immediate @ ..] = *bytes;
    let source = if cfg!(target_endian = "big") {
        registers & 0xf
    } else {
        registers >> 4
    };
    Some(Instruction {
        code,
        source,
        immediate: i32::from_ne_bytes(immediate),
    })
}
