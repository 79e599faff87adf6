//! The inside of a machine of `vm-test`: its first process, and its tests.

mod attachments;
mod boot;
mod checks;
mod drivers;
pub mod report;
mod service;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use clap::ValueEnum;

/// Where the daemon listens.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10435);

#[derive(clap::Args)]
pub struct Arguments {
    which: Which,
}

/// Which checks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    All,
    /// Of a machine that another is compared with.
    AllAndFootprint,
    /// Of that other one, which may get many CPUs: the footprint, and what is summed over CPUs.
    OverCpus,
    /// Of a machine whose first process is systemd.
    Service,
}

impl Which {
    /// As it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::AllAndFootprint => "all-and-footprint",
            Self::OverCpus => "over-cpus",
            Self::Service => "service",
        }
    }
}

/// As the first process: sets the machine up, runs the tests in a process of their own,
/// and switches it off whatever happens. As any other: the tests.
pub fn run(arguments: &Arguments) -> Result<()> {
    if std::process::id() == 1 {
        boot::run(arguments.which)
    } else if arguments.which == Which::Service {
        service::run()
    } else {
        checks::run(arguments.which)
    }
}
