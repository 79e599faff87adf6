use object::elf::{
    DT_GNU_HASH, DT_HASH, DT_NULL, DT_STRSZ, DT_STRTAB, DT_SYMENT, DT_SYMTAB, Dyn64, GnuHashHeader,
    HashHeader, SHN_UNDEF, STT_FUNC, Sym64, gnu_hash, hash,
};
use object::{NativeEndian, U32};

use super::elf::{ENDIAN, record, records};
use super::library::NOT_CODE;
use super::{Library, LibraryError, Source};

/// Symbols that are looked at for one name. Linkers make chains of a few.
const MAX_CHAIN: u32 = 1024;
/// Functions of one name. A version for each change of an interface makes a few.
const MAX_VERSIONS: usize = 16;

/// Bytes of an entry of a hash table.
const WORD: usize = size_of::<u32>();

/// A function that a library exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// In the library's own address space, as `readelf` and `objdump` show it.
    pub address: u64,
    /// Where it begins, in bytes from the beginning of the file.
    pub offset: u64,
    /// In bytes; 0 where the library does not tell.
    pub size: u64,
}

/// Where the dynamic symbols and their names are: what the dynamic linker goes by, which
/// remains when the section headers are stripped.
#[derive(Debug)]
pub(super) struct Symbols {
    table: u64,
    names: u64,
    names_size: u64,
    hash: Hash,
}

/// A hash table's address, by its kind.
#[derive(Debug, Clone, Copy)]
enum Hash {
    Gnu(u64),
    /// The older kind, that of the System V ABI.
    SystemV(u64),
}

impl Symbols {
    /// Reads a dynamic section.
    pub fn new(dynamic: &[u8]) -> Result<Self, LibraryError> {
        let entries = records::<Dyn64<NativeEndian>>(dynamic)?;
        let value = |tag| {
            let mut entries = entries
                .iter()
                .take_while(|entry| entry.d_tag.get(ENDIAN) != DT_NULL);
            let entry = entries.find(|entry| entry.d_tag.get(ENDIAN) == tag)?;
            Some(entry.d_val.get(ENDIAN))
        };
        let gnu = value(DT_GNU_HASH).map(Hash::Gnu);
        let hash = gnu.or_else(|| value(DT_HASH).map(Hash::SystemV));
        let found = hash.and_then(|hash| {
            Some(Self {
                table: value(DT_SYMTAB)?,
                names: value(DT_STRTAB)?,
                names_size: value(DT_STRSZ)?,
                hash,
            })
        });
        let size = size_of::<Sym64<NativeEndian>>() as u64;
        if value(DT_SYMENT).is_some_and(|entry| entry != size) {
            return Err(LibraryError::Damaged("its symbols have an unknown size"));
        }
        found.ok_or(LibraryError::NoSymbols)
    }

    /// The functions of that name, each once.
    pub fn functions<S: Source>(
        &self,
        library: &Library<S>,
        name: &str,
    ) -> Result<Vec<Function>, LibraryError> {
        if name.is_empty() || name.contains('\0') {
            return Ok(Vec::new());
        }
        let mut lookup = Lookup {
            library,
            symbols: self,
            name: name.as_bytes(),
            found: Vec::new(),
        };
        match self.hash {
            Hash::Gnu(address) => lookup.by_gnu_hash(address)?,
            Hash::SystemV(address) => lookup.by_hash(address)?,
        }
        Ok(lookup.found)
    }
}

/// The search for one name.
struct Lookup<'a, S> {
    library: &'a Library<S>,
    symbols: &'a Symbols,
    name: &'a [u8],
    found: Vec<Function>,
}

