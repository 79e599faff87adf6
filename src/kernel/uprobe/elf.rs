//! The parts of the ELF format that say where in a library something is.

use std::io;
use std::ops::Range;

use object::elf::{
    ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG, ET_DYN, ET_EXEC, FileHeader64, PF_X,
    ProgramHeader64,
};
use object::{NativeEndian, Pod, pod};

use super::{LibraryError, Source};

pub const ENDIAN: NativeEndian = NativeEndian;

/// Program headers that are read; a library has about ten.
const MAX_HEADERS: u16 = 256;
/// Bytes of notes and of the dynamic section that are read; a library has about 500 of each.
const MAX_SECTION: u64 = 64 << 10;

/// A part of the file that is mapped to memory.
#[derive(Debug)]
pub struct Segment {
    addresses: Range<u64>,
    offset: u64,
    pub executable: bool,
}

impl Segment {
    pub fn new(header: &ProgramHeader64<NativeEndian>) -> Option<Self> {
        let (start, size) = (header.p_vaddr.get(ENDIAN), header.p_filesz.get(ENDIAN));
        let offset = header.p_offset.get(ENDIAN);
        offset.checked_add(size)?;
        Some(Self {
            addresses: start..start.checked_add(size)?,
            offset,
            executable: header.p_flags.get(ENDIAN) & PF_X != 0,
        })
    }

    /// The place in the file of an address, and how many bytes the segment has from there on.
    pub fn find(&self, address: u64) -> Option<(u64, u64)> {
        let within = address.checked_sub(self.addresses.start)?;
        let left = self.addresses.end.checked_sub(address)?;
        (left > 0).then_some((self.offset + within, left))
    }
}

/// What the file is made of, if it is a library of this machine.
pub fn program_headers(
    source: &impl Source,
) -> Result<Vec<ProgramHeader64<NativeEndian>>, LibraryError> {
    let mut bytes = [0; size_of::<FileHeader64<NativeEndian>>()];
    match source.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(LibraryError::NotElf);
        }
        result => result?,
    }
    let header: &FileHeader64<NativeEndian> = record(&bytes)?;
    if header.e_ident.magic != ELFMAG {
        return Err(LibraryError::NotElf);
    }
    let byte_order = if cfg!(target_endian = "little") {
        ELFDATA2LSB
    } else {
        ELFDATA2MSB
    };
    let native = header.e_ident.class == ELFCLASS64
        && header.e_ident.data == byte_order
        && MACHINE.is_none_or(|machine| header.e_machine.get(ENDIAN) == machine);
    if !native {
        return Err(LibraryError::Foreign);
    }
    if !matches!(header.e_type.get(ENDIAN), ET_DYN | ET_EXEC) {
        return Err(LibraryError::NotElf);
    }
    let (count, size) = (header.e_phnum.get(ENDIAN), header.e_phentsize.get(ENDIAN));
    let expected = size_of::<ProgramHeader64<NativeEndian>>();
    if count > MAX_HEADERS || usize::from(size) != expected {
        return Err(LibraryError::Damaged(
            "its program headers are none that a linker writes",
        ));
    }
    let mut bytes = vec![0; usize::from(count) * expected];
    read(source, &mut bytes, header.e_phoff.get(ENDIAN))?;
    records(&bytes).map(<[_]>::to_vec)
}

/// The machine that libraries must be for; `e_machine`.
const MACHINE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(object::elf::EM_X86_64)
} else if cfg!(target_arch = "aarch64") {
    Some(object::elf::EM_AARCH64)
} else {
    None
};

/// What a header describes, as far as it is read.
pub fn section(
    source: &impl Source,
    header: &ProgramHeader64<NativeEndian>,
) -> Result<Vec<u8>, LibraryError> {
    let size = header.p_filesz.get(ENDIAN).min(MAX_SECTION);
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    read(source, &mut bytes, header.p_offset.get(ENDIAN))?;
    Ok(bytes)
}

/// Reads from a place in the file.
pub fn read(source: &impl Source, buffer: &mut [u8], offset: u64) -> Result<(), LibraryError> {
    match source.read_exact_at(buffer, offset) {
        // The system takes no offsets above the largest positive number.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput
            ) =>
        {
            Err(LibraryError::Damaged("it is shorter than it says"))
        }
        result => Ok(result?),
    }
}

/// The record at the beginning of some bytes.
pub fn record<T: Pod>(bytes: &[u8]) -> Result<&T, LibraryError> {
    let short = |()| LibraryError::Damaged("a record is cut short");
    pod::from_bytes(bytes)
        .map(|(record, _)| record)
        .map_err(short)
}

/// All whole records in some bytes.
pub fn records<T: Pod>(bytes: &[u8]) -> Result<&[T], LibraryError> {
    let short = |()| LibraryError::Damaged("a record is cut short");
    let count = bytes.len() / size_of::<T>();
    pod::slice_from_bytes(bytes, count)
        .map(|(records, _)| records)
        .map_err(short)
}
