//! From maps to snapshot: one sweep at a time, shared by all who ask while it runs.

mod keyring;
mod metric;
mod population;
mod report;
mod running;
mod start;
mod state;
mod sweeper;

pub use report::{ModuleReport, ModuleState, ProgramReport};
pub use running::RunningModule;
pub use start::{StartError, plan, start};
pub use sweeper::{Extra, Pace, Sweeper};
