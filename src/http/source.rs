use serde::Serialize;

use crate::snapshot::SnapshotSource;

/// Where the server gets what it shows.
pub trait Source: SnapshotSource {
    /// Names of all known modules, running or not: what a scrape may ask for.
    fn modules(&self) -> Vec<String>;

    /// Whether the first sweep is done.
    fn ready(&self) -> bool;

    /// What runs, what does not, and why.
    fn status(&self) -> Status;
}

/// The state of the daemon, as the landing page and `/status` show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    pub version: String,
    pub modules: Vec<ModuleStatus>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModuleStatus {
    pub name: String,
    /// As in `geophone_module_state`.
    pub state: String,
    /// One line on what the module measures.
    pub summary: String,
    /// Why the module is not fully active.
    pub reason: Option<String>,
    pub programs: Vec<ProgramStatus>,
    pub maps: Vec<MapStatus>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProgramStatus {
    pub name: String,
    pub state: String,
    /// What it is attached to, such as `tp_btf/sched_switch`.
    pub hook: Option<String>,
    /// Why it is not attached.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MapStatus {
    pub name: String,
    /// Entries in use; none where the kernel does not say.
    pub entries: Option<u64>,
    pub capacity: u64,
    /// Kernel memory.
    pub bytes: u64,
}
