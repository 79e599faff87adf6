//! What the loader takes for granted of an object's ELF, and ends the process over where it does
//! not hold: checked before it sees the object, which anybody may have written.

use std::collections::BTreeSet;

use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionKind, SymbolKind,
};

use super::btf_ext;
use super::object::{Object, Section, Symbol};

/// Bytes of a section of zeroed data: the loader allocates what the file claims.
const MAX_ZEROED: u64 = 16 << 20;

/// Functions of an object: the loader follows a chain of calls by calling itself. The kernel takes
/// 256 to a program (`BPF_MAX_SUBPROGS` in include/linux/bpf_verifier.h).
const MAX_FUNCTIONS: usize = 1024;

/// Bytes of an instruction, and of one that takes an address and has two places.
const INSTRUCTION: u64 = 8;
const LOAD_ADDRESS: u64 = 16;

/// `BPF_LD | BPF_IMM | BPF_DW` and `BPF_JMP | BPF_CALL`.
const LOAD_ADDRESS_CODE: u8 = 0x18;
const CALL_CODE: u8 = 0x85;

/// An object that no compiler writes.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    #[error("section {0} has an address: the object is linked already")]
    Address(String),
    #[error("section {name} claims {size} bytes of zeroes, and at most {MAX_ZEROED} are taken")]
    Zeroed { name: String, size: u64 },
    #[error("symbol {0} reaches beyond its section")]
    Symbol(String),
    #[error("it has {0} functions, and at most {MAX_FUNCTIONS} are taken")]
    Functions(usize),
    #[error("section {0} has maps without types: declare them in .maps")]
    UntypedMaps(String),
    #[error("its .BTF.ext is not of its .BTF")]
    BtfExt,
    #[error("type {0} of its .BTF names what it does not have")]
    Type(u32),
    #[error("the relocation at {at:#x} of section {section} {fault}")]
    Relocation {
        section: String,
        at: u64,
        fault: &'static str,
    },
}

impl Object<'_> {
    /// Whether the loader can be given it.
    pub fn sound(&self) -> Result<(), Unsound> {
        for section in self.file.sections() {
            check_section(&section)?;
        }
        self.check_types()?;
        let mut functions = Vec::new();
        for symbol in self.file.symbols() {
            let Some(section) = self.section_of(&symbol) else {
                continue;
            };
            let end = symbol.address().checked_add(symbol.size());
            // What a symbol that is a file, a section or nothing claims, nobody reads.
            let is_read = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data);
            if is_read && end.is_none_or(|end| end > section.size()) {
                return Err(Unsound::Symbol(name(symbol.name())));
            }
            if symbol.kind() == SymbolKind::Text {
                functions.push(symbol);
            }
        }
        if functions.len() > MAX_FUNCTIONS {
            return Err(Unsound::Functions(functions.len()));
        }
        let maps = self.map_names();
        let maps: BTreeSet<&str> = maps.into_iter().collect();
        for section in self.file.sections().filter(holds_code) {
            for (at, relocation) in section.relocations() {
                self.check_relocation(&section, at, relocation.target(), &functions, &maps)
                    .map_err(|fault| Unsound::Relocation {
                        section: name(section.name()),
                        at,
                        fault,
                    })?;
            }
        }
        Ok(())
    }

    fn check_relocation(
        &self,
        section: &Section<'_, '_>,
        at: u64,
        target: RelocationTarget,
        functions: &[Symbol<'_, '_>],
        maps: &BTreeSet<&str>,
    ) -> Result<(), &'static str> {
        let code = section.data().unwrap_or_default();
        let instruction = usize::try_from(at).ok().and_then(|at| code.get(at..));
        let Some([code, ..]) = instruction else {
            return Err("is of no instruction");
        };
        let length = match *code {
            CALL_CODE => INSTRUCTION,
            LOAD_ADDRESS_CODE => LOAD_ADDRESS,
            _ => return Err("is neither of a call nor of an address"),
        };
        let is_around = |function: &&Symbol<'_, '_>| {
            let end = function.address() + function.size();
            function.section_index() == Some(section.index())
                && (function.address()..end).contains(&at)
        };
        let mut around = functions.iter().filter(is_around);
        if around.any(|it| at + length > it.address() + it.size()) {
            return Err("reaches beyond its function");
        }
        let RelocationTarget::Symbol(symbol) = target else {
            return Err("is to no symbol");
        };
        let Ok(symbol) = self.file.symbol_by_index(symbol) else {
            return Err("is to no symbol");
        };
        let Some(target) = self.section_of(&symbol) else {
            return Err("is to what the object does not have");
        };
        let is_code = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Section);
        match name(target.name()) {
            _ if holds_code(&target) && !is_code => Err("is to code that is no function"),
            map if map.starts_with(".maps") && !symbol.name().is_ok_and(|it| maps.contains(it)) => {
                Err("is to no map")
            }
            _ => Ok(()),
        }
    }

    /// Types, and what instructions are of.
    fn check_types(&self) -> Result<(), Unsound> {
        let Ok(btf) = self.btf() else {
            // Without, nothing is read of it; the loader says what is wrong with one.
            return match self.file.section_by_name(".BTF") {
                None => Ok(()),
                Some(_) => Err(Unsound::Type(0)),
            };
        };
        btf.check().map_err(Unsound::Type)?;
        let Some(section) = self.file.section_by_name(".BTF.ext") else {
            return Ok(());
        };
        let bytes = section.data().unwrap_or_default();
        btf_ext::holds_together(bytes, btf.strings())
            .then_some(())
            .ok_or(Unsound::BtfExt)
    }

    fn section_of(&self, symbol: &Symbol<'_, '_>) -> Option<Section<'_, '_>> {
        self.file.section_by_index(symbol.section_index()?).ok()
    }
}

