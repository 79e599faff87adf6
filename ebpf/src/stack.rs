//! A stack of its own for each run of a program that may be preempted.
//!
//! Since 6.13 a kprobe program, which is what those at functions of processes are, runs on a
//! stack of its CPU's where it needs 64 bytes or more (`bpf_enable_priv_stack()` in
//! kernel/bpf/verifier.c), as if it could not be interrupted by itself. At functions of
//! processes it can: another thread that gets the CPU writes over the keys that the first was
//! about to look up. Programs that have a tail call are left on the stack of the thread.

use core::arch::asm;

/// To be called once in a program, with what the verifier knows to be false: a comparison of
/// an option. The kernel looks for tail calls before it finds that this one is never made, and
/// takes it out afterwards.
#[inline(always)]
pub fn of_its_own(never: bool) {
    if never {
        // SAFETY: never executed. A helper call changes these registers.
        unsafe {
            asm!(
                "call 12",
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            );
        }
    }
}
