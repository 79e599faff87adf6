//! What the attach cookie says of the function that was called.

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_get_attach_cookie;
use aya_ebpf::programs::ProbeContext;
use geophone_ebpf::declare;
use geophone_ebpf::registers::function_argument;

declare! {
    // A kernel before 5.15 does not have the helper, and the programs are not loaded.
    COOKIE_HELPER = "enumerator bpf_func_id.BPF_FUNC_get_attach_cookie";
}

/// The bytes of a cookie, lowest first, as the manifest's `[[calls]]` give them.
#[derive(Clone, Copy)]
pub struct Call(u64);

impl Call {
    /// # Safety
    ///
    /// `context` is the program's own.
    #[inline(always)]
    pub unsafe fn of(context: *mut c_void) -> Self {
        if COOKIE_HELPER.get() == 0 {
            return Self(0);
        }
        // SAFETY: the caller's.
        Self(unsafe { bpf_get_attach_cookie(context) })
    }

    /// Position in the label `operation`.
    #[inline(always)]
    pub fn operation(self) -> usize {
        (self.0 & 0xff) as usize
    }

    /// Whether the return is attached to as well.
    #[inline(always)]
    pub fn is_timed(self) -> bool {
        self.parameter(0) != 0
    }

    /// Position in the label `direction`, of calls that have a size.
    #[inline(always)]
    pub fn direction(self) -> usize {
        self.parameter(3) as usize
    }

    /// The size argument in bytes; zero where there is none.
    #[inline(always)]
    pub fn bytes(self, context: &ProbeContext) -> u64 {
        let Some(index) = (self.parameter(1) as u32).checked_sub(1) else {
            return 0;
        };
        // SAFETY: the program's own context.
        let size = unsafe { function_argument(context.as_ptr(), index) };
        size << (self.parameter(2) & 3)
    }

    #[inline(always)]
    fn parameter(self, index: u32) -> u64 {
        self.0 >> (8 + 8 * index) & 0xff
    }
}
