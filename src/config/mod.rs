//! The configuration: defaults, then the file, then OpenTelemetry's variables, then
//! `GEOPHONE_*`, then flags.
//!
//! [`schema`] lists every key once, with type, bounds, default and text. The strict checks,
//! the command line, the environment's names and the reference file all come from that list.
//! Each layer is checked by itself, so that a mistake is found even where a later layer would
//! hide it; figment then merges what is left.

mod address;
mod check;
mod environment;
mod filter;
mod form;
mod layer;
mod list;
mod load;
mod model;
mod modules;
mod opentelemetry;
mod otlp;
mod overlap;
mod reference;
pub mod schema;
mod source;
mod wording;

pub use address::{Host, ListenAddress};
pub use filter::{Filter, Pattern};
pub use form::Form;
pub use load::{Draft, Loaded};
pub use model::{
    Config, Enabled, Exposition, Log, LogFormat, LogLevel, ModuleConfig, OptionValue, Statistics,
    Sweep, Web,
};
pub use otlp::{Compression, Header, Otlp, OtlpEndpoint, OtlpProtocol};
pub(crate) use reference::literal;
pub use reference::reference;
pub use source::{DEFAULT_FILE, FlagSetting, Overrides, Sources};

/// What is wrong in the configuration, and where it was written.
pub use crate::document::Problem as ConfigError;

#[cfg(test)]
mod tests;
