use std::fmt;

use serde::Serialize;

use crate::attach::Status;
use crate::kernel::{Program, ProgramState};

/// What became of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleReport {
    pub name: String,
    pub summary: String,
    pub state: ModuleState,
    /// Why it is not active; empty if it is.
    pub reason: String,
    pub programs: Vec<ProgramReport>,
    /// What of that which it measures cannot be told apart or found now, and why.
    pub losses: Vec<String>,
    /// Whether nothing was tried because no driver is loaded that it measures.
    #[serde(skip)]
    pub awaits_driver: bool,
}

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgramReport {
    pub name: String,
    /// `attached`, `waiting`, `unsupported`, `failed`, or `untried` where nothing was loaded.
    pub state: &'static str,
    /// How it is attached, such as `tp_btf/sched_switch`; empty if it is not.
    pub hook: String,
    /// Why it is not attached; empty if it is.
    pub reason: String,
    /// Better hooks that it is not attached to, and why not.
    pub passed_over: Vec<String>,
    /// Whether one of those should have worked.
    #[serde(skip)]
    pub fell_back: bool,
    /// Whether the module lacks nothing while it is unsupported.
    #[serde(skip)]
    pub optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModuleState {
    /// Every program is attached.
    Active,
    /// Programs are loaded, and attach once a library is found that they are for.
    Waiting,
    /// Some are; or what the module measures cannot all be found or told apart.
    Degraded,
    /// None is, though the kernel should allow it.
    Failed,
    /// None is, because the kernel lacks what they need.
    Unsupported,
    /// The configuration says so.
    Disabled,
    /// Nobody had the right to try. No state of a daemon that runs.
    Untried,
}

impl ModuleState {
    /// Those that a module of a running daemon can be in.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Waiting,
        Self::Degraded,
        Self::Failed,
        Self::Unsupported,
        Self::Disabled,
    ];

    /// Whether nothing keeps it from measuring what there is to be measured.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Active | Self::Waiting)
    }

    /// Whether anything is attached, or will be once there is something to attach to.
    pub fn measures(self) -> bool {
        matches!(self, Self::Active | Self::Waiting | Self::Degraded)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Unsupported => "unsupported",
            Self::Disabled => "disabled",
            Self::Untried => "untried",
        }
    }
}

impl fmt::Display for ModuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ModuleReport {
    /// The report of a module without any program loaded.
    pub fn idle(name: &str, summary: &str, state: ModuleState, reason: String) -> Self {
        let (name, summary) = (name.to_owned(), summary.to_owned());
        Self {
            name,
            summary,
            state,
            reason,
            programs: Vec::new(),
            losses: Vec::new(),
            awaits_driver: false,
        }
    }

    /// The report of a module of whose drivers none is loaded, which the reason says.
    pub fn without_driver(name: &str, summary: &str, reason: String) -> Self {
        Self {
            awaits_driver: true,
            ..Self::idle(name, summary, ModuleState::Unsupported, reason)
        }
    }

    /// The report of a loaded module.
    pub fn of(
        name: &str,
        summary: &str,
        programs: &[Program],
        libraries: &Status,
        losses: Vec<String>,
    ) -> Self {
        let report = |program| ProgramReport::of(program, libraries);
        let programs: Vec<ProgramReport> = programs.iter().map(report).collect();
        let is_needed = |it: &&ProgramReport| !it.optional || it.state != "unsupported";
        let needed = || programs.iter().filter(is_needed);
        let count = |state| needed().filter(|program| program.state == state).count();
        let state = match (count("attached"), count("waiting"), count("failed")) {
            (0, 0, 0) if !programs.is_empty() => ModuleState::Unsupported,
            (all, _, _) if all == needed().count() && losses.is_empty() => ModuleState::Active,
            (all, _, _) if all == needed().count() => ModuleState::Degraded,
            (attached, waiting, _) if attached + waiting == needed().count() => {
                ModuleState::Waiting
            }
            (0, 0, _) => ModuleState::Failed,
            _ => ModuleState::Degraded,
        };
        let reasons = programs.iter().filter(|program| !program.reason.is_empty());
        let reasons = reasons.map(|program| format!("{}: {}", program.name, program.reason));
        let reasons = reasons.chain(losses.iter().cloned());
        let reason = reasons.collect::<Vec<_>>().join("; ");
        Self {
            name: name.to_owned(),
            summary: summary.to_owned(),
            state,
            reason,
            programs,
            losses,
            awaits_driver: false,
        }
    }

    /// What the programs are attached to.
    pub fn hooks(&self) -> impl Iterator<Item = &str> {
        let hooks = self.programs.iter().map(|program| program.hook.as_str());
        hooks.filter(|hook| !hook.is_empty())
    }

    /// How many programs are attached, of how many.
    pub fn attached(&self) -> (usize, usize) {
        let attached = self
            .programs
            .iter()
            .filter(|program| program.state == "attached")
            .count();
        (attached, self.programs.len())
    }
}

impl ProgramReport {
    fn of(program: &Program, libraries: &Status) -> Self {
        let (state, hook, reason) = match &program.state {
            ProgramState::Attached(attached)
                if attached.is_at_library() && !libraries.is_attached(&program.name) =>
            {
                let reason = match libraries.lock().complaint.as_str() {
                    "" => "no library found that it is for".to_owned(),
                    complaint => complaint.to_owned(),
                };
                ("waiting", attached.hook.clone(), reason)
            }
            ProgramState::Attached(attached) => ("attached", attached.hook.clone(), String::new()),
            ProgramState::Unsupported { reason } => ("unsupported", String::new(), reason.clone()),
            ProgramState::Failed { reason } => ("failed", String::new(), reason.clone()),
        };
        Self {
            name: program.name.clone(),
            state,
            hook,
            reason,
            passed_over: program
                .passed_over
                .iter()
                .map(ToString::to_string)
                .collect(),
            fell_back: program.passed_over.iter().any(|each| !each.unsupported),
            optional: program.optional,
        }
    }
}
