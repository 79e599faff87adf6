//! What the probes share: declarations of kernel facts, per-CPU records, histograms.
//!
//! Rules of this side: user space owns the keys, so a probe looks up and never inserts on a
//! hot path; a cell has one writing program, because a program that interrupts another on
//! the same CPU would otherwise lose an addition; a map lookup is paid once per event.

#![no_std]
#![feature(asm_experimental_arch)]

pub mod access;
pub mod argument;
pub mod attention;
pub mod bounded;
pub mod calls;
pub mod declare;
pub mod fence;
pub mod names;
pub mod observe;
pub mod options;
pub mod places;
pub mod record;
pub mod registers;
pub mod stack;
pub mod tally;

pub use geophone_histogram::Histogram;

/// Names the licence that the kernel asks for, and the panic handler that `no_std` asks for.
/// Panics are unreachable: the verifier would reject the endless loop.
#[macro_export]
macro_rules! probe_object {
    () => {
        #[unsafe(link_section = "license")]
        #[unsafe(no_mangle)]
        static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            loop {}
        }
    };
}
