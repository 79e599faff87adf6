/// Where in a function an entry probe goes.
///
/// A probe is a breakpoint in place of an instruction, which the kernel has to execute
/// nevertheless. Some it emulates; the others it has the processor single-step elsewhere, with
/// a second trap, which on a virtual machine makes the probe about 30 times as expensive. So it
/// pays to probe the first instruction that is emulated, if a probe there sees what one at the
/// first instruction would: every call once, with its arguments in the registers and its return
/// address on top of the stack. The latter is also what a return probe needs, which can
/// therefore go to the same place.
///
/// Every instruction before the place must leave the stack pointer, the registers of arguments
/// and memory alone, and go on to the next; and no branch of the function may lead behind its
/// first instruction and up to the place. Seen are the branches within the function whose
/// target is in the instruction. A jump by a table to there would be seen as a call; compilers
/// make such tables for the cases of a switch, which come behind a branch.
///
/// On other architectures than x86-64 it is always the first instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// In bytes from the beginning of the function.
    pub offset: u64,
    pub execution: Execution,
}

/// What the kernel does with an instruction under a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// It emulates it: the probe is cheap.
    Emulated,
    /// It is a nop of several bytes, which newer kernels emulate and older ones single-step:
    /// the probe is cheap on the former.
    LongNop,
    /// It has the processor single-step it: the probe is expensive.
    Stepped,
    /// It takes no probe there. What it refuses on x86-64 is not told.
    Refused,
}

impl Placement {
    /// Where in a function with this code.
    #[cfg(target_arch = "x86_64")]
    pub fn of(code: &[u8]) -> Self {
        super::x86::place(code)
    }

    /// At the first instruction of a function whose code begins so.
    #[cfg(target_arch = "x86_64")]
    pub fn at_entry(code: &[u8]) -> Self {
        Self {
            offset: 0,
            execution: super::x86::first_execution(code),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub fn of(code: &[u8]) -> Self {
        Self::at_entry(code)
    }

    #[cfg(target_arch = "aarch64")]
    pub fn at_entry(code: &[u8]) -> Self {
        super::arm64::place(code)
    }

    #[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
    pub fn at_entry(_code: &[u8]) -> Self {
        Self {
            offset: 0,
            execution: Execution::Stepped,
        }
    }
}
