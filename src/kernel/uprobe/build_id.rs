use std::fmt;

use object::NativeEndian;
use object::elf::{ELF_NOTE_GNU, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::NoteIterator;

/// What the linker computed over a library's content: files with the same one are the same
/// library, wherever they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildId(Vec<u8>);

impl BuildId {
    /// Bytes of the longest; the usual ones have 20 (SHA-1) or 16.
    const MAX: usize = 64;

    /// The build id among the notes of a segment with this alignment.
    pub(super) fn among(notes: &[u8], alignment: u64) -> Option<Self> {
        let notes = NoteIterator::<FileHeader64<NativeEndian>>::new(NativeEndian, alignment, notes);
        // What is damaged ends the notes, and a library without a build id is none the worse.
        notes.ok()?.map_while(Result::ok).find_map(|note| {
            let is_one =
                note.n_type(NativeEndian) == NT_GNU_BUILD_ID && note.name() == ELF_NOTE_GNU;
            let fits = (1..=Self::MAX).contains(&note.desc().len());
            (is_one && fits).then(|| Self(note.desc().to_vec()))
        })
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// In hexadecimal, as `readelf` and the kernel's logs show it.
impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
