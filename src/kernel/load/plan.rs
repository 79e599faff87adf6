use std::fmt;

/// What to load of an object, and how.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Read-only globals and their values: little-endian integers, which are shortened or
    /// extended to the global's width.
    pub globals: Vec<(String, Vec<u8>)>,
    /// Sizes of maps, in place of those the object asks for.
    pub map_entries: Vec<(String, u32)>,
    pub programs: Vec<ProgramPlan>,
    /// Takes this alternative of every program, or its last one, and no other. For tests.
    pub force_alternative: Option<usize>,
    /// Loads as on a kernel without attach cookies. For tests.
    pub without_cookies: bool,
}

/// A program, by its ways to be had.
#[derive(Debug, Clone)]
pub struct ProgramPlan {
    /// The name that users see.
    pub name: String,
    /// Whether nothing is lacking where the kernel does not offer what it needs.
    pub optional: bool,
    /// Best first: the first that loads and attaches is taken.
    pub alternatives: Vec<Alternative>,
}

/// A function of the object and the hook that it attaches to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alternative {
    pub function: String,
    pub attach: Attach,
    /// Tracepoint, `category/tracepoint`, kernel function or library, as the hook wants.
    pub target: String,
}

/// Kinds of hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attach {
    /// Tracepoint whose arguments the verifier knows by their BTF types.
    TpBtf,
    /// Tracepoint with its arguments as plain numbers.
    RawTp,
    /// Tracepoint with the record that tracefs describes.
    Tracepoint,
    /// Entry of a kernel function, by BTF.
    Fentry,
    /// Entry of a kernel function, by breakpoint.
    Kprobe,
    /// Entry of functions of a shared library.
    Uprobe,
    /// Return of functions of a shared library.
    Uretprobe,
}

impl Attach {
    /// Every kind of hook, with its name in manifests.
    pub const ALL: [(&'static str, Self); 7] = [
        ("tp_btf", Self::TpBtf),
        ("raw_tp", Self::RawTp),
        ("tracepoint", Self::Tracepoint),
        ("fentry", Self::Fentry),
        ("kprobe", Self::Kprobe),
        ("uprobe", Self::Uprobe),
        ("uretprobe", Self::Uretprobe),
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::RawTp => "raw_tp",
            Self::Tracepoint => "tracepoint",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Uprobe => "uprobe",
            Self::Uretprobe => "uretprobe",
        }
    }

    /// Whether the target is a library, of which copies come and go.
    pub fn is_at_library(self) -> bool {
        matches!(self, Self::Uprobe | Self::Uretprobe)
    }
}

impl fmt::Display for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Alternative {
    /// The hook as users read it, such as `tp_btf/sched_switch`.
    pub fn hook(&self) -> String {
        format!("{}/{}", self.attach, self.target)
    }
}

impl ProgramPlan {
    /// The alternatives to try, with their positions.
    pub(super) fn to_try(
        &self,
        forced: Option<usize>,
    ) -> impl Iterator<Item = (usize, &Alternative)> {
        let forced = forced.map(|index| index.min(self.alternatives.len().saturating_sub(1)));
        let all = self.alternatives.iter().enumerate();
        all.filter(move |(index, _)| forced.is_none_or(|forced| forced == *index))
    }
}
