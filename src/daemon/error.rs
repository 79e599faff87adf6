use std::io;

use thiserror::Error;

use crate::export::prometheus::EncodeError;
use crate::http::BindError;
use crate::service::SocketError;

/// Why the daemon cannot run at all. What keeps one module from running is in its report.
#[derive(Debug, Error)]
pub enum DaemonError {
    #[error(
        "missing {}: loading eBPF programs needs {}. Run it as root (sudo geophone), or as a \
         service with AmbientCapabilities={}",
        missing.join(" and "),
        if missing.len() == 1 { "it" } else { "them" },
        missing.join(" ")
    )]
    Privileges { missing: Vec<&'static str> },
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(
        "no module is enabled: enable one with --module.NAME or modules.NAME.enabled = true (geophone modules lists them)"
    )]
    NothingEnabled,
    #[error(
        "cannot start a thread or the event loop: {0}; raise TasksMax or the limit of processes"
    )]
    Runtime(io::Error),
    #[error("--run-statistics: {0}; run it as root (sudo geophone), or leave the flag out")]
    RunStatistics(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(
        "required, but not active: {}. The log says why, and geophone doctor what would help; with modules.NAME.enabled = \"auto\" a module may be missing",
        modules.join(", ")
    )]
    Required { modules: Vec<String> },
}
