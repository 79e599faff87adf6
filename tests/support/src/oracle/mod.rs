//! The kernel's own counters, read from `/proc`.

pub mod disk;
pub mod schedule;
pub mod softirq;
pub mod tcp;
