//! What Geophone tells of itself: every metric that does not come from a module.

mod families;
mod process;
mod table;

pub use families::Families;
pub use process::process_families;
pub(crate) use table::*;
pub use table::{Own, TABLE};
