use std::io;
use std::path::PathBuf;

/// Why type information could not be had or understood.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    #[error(
        "no kernel type information at {path}: sysfs is not mounted there, or the kernel was built \
         without CONFIG_DEBUG_INFO_BTF; boot one that has it, or name a BTF file for this kernel \
         with --btf"
    )]
    Absent { path: PathBuf },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: Box<BtfError>,
    },
    #[error(
        "{path} is of another kernel: it differs from {running}, this kernel's own, and probes \
         would read the wrong places in memory"
    )]
    OtherKernel { path: PathBuf, running: PathBuf },
    #[error("not BTF: the data does not begin with BTF's magic number 0xeB9F")]
    Magic,
    #[error("BTF of the other byte order; use one made for this machine")]
    ByteOrder,
    #[error("BTF version {0} is not known; version 1 is")]
    Version(u8),
    #[error("BTF is cut short: {what} reaches beyond the data")]
    Truncated { what: &'static str },
    #[error("BTF type {id} has the kind {kind}, which is newer than this program")]
    Kind { id: u32, kind: u32 },
    #[error("BTF has no type {0}")]
    NoType(u32),
    #[error("BTF type {0} refers to itself, or nests deeper than any kernel's types do")]
    Depth(u32),
    #[error("{0}")]
    Loader(String),
}
