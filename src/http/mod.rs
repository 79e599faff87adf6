//! The web side: listeners, routes, content negotiation and the bounds that keep a daemon
//! with kernel privileges small and responsive whatever its clients do.

mod accept;
mod accept_encoding;
mod connection;
mod connections;
mod counters;
mod deadline;
mod filter;
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod handler;
mod limits;
mod listen;
mod media_range;
mod pages;
mod phase;
mod response;
mod routes;
mod scrape;
mod server;
mod source;
mod stop;

pub use counters::{Counters, descriptors};
pub use limits::Limits;
pub use listen::{BindError, Listeners};
pub use routes::{is_reserved, reserved};
pub use server::{Server, ServerConfig};
pub use source::{MapStatus, ModuleStatus, ProgramStatus, Source, Status};
