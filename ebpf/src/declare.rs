//! Declarations of kernel facts, resolved by the loader against the running kernel's BTF.
//!
//! Each is a read-only symbol whose initial bytes are an empty value and the request as
//! text. The loader finds the symbol, answers the request and writes the value; the text
//! stays behind it. A program whose relocations name a declaration that the kernel cannot
//! answer is not loaded, and nothing else is lost.

use core::ptr;

/// A declaration as it lies in `.rodata`.
#[repr(C)]
pub struct Declared<const N: usize> {
    value: [u32; 2],
    request: [u8; N],
}

impl<const N: usize> Declared<N> {
    /// An unanswered request.
    pub const fn new(request: &str) -> Self {
        let bytes = request.as_bytes();
        let mut text = [0; N];
        let mut at = 0;
        while at < N {
            text[at] = bytes[at];
            at += 1;
        }
        Self {
            value: [0; 2],
            request: text,
        }
    }

    /// The answer: an offset, an index, a number or a truth value, as the request says.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        // SAFETY: in bounds; volatile because the loader writes it behind the compiler's back.
        unsafe { ptr::read_volatile(&raw const self.value[0]) }
    }

    /// The second word of the answer.
    #[inline(always)]
    fn second(&self) -> u32 {
        // SAFETY: as above.
        unsafe { ptr::read_volatile(&raw const self.value[1]) }
    }

    /// Whether an `optional` request was found.
    #[inline(always)]
    pub fn found(&self) -> bool {
        self.second() != 0
    }

    /// Whether an `exists` request holds.
    #[inline(always)]
    pub fn holds(&self) -> bool {
        self.get() != 0
    }

    /// Reads the member at the answered offset of the structure at `base`, directly: the
    /// verifier knows the type of `base` and the constant offset.
    ///
    /// # Safety
    ///
    /// `base` is a kernel pointer that the verifier tracks with its BTF type, and the member
    /// has the size of `T`.
    #[inline(always)]
    pub unsafe fn read<T: Copy>(&self, base: *const u8) -> T {
        // SAFETY: the caller's; a stale pointer reads as zero (the kernel's fault handler).
        unsafe { ptr::read_volatile(base.add(self.get() as usize).cast::<T>()) }
    }

    /// The bit field at the answered place within its byte.
    #[inline(always)]
    pub fn bits(&self, byte: u8) -> u32 {
        let place = self.second();
        (u32::from(byte) >> (place & 0xff)) & ((1 << ((place >> 8) & 0xf)) - 1)
    }
}

/// Declares a kernel fact: `declare!(LAST_QUEUED = "field task_struct.sched_info.last_queued");`
///
/// The verbs, each with alternatives after ` | `:
///
/// | request | answer |
/// |---|---|
/// | `field STRUCT.MEMBER.MEMBER` | byte offset |
/// | `bitfield STRUCT.MEMBER` | byte offset, and shift and width in that byte |
/// | `size STRUCT.MEMBER` | size in bytes |
/// | `argument TRACEPOINT TYPE [N]` | index of its Nth argument of that type |
/// | `enumerator ENUM.NAME` | its value |
/// | `exists STRUCT.MEMBER`, `exists type T`, `exists enum E.V`, `exists tracepoint T`, `exists argument T TYPE` | 1 or 0 |
///
/// `optional` before `field`, `bitfield`, `argument` or `enumerator` makes a miss an answer.
#[macro_export]
macro_rules! declare {
    ($($name:ident = $request:literal;)+) => {$(
        #[unsafe(no_mangle)]
        static $name: $crate::declare::Declared<{ $request.len() }> =
            $crate::declare::Declared::new($request);
    )+};
}
