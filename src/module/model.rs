use crate::document::Origin;
pub use crate::kernel::{Alternative, Attach};
use crate::snapshot::{Kind, OtlpName, Stability, Unit};

/// The read-only global that takes the resolution of a module's histograms.
pub const SCHEMA: &str = "SCHEMA";

/// A checked manifest: every name in it that refers to something refers to something there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: String,
    /// Where the name was written.
    pub origin: Origin,
    /// What the module measures, one line.
    pub summary: String,
    /// How much kernel memory its maps take, as a formula in words.
    pub memory: String,
    /// Capabilities that loading and attaching need, such as `CAP_BPF`.
    pub requires: Vec<String>,
    /// Kernel modules, as `/sys/module` names them, without any of which there is nothing to
    /// measure. Empty for a module that measures the kernel itself, or libraries.
    pub drivers: Vec<String>,
    /// Whether it runs where nobody says anything of it.
    pub on_by_default: bool,
    /// Default of the configuration key `max_series`.
    pub max_series: u32,
    pub options: Vec<ModuleOption>,
    pub programs: Vec<Program>,
    /// Shared libraries whose functions programs attach to.
    pub libraries: Vec<Library>,
    pub maps: Vec<Map>,
    pub metrics: Vec<Metric>,
}

/// A configuration key of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleOption {
    pub name: String,
    pub kind: OptionKind,
    /// The read-only global in the object that takes the value.
    pub global: Option<String>,
    pub help: String,
}

/// Type, default and range of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    Bool { default: bool },
    Integer { default: u64, min: u64, max: u64 },
}

/// One hook of the module, as users see it in the state metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub name: String,
    /// The option that must be true for it to be loaded.
    pub when: Option<String>,
    /// Whether the module lacks nothing where the kernel does not offer what it needs.
    pub optional: bool,
    /// In order of preference: the first that loads and attaches wins. Never empty.
    pub alternatives: Vec<Alternative>,
}

/// A shared library of which there may be any number of copies on a machine, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// What programs name as their target.
    pub name: String,
    /// File names, with `*` for any text: `libcuda.so.*`.
    pub files: Vec<String>,
    /// Directories to look into beside those of the loader's cache.
    pub places: Vec<String>,
    pub functions: Vec<Functions>,
    /// The bool option by which its users are called by their container or unit.
    pub short_names: Option<String>,
    /// The bool option by which each process that uses it is a workload of its own.
    pub per_process: Option<String>,
}

/// Functions of a library that the same programs attach to with the same cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Functions {
    /// Every one that the library exports is attached to.
    pub symbols: Vec<String>,
    pub programs: Vec<String>,
    /// What `bpf_get_attach_cookie()` gives the programs.
    pub cookie: u64,
}

/// A map of the object that user space sizes, fills or reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Symbol of the map in the object.
    pub name: String,
    /// The option that must be true for the map to be used; otherwise it is shrunk to one entry.
    pub when: Option<String>,
    pub kind: MapKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapKind {
    /// One record, without a key that means anything.
    Record,
    /// User space owns the entries. Keys are in the order of the key struct's fields.
    Keyed(Vec<Key>),
    /// The values of a discovered label by process, which user space keeps: a process id
    /// (u32) leads to the key (u32) of what the process belongs to.
    Members { label: String, max_entries: u32 },
    /// The numbers of names that programs have seen, which user space gives: a structure of
    /// names, one for each label, leads to the key (u32) of what is called so.
    Names {
        labels: Vec<String>,
        /// The map in which programs leave names that they did not find.
        candidates: String,
        max_entries: u32,
    },
    /// Counts of rare events, an entry for each combination of names: the program makes an
    /// entry at the first event, because that is the one that matters.
    Tally {
        labels: Vec<String>,
        /// One of them is `other`, for events that have none of their own.
        max_entries: u32,
    },
    /// What processes hold, an entry for each thing: the program makes the entries and takes
    /// them out again, user space takes out those of processes that have ended. The one key
    /// is a process or thread id (u32), and the label's value that of what the process belongs to.
    Held {
        keys: Vec<Key>,
        max_entries: u32,
        /// As of [`MapKind::Internal`].
        size_option: Option<String>,
    },
    /// What the programs remember between two events: an array whose places are free or have a
    /// key. User space counts those that have one, by the thing that the remembered is of: the
    /// one key's field is in the value.
    Places {
        keys: Vec<Key>,
        max_entries: u32,
        /// As of [`MapKind::Internal`].
        size_option: Option<String>,
    },
    /// Ids of processes that the programs want looked at: never exported.
    Attention { max_entries: u32 },
    /// The program's own working state: never exported.
    Internal {
        max_entries: u32,
        /// The integer option that overrides `max_entries`.
        size_option: Option<String>,
    },
}

/// One field of a map's key and the labels it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Member of the key struct; of [places](MapKind::Places), of what they remember.
    pub field: String,
    /// One, except of what is [seen](Discovery::Seen). Never empty.
    pub labels: Vec<String>,
    pub source: KeySource,
}

/// Which values a key field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Found on the machine, at most `max` at a time; what does not fit is counted in an
    /// `other` entry whose key is all ones.
    Discovered {
        discovery: Discovery,
        max: u32,
        /// Default of the configuration keys `<label>_include`; empty lets everything in.
        include: String,
        /// Default of the configuration keys `<label>_exclude`; empty leaves nothing out.
        exclude: String,
    },
    /// Known from the start: the value at index `i` is the key `i`.
    Values(Vec<String>),
}

/// What finds the values of a discovered key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discovery {
    /// Whole block devices by `dev_t`.
    BlockDevice,
    /// Partitions by `dev_t`.
    BlockPartition,
    /// Control groups (v2) by id.
    Cgroup,
    /// Groups of processes that map a library of the module: the control group's name, or
    /// that of the command outside one. Numbered as they are found.
    Workload,
    /// What the programs tell by its names. Numbered as they are seen, by way of a map of
    /// [names](MapKind::Names).
    Seen,
}

/// How one metric comes out of one field of a map's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Full Prometheus name.
    pub name: String,
    /// Where the name was written.
    pub origin: Origin,
    pub kind: Kind,
    /// Unit of the samples. Probes count nanoseconds for [`Unit::Seconds`].
    pub unit: Unit,
    pub help: String,
    pub map: String,
    /// Member of the map's value struct, or a path of members such as `size.sum`.
    pub field: String,
    /// Exported only while all of these are attached. Never empty.
    pub programs: Vec<String>,
    /// The option that must be true for it to be exported.
    pub when: Option<String>,
    /// One tick of a histogram is `2^tick_exponent` of the base unit.
    pub tick_exponent: i32,
    /// Powers of two of a histogram's first and last classic bucket edge.
    pub classic: (i32, i32),
    pub stability: Stability,
    pub otlp: OtlpName,
    /// The option that splits the series by the label `cpu`.
    pub per_cpu: Option<String>,
    /// Dimensions of an array field, outermost first.
    pub labels: Vec<Label>,
}

/// A label whose values are the indices of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub name: String,
    pub values: Vec<String>,
}
