//! This process's own memory: its limit of locked memory, and what it can give back.

use std::io;

/// Limit of locked memory in bytes, soft and hard; none is unlimited. Kernels before 5.11
/// charge maps and programs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct MemoryLimit {
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// The limit as it is now.
pub fn memory_limit() -> io::Result<MemoryLimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let bytes = |value| (value != libc::RLIM_INFINITY).then_some(value);
    Ok(MemoryLimit {
        soft: bytes(limit.rlim_cur),
        hard: bytes(limit.rlim_max),
    })
}

/// Lifts the limit of locked memory, or raises it as far as it goes without privileges.
pub fn raise_memory_limit() {
    let unlimited = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    if set(unlimited) {
        return;
    }
    if let Ok(MemoryLimit {
        hard: Some(hard), ..
    }) = memory_limit()
    {
        set(libc::rlimit {
            rlim_cur: hard,
            rlim_max: hard,
        });
    }
}

fn set(limit: libc::rlimit) -> bool {
    // SAFETY: the kernel reads one rlimit.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) == 0 }
}

/// Has all threads share the memory of the main thread, if called before there are others.
/// Of memory that a thread has for itself, glibc would keep what [`release_memory`] is to give
/// back: of the kernel's type information some 10 MB.
pub fn share_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator sets a number of its own.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Hands freed memory back to the kernel, where the allocator would keep it: when the kernel's
/// type information is dropped. See [`share_memory`] for threads other than the main one.
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator trims its own free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
