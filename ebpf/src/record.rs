//! The record of a classic tracepoint, as tracefs describes it: `struct trace_event_raw_…`.
//!
//! Read through the helper: the verifier refuses to load through a context pointer that was
//! added to, and the offsets are constants to it, but not to the compiler.

use core::ffi::c_void;

use crate::access::{Access as _, Copied};
use crate::declare::Declared;

/// A field of the record.
///
/// # Safety
///
/// `context` is the own context of a program at a tracepoint that has the field.
#[inline(always)]
pub unsafe fn field<T: Copy + Default, const N: usize>(
    context: *mut c_void,
    field: &Declared<T, N>,
) -> T {
    // SAFETY: the caller's.
    unsafe { Copied::read(field, context.cast()) }
}

/// Where the text of a `__data_loc` field lies: 16 bits of offset, below 16 of length.
///
/// # Safety
///
/// As [`field`].
#[inline(always)]
pub unsafe fn text<const N: usize>(context: *mut c_void, location: &Declared<u32, N>) -> *const u8 {
    // SAFETY: the caller's.
    let offset = unsafe { field(context, location) } & 0xffff;
    context.cast::<u8>().wrapping_add(offset as usize)
}
