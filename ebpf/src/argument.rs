//! Arguments of BTF and raw tracepoints: an array of u64, the same on every architecture.

use core::arch::asm;
use core::ffi::c_void;

/// Reads argument `index` (0 to 4) of a tracepoint.
///
/// The offset is spelled in the instruction: the verifier refuses to read through a context
/// pointer that was added to, which is what the compiler makes of an index it does not know.
/// Only one of the branches survives where the index is a frozen constant.
///
/// # Safety
///
/// `context` is the program's own context, and the tracepoint has such an argument.
#[inline(always)]
pub unsafe fn argument(context: *mut c_void, index: u32) -> u64 {
    let value: u64;
    // SAFETY: the caller's; each load stays inside the argument array.
    unsafe {
        match index {
            0 => asm!("{v} = *(u64 *)({c} + 0)", v = out(reg) value, c = in(reg) context),
            1 => asm!("{v} = *(u64 *)({c} + 8)", v = out(reg) value, c = in(reg) context),
            2 => asm!("{v} = *(u64 *)({c} + 16)", v = out(reg) value, c = in(reg) context),
            3 => asm!("{v} = *(u64 *)({c} + 24)", v = out(reg) value, c = in(reg) context),
            _ => asm!("{v} = *(u64 *)({c} + 32)", v = out(reg) value, c = in(reg) context),
        }
    }
    value
}
