//! One load, one set of comparisons: the same on the host's kernel and in a guest.

pub mod block_errors;
pub mod block_io;
pub mod block_queues;
pub mod block_removal;
pub mod block_volumes;
pub mod cuda;
pub mod dma_fence;
pub mod gpu_scheduler;
pub mod libraries;
pub mod nvidia;
pub mod runqueue;
pub mod softirq;
pub mod tcp;
pub mod tcp_reasons;
