//! From maps to snapshot: one sweep at a time, shared by all who ask while it runs.

mod exchange;
mod foresee;
#[doc(hidden)]
pub mod fuzzing;
mod holdings;
mod keyring;
mod metric;
mod places;
mod plan;
mod population;
mod report;
mod roster;
mod running;
mod seen;
mod shared;
mod start;
mod state;
mod sweepable;
mod sweeper;
mod tally;
#[cfg(test)]
mod tests;
mod usage;

pub use exchange::Exchange;
pub use foresee::foresee;
pub use report::{ModuleReport, ModuleState, ProgramReport};
pub use running::RunningModule;
pub use start::{StartError, start, verify};
pub use sweepable::{Buffers, Sweepable};
pub use sweeper::{Extra, Pace, Sweeper};
