//! Declarations of kernel facts, resolved by the loader against the running kernel's BTF.
//!
//! Each is a read-only symbol whose initial bytes are an empty value and the request as
//! text. The loader finds the symbol, answers the request and writes the value; the text
//! stays behind it. A program whose relocations name a declaration that the kernel cannot
//! answer is not loaded, and nothing else is lost.

use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr;

/// A declaration as it lies in `.rodata`, of a member that is read as a `T`; of anything
/// else, `T` is `()`.
#[repr(C)]
pub struct Declared<T, const N: usize> {
    value: [u32; 2],
    request: [u8; N],
    read_as: PhantomData<fn() -> T>,
}

/// How many bytes [`Declared::new`] adds to a request: ` : 8`.
pub const fn size_suffix<T>() -> usize {
    if size_of::<T>() == 0 { 0 } else { 4 }
}

impl<T, const N: usize> Declared<T, N> {
    /// An unanswered request. The size of `T` (1 to 8) is asked for, too: a member that a
    /// kernel has widened must not be read in part.
    pub const fn new(request: &str) -> Self {
        let bytes = request.as_bytes();
        let mut text = [0; N];
        let mut at = 0;
        while at < bytes.len() {
            text[at] = bytes[at];
            at += 1;
        }
        if size_suffix::<T>() != 0 {
            text[at] = b' ';
            text[at + 1] = b':';
            text[at + 2] = b' ';
            text[at + 3] = b'0' + size_of::<T>() as u8;
        }
        Self {
            value: [0; 2],
            request: text,
            read_as: PhantomData,
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
    /// `base` is a kernel pointer that the verifier tracks with its BTF type.
    #[inline(always)]
    pub unsafe fn read(&self, base: *const u8) -> T
    where
        T: Copy,
    {
        // SAFETY: the caller's; a stale pointer reads as zero (the kernel's fault handler).
        unsafe { ptr::read_volatile(base.add(self.get() as usize).cast::<T>()) }
    }

    /// Reads the first bytes of the member at the answered offset.
    ///
    /// # Safety
    ///
    /// As [`Self::read`]; and the member is no smaller than `P`.
    #[inline(always)]
    pub unsafe fn read_part<P: Copy>(&self, base: *const u8) -> P {
        // SAFETY: the caller's; a stale pointer reads as zero (the kernel's fault handler).
        unsafe { ptr::read_volatile(base.add(self.get() as usize).cast::<P>()) }
    }

    /// The bit field at the answered place within its byte.
    #[inline(always)]
    pub fn bits(&self, byte: u8) -> u32 {
        let place = self.second();
        (u32::from(byte) >> (place & 0xff)) & ((1 << ((place >> 8) & 0xf)) - 1)
    }
}

/// Declares kernel facts: `declare! { PID: u32 = "field task_struct.pid"; }`. With a type, the
/// member must have its size.
///
/// The verbs, each with alternatives after ` | `:
///
/// | request | answer |
/// |---|---|
/// | `field STRUCT.MEMBER.MEMBER`, `… : SIZE` | byte offset of a member, of that size in bytes |
/// | `bitfield STRUCT.MEMBER` | byte offset, and shift and width in that byte |
/// | `size STRUCT.MEMBER` | size in bytes |
/// | `record CATEGORY/EVENT.FIELD`, `… : SIZE` | byte offset of a field in a classic tracepoint's record |
/// | `function NAME` | 1: the kernel has it |
/// | `argument TRACEPOINT TYPE [N]` | index of its Nth argument of that type |
/// | `enumerator ENUM.NAME`, `enumerator NAME` of an enumeration without a name | its value |
/// | `exists STRUCT.MEMBER`, `exists type T`, `exists enum E.V`, `exists tracepoint T`, `exists argument T TYPE` | 1 or 0 |
///
/// `optional` before `field`, `bitfield`, `record`, `argument` or `enumerator` makes a miss an answer.
#[macro_export]
macro_rules! declare {
    () => {};
    ($name:ident = $request:literal; $($rest:tt)*) => {
        $crate::declare! { $name: () = $request; $($rest)* }
    };
    ($name:ident: $type:ty = $request:literal; $($rest:tt)*) => {
        #[unsafe(no_mangle)]
        static $name: $crate::declare::Declared<
            $type,
            { $request.len() + $crate::declare::size_suffix::<$type>() },
        > = $crate::declare::Declared::new($request);
        $crate::declare! { $($rest)* }
    };
}
