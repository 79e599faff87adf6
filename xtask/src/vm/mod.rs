//! Virtual machines with kernels of Debian, in software emulation.

pub mod build_root;
pub mod builds;
pub mod cpio;
pub mod drivers;
pub mod image;
pub mod kernel;
pub mod machine;
pub mod modules;
pub mod service;
pub mod system;
pub mod userland;
