//! Names that only the kernel knows, such as those that drivers give, and their numbers.
//!
//! User space owns the keys: it finds the names it does not know yet in an array of
//! candidates, where a program leaves them, and gives each a number.

use aya_ebpf::btf_maps::{Array, HashMap};
use aya_ebpf::helpers::bpf_probe_read_kernel_str_bytes;

/// The number of what has none of its own.
pub const OTHER: u32 = u32::MAX;

/// A text of at most 31 bytes and zeros behind it; what is longer is cut.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Name(pub [u8; 32]);

impl Name {
    pub const EMPTY: Self = Self([0; 32]);

    /// `text`, of which what is beyond 31 bytes is cut.
    pub const fn of(text: &str) -> Self {
        let (text, mut name) = (text.as_bytes(), [0; 32]);
        let mut at = 0;
        while at < text.len() && at < name.len() - 1 {
            name[at] = text[at];
            at += 1;
        }
        Self(name)
    }

    /// `number` in digits; above eight of them it is 99999999.
    #[inline(always)]
    pub fn decimal(number: u32) -> Self {
        let mut left = if number > 99_999_999 {
            99_999_999
        } else {
            number
        };
        // From the last digit, which is to be in the highest byte. A number and not an array,
        // because older verifiers refuse to write to the stack at places they do not know.
        let mut text = 0;
        for _ in 0..8 {
            text = text << 8 | u64::from(b'0') + u64::from(left % 10);
            left /= 10;
            if left == 0 {
                break;
            }
        }
        let mut name = Self::EMPTY;
        name.0[..8].copy_from_slice(&text.to_le_bytes());
        name
    }

    /// Reads the text at `address`, which ends with a zero.
    #[inline(always)]
    pub fn read(&mut self, address: *const u8) {
        // SAFETY: the helper checks the address; what cannot be read leaves the name empty.
        let _ = unsafe { bpf_probe_read_kernel_str_bytes(address, &mut self.0) };
    }
}

/// Names that were not found.
#[repr(C)]
pub struct Candidate<N> {
    /// Of the names: of two CPUs that write at one moment neither may prevail.
    hash: u64,
    names: N,
}

/// A structure of [`Name`]s.
///
/// # Safety
///
/// It has nothing else in it, and is `WORDS` times 8 bytes.
pub unsafe trait Names<const WORDS: usize>: Copy {
    #[inline(always)]
    fn words(&self) -> &[u64; WORDS] {
        // SAFETY: so many words without padding, aligned as names are.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

/// The number of `names`, or [`OTHER`], in which case they are left among the `SLOTS`
/// candidates for user space to find.
#[inline(always)]
pub fn number<N: Names<WORDS>, const WORDS: usize, const SLOTS: usize>(
    names: &N,
    numbers: &'static HashMap<N, u32, 1>,
    candidates: &'static Array<Candidate<N>, SLOTS>,
) -> u32 {
    // SAFETY: a number, copied at once.
    if let Some(number) = unsafe { numbers.get(names) } {
        return *number;
    }
    let hash = geophone_names::hash(names.words());
    if let Some(slot) = candidates.get_ptr_mut(hash as u32 % SLOTS as u32) {
        // SAFETY: in the array.
        unsafe {
            (*slot).hash = hash;
            (*slot).names = *names;
        }
    }
    OTHER
}
