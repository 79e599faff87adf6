use std::io;

/// Why a library's functions cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    #[error("not a regular file: a probe needs the library itself")]
    NotAFile,
    #[error("not an ELF shared library or executable")]
    NotElf,
    #[error("built for another kind of machine: only 64-bit code of this one can be probed")]
    Foreign,
    #[error(
        "it has no dynamic symbols, as is the case with a statically linked executable: \
         its functions cannot be found by name"
    )]
    NoSymbols,
    #[error("damaged or forged: {0}; install the package again that it came with")]
    Damaged(&'static str),
}
