//! What Geophone's tests against a real kernel share: loads whose effect is known,
//! the kernel's own counters to hold the metrics against, and the daemon under test.
//!
//! Everything that is set up here (processes, loop devices, network namespaces) is
//! taken down when its value is dropped, so also when a test panics.

pub mod bracket;
pub mod client;
pub mod control_group;
pub mod cpus;
pub mod cuda;
pub mod daemon;
pub mod exposition;
pub mod kernel_module;
pub mod kernel_objects;
pub mod load;
pub mod loop_device;
pub mod mapped;
pub mod maps;
pub mod md;
pub mod memory_group;
pub mod mount;
pub mod network;
pub mod null_blk;
pub mod nvidia_test;
pub mod object;
pub mod open_files;
pub mod oracle;
pub mod privileges;
pub mod probe;
pub mod process;
pub mod promtool;
pub mod replica;
pub mod requirement;
pub mod scenario;
pub mod sched_test;
pub mod scsi_debug;
pub mod silent;
pub mod stub;
pub mod tool;
pub mod vgem;
pub mod wait;
