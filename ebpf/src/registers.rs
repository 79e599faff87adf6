//! Registers of the process, in programs at its functions: `struct pt_regs` of x86-64.
//!
//! The offsets are spelled in the instructions, for the reason given in [`crate::argument`].

use core::arch::asm;
use core::ffi::c_void;

macro_rules! load {
    ($context:ident, $offset:literal) => {{
        let value: u64;
        // SAFETY: the caller's; inside `struct pt_regs`.
        unsafe {
            asm!(
                concat!("{v} = *(u64 *)({c} + ", $offset, ")"),
                v = out(reg) value,
                c = in(reg) $context,
            )
        };
        value
    }};
}

/// Argument `index` of the function, 0 to 5 (System V ABI); zero for any other. At the entry.
///
/// # Safety
///
/// `context` is the own context of a program at a function of user space.
#[inline(always)]
pub unsafe fn function_argument(context: *mut c_void, index: u32) -> u64 {
    match index {
        0 => load!(context, 112),
        1 => load!(context, 104),
        2 => load!(context, 96),
        3 => load!(context, 88),
        4 => load!(context, 72),
        5 => load!(context, 64),
        _ => 0,
    }
}

/// What the function returned. At its return.
///
/// # Safety
///
/// As [`function_argument`].
#[inline(always)]
pub unsafe fn returned(context: *mut c_void) -> u64 {
    load!(context, 80)
}

/// The stack pointer.
///
/// # Safety
///
/// As [`function_argument`].
#[inline(always)]
pub unsafe fn stack_pointer(context: *mut c_void) -> u64 {
    load!(context, 152)
}