fn check_section(section: &Section<'_, '_>) -> Result<(), Unsound> {
    let name = name(section.name());
    if section.address() != 0 {
        return Err(Unsound::Address(name));
    }
    if name.starts_with("maps") {
        return Err(Unsound::UntypedMaps(name));
    }
    let size = section.size();
    if name.starts_with(".bss") && size > MAX_ZEROED {
        return Err(Unsound::Zeroed { name, size });
    }
    Ok(())
}

/// As the loader sees it: by the name, too.
fn holds_code(section: &Section<'_, '_>) -> bool {
    section.kind() == SectionKind::Text || name(section.name()).starts_with(".text")
}

fn name(name: object::Result<&str>) -> String {
    name.unwrap_or("without a name").to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Builder, Instruction};
    use crate::module::Catalogue;

    /// Bytes of an entry of a symbol table (`Elf64_Sym`), and where its size is in it.
    const ENTRY: u64 = 24;
    const SIZE: u64 = 16;

    /// An object whose function `f` takes the address of a global.
    fn object() -> Vec<u8> {
        let body = vec![
            Instruction::address("GLOBAL", 0),
            Instruction::result(0),
            Instruction::exit(),
        ];
        Builder::default()
            .global("GLOBAL", &[0; 8])
            .function("raw_tp/sched_switch", "f", body)
            .finish()
    }

    /// What is said of it where the symbol's size is another.
    fn with_size(symbol: &str, size: u64) -> Result<(), String> {
        let mut bytes = object();
        let object = Object::parse(&bytes).unwrap();
        let mut symbols = object.file.symbols();
        let index = symbols.find(|it| it.name() == Ok(symbol)).unwrap().index();
        let table = object.file.section_by_name(".symtab").unwrap();
        let at = table.file_range().unwrap().0 + index.0 as u64 * ENTRY + SIZE;
        let at = usize::try_from(at).unwrap();
        bytes[at..at + 8].copy_from_slice(&size.to_ne_bytes());
        let object = Object::parse(&bytes).unwrap();
        object.sound().map_err(|error| error.to_string())
    }

    #[test]
    fn what_compilers_write_is_sound() {
        Object::parse(&object()).unwrap().sound().unwrap();
        for module in Catalogue::builtin().unwrap().iter() {
            Object::parse(&module.object).unwrap().sound().unwrap();
        }
    }

    #[test]
    fn a_symbol_ends_within_its_section() {
        assert_eq!(with_size("GLOBAL", 8), Ok(()));
        for (symbol, size) in [("GLOBAL", 9), ("f", 40), ("f", u64::MAX)] {
            let error = with_size(symbol, size).unwrap_err();
            assert_eq!(error, format!("symbol {symbol} reaches beyond its section"));
        }
    }

    #[test]
    fn an_address_has_both_its_places_in_the_function() {
        let error = with_size("f", 8).unwrap_err();
        assert!(error.ends_with("reaches beyond its function"), "{error}");
        assert_eq!(with_size("f", 16), Ok(()));
    }
}
