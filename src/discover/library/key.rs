use std::fmt;

/// Longest build id that is kept, in bytes; linkers make them of 8 to 32.
pub(super) const BUILD_ID_MAX: usize = 64;

/// Number of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    pub major: u32,
    pub minor: u32,
}

/// When an inode was created, by the clock of the file system: no two files that had the
/// same inode number one after the other agree in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Birth {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// What the linker calls the contents (note `NT_GNU_BUILD_ID`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId(Box<[u8]>);

/// One file of a library: what is one inode to the kernel, to which uprobes are attached,
/// is one key, under whatever names and mounts it is seen.
///
/// The numbers are those under which it was first found. On overlayfs, where each container
/// gives the same file another device, that says nothing of the ones found later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// As stat(2) gives it.
    pub device: Device,
    pub inode: u64,
    /// Absent where the file system does not keep it.
    pub birth: Option<Birth>,
    /// Absent where the linker left it out.
    pub build_id: Option<BuildId>,
}

impl BuildId {
    /// None if there are no bytes, or too many.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        (1..=BUILD_ID_MAX)
            .contains(&bytes.len())
            .then(|| Self(bytes.into()))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Device {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.major, self.minor)
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for BuildId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} on {}", self.inode, self.device)?;
        match &self.build_id {
            Some(build_id) => write!(out, ", build {build_id}"),
            None => Ok(()),
        }
    }
}