impl<S: Source> Lookup<'_, S> {
    /// The chains of this table have the hash of each symbol, with the lowest bit set in the
    /// last of a chain.
    fn by_gnu_hash(&mut self, table: u64) -> Result<(), LibraryError> {
        let mut bytes = [0; size_of::<GnuHashHeader<NativeEndian>>()];
        self.library.read_address(&mut bytes, table)?;
        let header: &GnuHashHeader<NativeEndian> = record(&bytes)?;
        let (buckets, base) = (
            header.bucket_count.get(ENDIAN),
            header.symbol_base.get(ENDIAN),
        );
        let bloom = u64::from(header.bloom_count.get(ENDIAN)) * size_of::<u64>() as u64;
        let hash = gnu_hash(self.name);
        let Some(bucket) = hash.checked_rem(buckets) else {
            return Ok(());
        };
        let first = offset(table, bytes.len() as u64 + bloom)?;
        let mut index = self.word(first, bucket)?;
        if index == 0 {
            return Ok(());
        }
        let chains = offset(first, u64::from(buckets) * WORD as u64)?;
        for _ in 0..MAX_CHAIN {
            let place = index.checked_sub(base).ok_or(BAD_HASH)?;
            let value = self.word(chains, place)?;
            if value | 1 == hash | 1 {
                self.compare(index)?;
            }
            if value & 1 == 1 {
                return Ok(());
            }
            index = index.checked_add(1).ok_or(BAD_HASH)?;
        }
        Err(BAD_HASH)
    }

    /// The chains of this table have the index of the next symbol, and 0 in the last.
    fn by_hash(&mut self, table: u64) -> Result<(), LibraryError> {
        let mut bytes = [0; size_of::<HashHeader<NativeEndian>>()];
        self.library.read_address(&mut bytes, table)?;
        let header: &HashHeader<NativeEndian> = record(&bytes)?;
        let buckets = header.bucket_count.get(ENDIAN);
        let Some(bucket) = hash(self.name).checked_rem(buckets) else {
            return Ok(());
        };
        let first = offset(table, bytes.len() as u64)?;
        let chains = offset(first, u64::from(buckets) * WORD as u64)?;
        let mut index = self.word(first, bucket)?;
        for _ in 0..MAX_CHAIN {
            if index == 0 {
                return Ok(());
            }
            self.compare(index)?;
            index = self.word(chains, index)?;
        }
        Err(BAD_HASH)
    }

    /// Keeps a symbol that is a function of the name.
    fn compare(&mut self, index: u32) -> Result<(), LibraryError> {
        let mut bytes = [0; size_of::<Sym64<NativeEndian>>()];
        let place = u64::from(index) * bytes.len() as u64;
        let address = offset(self.symbols.table, place)?;
        self.library.read_address(&mut bytes, address)?;
        let symbol: &Sym64<NativeEndian> = record(&bytes)?;
        let defined = symbol.st_shndx.get(ENDIAN) != SHN_UNDEF;
        if symbol.st_type() != STT_FUNC || !defined || !self.is_named(symbol)? {
            return Ok(());
        }
        let address = symbol.st_value.get(ENDIAN);
        let (offset, _) = self.library.code_at(address).ok_or(NOT_CODE)?;
        let known = self.found.iter().any(|each| each.address == address);
        if !known && self.found.len() == MAX_VERSIONS {
            return Err(LibraryError::Damaged("a function has too many versions"));
        }
        if !known {
            self.found.push(Function {
                address,
                offset,
                size: symbol.st_size.get(ENDIAN),
            });
        }
        Ok(())
    }

    fn is_named(&mut self, symbol: &Sym64<NativeEndian>) -> Result<bool, LibraryError> {
        let at = u64::from(symbol.st_name.get(ENDIAN));
        let mut bytes = vec![0; self.name.len() + 1];
        if offset(at, bytes.len() as u64)? > self.symbols.names_size {
            return Ok(false);
        }
        let address = offset(self.symbols.names, at)?;
        self.library.read_address(&mut bytes, address)?;
        Ok(bytes.split_last() == Some((&0, self.name)))
    }

    /// A word of a table.
    fn word(&self, table: u64, index: u32) -> Result<u32, LibraryError> {
        let mut bytes = [0; WORD];
        let address = offset(table, u64::from(index) * WORD as u64)?;
        self.library.read_address(&mut bytes, address)?;
        record::<U32<NativeEndian>>(&bytes).map(|word| word.get(ENDIAN))
    }
}

const BAD_HASH: LibraryError = LibraryError::Damaged("its table of symbols has no end");

fn offset(base: u64, more: u64) -> Result<u64, LibraryError> {
    base.checked_add(more)
        .ok_or(LibraryError::Damaged("an address lies beyond all bounds"))
}
