//! Registers of the process, in programs at its functions, and of the kernel, in those at its
//! own: `struct pt_regs`, which on arm64 begins as `struct user_pt_regs`.
//!
//! The offsets are spelled in the instructions, for the reason given in [`crate::argument`].

use core::arch::asm;
use core::ffi::c_void;

/// Where registers are, in bytes from the beginning of the context. Arguments by the System V
/// ABI.
#[cfg(bpf_target_arch = "x86_64")]
mod layout {
    pub const ARGUMENTS: [usize; 6] = [112, 104, 96, 88, 72, 64];
    pub const RETURNED: usize = 80;
    pub const STACK_POINTER: usize = 152;
    /// A call puts it on the stack.
    pub const RETURN_ADDRESS: u64 = 8;
}

/// The same. Arguments by AAPCS64.
#[cfg(bpf_target_arch = "aarch64")]
mod layout {
    pub const ARGUMENTS: [usize; 6] = [0, 8, 16, 24, 32, 40];
    pub const RETURNED: usize = 0;
    pub const STACK_POINTER: usize = 248;
    /// A call leaves it in x30.
    pub const RETURN_ADDRESS: u64 = 0;
}

/// Bytes that a return takes off the stack.
pub use layout::RETURN_ADDRESS;

macro_rules! load {
    ($context:ident, $offset:expr) => {{
        let value: u64;
        // SAFETY: the caller's; inside `struct pt_regs`.
        unsafe {
            asm!(
                "{v} = *(u64 *)({c} + {offset})",
                v = out(reg) value,
                c = in(reg) $context,
                offset = const $offset,
            )
        };
        value
    }};
}

/// Argument `index` of the function, 0 to 5; zero for any other. At the entry.
///
/// # Safety
///
/// `context` is the own context of a program at a function.
#[inline(always)]
pub unsafe fn function_argument(context: *mut c_void, index: u32) -> u64 {
    match index {
        0 => load!(context, layout::ARGUMENTS[0]),
        1 => load!(context, layout::ARGUMENTS[1]),
        2 => load!(context, layout::ARGUMENTS[2]),
        3 => load!(context, layout::ARGUMENTS[3]),
        4 => load!(context, layout::ARGUMENTS[4]),
        5 => load!(context, layout::ARGUMENTS[5]),
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
    load!(context, layout::RETURNED)
}

/// The stack pointer.
///
/// # Safety
///
/// As [`function_argument`].
#[inline(always)]
pub unsafe fn stack_pointer(context: *mut c_void) -> u64 {
    load!(context, layout::STACK_POINTER)
}
