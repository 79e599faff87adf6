//! Fences of the kernel (`struct dma_fence`).

use crate::access::Access;
use crate::declare;

declare! {
    DMA_FENCE_CONTEXT: u64 = "field dma_fence.context";
    DMA_FENCE_SEQNO: u64 = "field dma_fence.seqno";
    DMA_FENCE_ERROR: i32 = "field dma_fence.error";
}

/// What tells a fence from all others that are alive: the lower halves of its context and of
/// its number therein, which is all that records of tracepoints have of them. Nor would its
/// address do: on older kernels i915 makes a fence once and sends it many times, with another
/// number each time.
#[derive(Clone, Copy)]
pub struct Fence {
    pub context: u32,
    pub seqno: u32,
}

impl Fence {
    /// # Safety
    ///
    /// `fence` is the address of a fence, as `A` asks for it.
    #[inline(always)]
    pub unsafe fn of<A: Access>(fence: u64) -> Self {
        let fence = fence as *const u8;
        // SAFETY: the caller's.
        unsafe {
            Self {
                context: A::read(&DMA_FENCE_CONTEXT, fence) as u32,
                seqno: A::read(&DMA_FENCE_SEQNO, fence) as u32,
            }
        }
    }

    /// Never zero, which a fence that was not given a number yet would have.
    #[inline(always)]
    pub fn key(self) -> u64 {
        let key = u64::from(self.context) << 32 | u64::from(self.seqno);
        if key == 0 { u64::MAX } else { key }
    }

    #[inline(always)]
    pub fn hash(self) -> u32 {
        self.context.wrapping_mul(0x85eb_ca6b) ^ self.seqno
    }
}

/// Of a fence that has signaled, zero or a negative errno.
///
/// # Safety
///
/// As [`Fence::of`].
#[inline(always)]
pub unsafe fn error<A: Access>(fence: u64) -> i32 {
    // SAFETY: the caller's.
    unsafe { A::read(&DMA_FENCE_ERROR, fence as *const u8) }
}
