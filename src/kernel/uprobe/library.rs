use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use object::NativeEndian;
use object::elf::{PT_DYNAMIC, PT_LOAD, PT_NOTE, ProgramHeader64};

use super::elf::{ENDIAN, Segment, program_headers, read, section};
use super::symbols::{Function, Symbols};
use super::{BuildId, LibraryError, Placement, Source};

/// Bytes of a function that are searched for branches to its beginning. A larger function is
/// probed at its first instruction.
const MAX_FUNCTION: u64 = 256 << 10;
/// The same for a function whose size the library does not tell, as it is with assembly.
const UNSIZED_FUNCTION: u64 = 4 << 10;

/// A shared library, or an executable that is linked dynamically.
#[derive(Debug)]
pub struct Library<S = File> {
    source: S,
    segments: Vec<Segment>,
    symbols: Symbols,
    build_id: Option<BuildId>,
}

/// Where to put an entry probe, and for which of the names that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site<'names> {
    pub function: Function,
    pub placement: Placement,
    /// More than one where names share a function. In the order in which they were asked for.
    pub names: Vec<&'names str>,
}

impl Site<'_> {
    /// Where the probe goes, in bytes from the beginning of the file.
    pub fn offset(&self) -> u64 {
        self.function.offset + self.placement.offset
    }
}

impl Library<File> {
    /// Opens a library by its path, which may lead through `/proc/PID/root`.
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        // Whoever owns the path may have put a pipe there, which would wait for a writer.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(LibraryError::NotAFile);
        }
        Self::read(file)
    }
}

impl<S: Source> Library<S> {
    /// Reads what a library says of itself: some kilobytes, whatever its size.
    pub fn read(source: S) -> Result<Self, LibraryError> {
        let headers = program_headers(&source)?;
        let of_kind =
            |kind| move |header: &&ProgramHeader64<NativeEndian>| header.p_type.get(ENDIAN) == kind;
        let segments: Vec<_> = headers
            .iter()
            .filter(of_kind(PT_LOAD))
            .map(Segment::new)
            .collect::<Option<_>>()
            .ok_or(LibraryError::Damaged("a segment reaches beyond all bounds"))?;

        let dynamic = headers.iter().find(of_kind(PT_DYNAMIC));
        let dynamic = section(&source, dynamic.ok_or(LibraryError::NoSymbols)?)?;
        let symbols = Symbols::new(&dynamic)?;

        let mut notes = headers.iter().filter(of_kind(PT_NOTE));
        let build_id = notes.find_map(|header| {
            let notes = section(&source, header).ok()?;
            BuildId::among(&notes, header.p_align.get(ENDIAN))
        });
        Ok(Self {
            source,
            segments,
            symbols,
            build_id,
        })
    }

    /// What the library is read from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// None where the library was linked without.
    pub fn build_id(&self) -> Option<&BuildId> {
        self.build_id.as_ref()
    }

    /// The functions that the library exports by this name: none if it has none, and more than
    /// one if it has versions of it that differ. Not those of which it decides at run time what
    /// they are (`STT_GNU_IFUNC`), because their address is that of the decision.
    pub fn functions(&self, name: &str) -> Result<Vec<Function>, LibraryError> {
        self.symbols.functions(self, name)
    }

    /// Where in a function an entry probe goes.
    pub fn placement(&self, function: &Function) -> Result<Placement, LibraryError> {
        let Some((_, mapped)) = self.code_at(function.address) else {
            return Err(NOT_CODE);
        };
        let size = match function.size {
            0 => UNSIZED_FUNCTION,
            size => size,
        };
        let size = size.min(mapped);
        let readable = usize::try_from(size.min(MAX_FUNCTION)).unwrap_or(0);
        let mut code = vec![0; readable];
        self.read_at(&mut code, function.offset)?;
        Ok(if size > MAX_FUNCTION {
            Placement::at_entry(&code)
        } else {
            Placement::of(&code)
        })
    }

    /// Where to probe all the functions of these names, each function once. A name that the
    /// library does not export is in none of the sites.
    pub fn sites<'names>(
        &self,
        names: impl IntoIterator<Item = &'names str>,
    ) -> Result<Vec<Site<'names>>, LibraryError> {
        let mut known = BTreeMap::new();
        let mut sites: Vec<Site<'names>> = Vec::new();
        for name in names {
            for function in self.functions(name)? {
                let index = *known.entry(function.address).or_insert(sites.len());
                if let Some(site) = sites.get_mut(index) {
                    site.names.push(name);
                    continue;
                }
                sites.push(Site {
                    placement: self.placement(&function)?,
                    function,
                    names: vec![name],
                });
            }
        }
        Ok(sites)
    }

    /// Reads from a place in the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), LibraryError> {
        read(&self.source, buffer, offset)
    }

    /// Reads from an address of memory, as far as the file fills it.
    pub(super) fn read_address(&self, buffer: &mut [u8], address: u64) -> Result<(), LibraryError> {
        let length = buffer.len() as u64;
        let mut segments = self.segments.iter();
        let offset = segments.find_map(|segment| {
            let (offset, left) = segment.find(address)?;
            (left >= length).then_some(offset)
        });
        let offset = offset.ok_or(LibraryError::Damaged("an address lies outside the file"))?;
        self.read_at(buffer, offset)
    }

    /// Where in the file the code at an address is, and how many bytes of code there are from
    /// there on.
    pub(super) fn code_at(&self, address: u64) -> Option<(u64, u64)> {
        let mut code = self.segments.iter().filter(|segment| segment.executable);
        code.find_map(|segment| segment.find(address))
    }
}

pub(super) const NOT_CODE: LibraryError =
    LibraryError::Damaged("a function lies outside of what the file has of code");
