//! The kernel's own counters, read from `/proc` and tracefs.

pub mod disk;
pub mod schedule;
pub mod softirq;
pub mod tcp;
pub mod tracepoint;
