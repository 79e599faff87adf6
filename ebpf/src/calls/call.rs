//! What the attach cookie says of the function that was called.

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_get_attach_cookie;
use aya_ebpf::programs::ProbeContext;

use crate::registers::function_argument;

/// The bytes of a cookie, lowest first, as the manifest's `[[libraries]]` give them.
#[derive(Clone, Copy)]
pub struct Call(pub u64);

/// What a call does with memory, by a number of the manifest's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Memory(u8);

impl Memory {
    /// Its address is written to where the first argument points.
    const ALLOCATED: Self = Self(1);
    /// As many rows as the fourth argument says, each as long as is written to where the
    /// second points.
    pub const PITCHED: Self = Self(2);
    /// The application's own, at the first argument.
    pub const REGISTERED: Self = Self(3);
    /// Known by a handle, which is written to where the first argument points.
    const CREATED: Self = Self(4);
    /// By its address, the first argument.
    const FREED: Self = Self(5);
    /// By its handle, the first argument.
    const RELEASED: Self = Self(6);

    #[inline(always)]
    pub fn is_any(self) -> bool {
        self.0 != 0
    }

    #[inline(always)]
    pub fn is_allocated(self) -> bool {
        self.0 >= Self::ALLOCATED.0 && self.0 <= Self::CREATED.0
    }

    #[inline(always)]
    pub fn is_freed(self) -> bool {
        self == Self::FREED || self == Self::RELEASED
    }

    #[inline(always)]
    pub fn is_handle(self) -> bool {
        self == Self::CREATED || self == Self::RELEASED
    }
}

impl Call {
    /// # Safety
    ///
    /// `context` is the program's own.
    #[inline(always)]
    pub unsafe fn of(context: *mut c_void) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { bpf_get_attach_cookie(context) })
    }

    /// Position in the label `operation`.
    #[inline(always)]
    pub fn operation(self) -> usize {
        self.byte(0)
    }

    /// Whether the return is attached to as well.
    #[inline(always)]
    pub fn is_timed(self) -> bool {
        self.byte(1) != 0
    }

    /// The size argument; zero where there is none.
    #[inline(always)]
    pub fn size(self, context: &ProbeContext) -> u64 {
        self.argument(2, context).unwrap_or(0)
    }

    /// Bytes of one of what the size counts, as a power of two.
    #[inline(always)]
    pub fn unit(self) -> u32 {
        (self.byte(3) & 3) as u32
    }

    /// Position in the label `direction`, of calls that move something.
    #[inline(always)]
    pub fn direction(self) -> u64 {
        self.byte(4) as u64
    }

    /// The argument that tells more of what is moved, if one does. An `int` or an
    /// enumeration: the upper half of its register may hold anything.
    #[inline(always)]
    pub fn qualifier(self, context: &ProbeContext) -> Option<u32> {
        Some(self.argument(7, context)? as u32)
    }

    #[inline(always)]
    pub fn memory(self) -> Memory {
        Memory(self.byte(5) as u8)
    }

    /// Position in the label `kind`, of calls that allocate.
    #[inline(always)]
    pub fn kind(self) -> usize {
        self.byte(6)
    }

    /// Where the memory is, or where its address will be.
    #[inline(always)]
    pub fn address(self, context: &ProbeContext) -> u64 {
        argument(context, 0)
    }

    /// Where the pitch of the memory will be.
    #[inline(always)]
    pub fn pitch(self, context: &ProbeContext) -> u64 {
        argument(context, 1)
    }

    /// The argument whose position, from 1, is a byte of the cookie.
    #[inline(always)]
    fn argument(self, byte: u32, context: &ProbeContext) -> Option<u64> {
        let index = (self.byte(byte) as u32).checked_sub(1)?;
        Some(argument(context, index))
    }

    #[inline(always)]
    fn byte(self, index: u32) -> usize {
        (self.0 >> (8 * index) & 0xff) as usize
    }
}

#[inline(always)]
fn argument(context: &ProbeContext, index: u32) -> u64 {
    // SAFETY: the program's own context.
    unsafe { function_argument(context.as_ptr(), index) }
}
