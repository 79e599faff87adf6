//! Loads whose effect on the kernel's counters is known or can be read from it.

pub mod busy;
pub mod disk;
pub mod forks;
pub mod ring;
pub mod schedule;
pub mod tcp;
