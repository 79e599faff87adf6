//! The kernel's own counters, read from `/proc` and tracefs.

pub mod disk;
pub mod kernel_log;
pub mod kprobe;
pub mod schedule;
pub mod softirq;
pub mod tcp;
pub mod tracepoint;
