//! The machines that the daemon is built for.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// In the names of Debian's packages.
    pub fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// What Debian calls the directories of its libraries, and the tools that build for it.
    pub fn triplet(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// Takes symbols out of programs and modules.
    pub fn strip(self) -> String {
        format!("{}-strip", self.triplet())
    }
}
