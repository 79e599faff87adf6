use std::fs::File;
use std::io::{self, Seek as _};

use object::elf::{ELFCLASS32, FileHeader32, FileHeader64, NT_GNU_BUILD_ID, PT_NOTE};
use object::read::elf::{FileHeader, ProgramHeader as _};
use object::{Endianness, ReadCache, ReadCacheOps, ReadRef as _};

use super::key::BuildId;

/// Program headers looked at; a library has about ten.
const MAX_PROGRAM_HEADERS: u16 = 128;
/// Bytes of a segment of notes that is read; a library has some dozens.
const MAX_NOTES: u64 = 64 << 10;
/// Where the identification says whether it is of 32 or 64 bits (`EI_CLASS`).
const CLASS: u64 = 4;

/// The build id of an ELF file of any machine, if it has one. Reads a few hundred bytes,
/// whatever size the file claims for its parts.
///
/// Errors if it is no ELF file, or cannot be read.
pub(super) fn read(file: &File) -> io::Result<Option<BuildId>> {
    let found = find(file);
    // Whoever gets the file reads it from its start.
    let mut file = file;
    file.rewind()?;
    found.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

pub(super) fn find(source: impl ReadCacheOps) -> object::Result<Option<BuildId>> {
    let data = &ReadCache::new(source);
    match data.read_at::<u8>(CLASS) {
        Ok(&ELFCLASS32) => of_class::<FileHeader32<Endianness>, _>(data),
        _ => of_class::<FileHeader64<Endianness>, _>(data),
    }
}

fn of_class<Elf: FileHeader<Endian = Endianness>, S: ReadCacheOps>(
    data: &ReadCache<S>,
) -> object::Result<Option<BuildId>> {
    let header = Elf::parse(data)?;
    let endian = header.endian()?;
    if header.e_phnum(endian) > MAX_PROGRAM_HEADERS {
        return Ok(None);
    }
    let segments = header.program_headers(endian, data)?;
    let mut notes = segments.iter().filter(|segment| {
        segment.p_type(endian) == PT_NOTE && segment.p_filesz(endian).into() <= MAX_NOTES
    });
    Ok(notes.find_map(|segment| {
        let mut notes = segment.notes(endian, data).ok()??;
        while let Ok(Some(note)) = notes.next() {
            if note.name() == b"GNU" && note.n_type(endian) == NT_GNU_BUILD_ID {
                return BuildId::new(note.desc());
            }
        }
        None
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    const HEADER: u64 = 64;
    const PROGRAM_HEADER: u64 = 56;

    /// An ELF file of 64 bits with one segment of notes that claims to be `size` long.
    fn elf(class: u8, segments: u16, size: u64, notes: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.extend([class, 1, 1]);
        bytes.resize(16, 0);
        bytes.extend(3_u16.to_le_bytes());
        bytes.extend(62_u16.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(HEADER.to_le_bytes());
        bytes.resize(52, 0);
        bytes.extend(64_u16.to_le_bytes());
        bytes.extend(56_u16.to_le_bytes());
        bytes.extend(segments.to_le_bytes());
        bytes.resize(64, 0);
        bytes.extend(PT_NOTE.to_le_bytes());
        bytes.extend(4_u32.to_le_bytes());
        for number in [HEADER + PROGRAM_HEADER, 0, 0, size, size, 4] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(notes);
        bytes
    }

    fn note(name: &[u8], kind: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap();
        for number in [length(name), length(content), kind] {
            bytes.extend(number.to_le_bytes());
        }
        for part in [name, content] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> io::Result<Option<BuildId>> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        read(&file)
    }

    #[test]
    fn it_is_found_among_other_notes() {
        let notes = [
            note(b"GNU\0", 5, b"properties"),
            note(b"Go\0", NT_GNU_BUILD_ID, b"another's"),
            note(b"GNU\0", NT_GNU_BUILD_ID, b"\x01\xab"),
        ]
        .concat();
        let file = elf(2, 1, notes.len() as u64, &notes);
        let found = read_bytes(&file).unwrap().unwrap();
        assert_eq!(found.to_string(), "01ab");
    }

    #[test]
    fn a_file_may_have_none() {
        assert_eq!(read_bytes(&elf(2, 1, 0, &[])).unwrap(), None);
        let long = note(b"GNU\0", NT_GNU_BUILD_ID, &[1; 65]);
        assert_eq!(
            read_bytes(&elf(2, 1, long.len() as u64, &long)).unwrap(),
            None
        );
    }

    #[test]
    fn sizes_that_a_file_only_claims_are_not_read() {
        let notes = note(b"GNU\0", NT_GNU_BUILD_ID, b"id");
        assert_eq!(read_bytes(&elf(2, 1, MAX_NOTES + 1, &notes)).unwrap(), None);
        assert_eq!(read_bytes(&elf(2, 1, u64::MAX, &notes)).unwrap(), None);
        assert_eq!(read_bytes(&elf(2, u16::MAX, 1, &notes)).unwrap(), None);
    }

    #[test]
    fn what_is_no_elf_file_is_an_error() {
        for bytes in [
            &b""[..],
            b"\x7fELF",
            b"/* GNU ld script */",
            &elf(7, 1, 0, &[]),
        ] {
            assert!(read_bytes(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_program_of_this_machine_has_the_one_that_its_tools_show() {
        let program = std::env::current_exe().unwrap();
        let Ok(output) = std::process::Command::new("readelf")
            .arg("-n")
            .arg(&program)
            .output()
        else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let shown = text.lines().find_map(|line| line.split_once("Build ID: "));
        let found = read(&File::open(program).unwrap()).unwrap();
        assert_eq!(
            found.map(|id| id.to_string()),
            shown.map(|(_, id)| id.to_owned())
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_file_makes_it_panic(
            at in 0_usize..160, bytes in proptest::collection::vec(any::<u8>(), 0..32)
        ) {
            let notes = note(b"GNU\0", NT_GNU_BUILD_ID, b"id");
            let mut file = elf(2, 1, notes.len() as u64, &notes);
            let end = (at + bytes.len()).min(file.len());
            file.splice(at.min(end)..end, bytes);
            let _ = read_bytes(&file);
        }
    }
}
