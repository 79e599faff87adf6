//! Where to push over OTLP, and what.

mod model;
mod names;
mod pairs;
mod read;
mod url;

pub use model::{Compression, Header, Otlp, OtlpEndpoint, OtlpProtocol};
pub(super) use names::{DEFAULT, endpoints};
pub(super) use pairs::check as check_pairs;
pub(super) use read::read;
