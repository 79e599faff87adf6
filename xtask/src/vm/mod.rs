//! Virtual machines with kernels of Debian, in software emulation.

pub mod cpio;
pub mod image;
pub mod kernel;
pub mod machine;
pub mod modules;
