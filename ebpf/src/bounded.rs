//! Arithmetic whose bounds every verifier follows.

use core::arch::asm;

/// `a + b`, by an addition. Where the two have no bits in common the compiler would make an
/// "or" of it, and the verifiers of 6.1 and before forget the bounds of what is or'ed with a
/// number that they do not know.
#[inline(always)]
pub fn sum(a: usize, b: usize) -> usize {
    let mut sum = a;
    // SAFETY: an addition of two registers.
    unsafe { asm!("{0} += {1}", inout(reg) sum, in(reg) b) };
    sum
}

/// The same number, in a register from here on. Where the compiler keeps a number on the stack
/// it may compare it in a register and load it anew to use it, and the verifiers of 6.1 and
/// before do not see that the two are one.
#[inline(always)]
pub fn held(number: usize) -> usize {
    let held: usize;
    // SAFETY: a copy of a register.
    unsafe { asm!("{0} = {1}", lateout(reg) held, in(reg) number) };
    held
}
