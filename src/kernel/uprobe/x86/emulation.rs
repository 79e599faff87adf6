use crate::kernel::uprobe::Execution;

/// What the kernel does with an instruction of these bytes under a probe.
///
/// It emulates what `branch_setup_xol_ops` and `push_setup_xol_ops` in
/// arch/x86/kernel/uprobes.c take: branches relative to the instruction, the nop of one byte
/// and pushes of a register; and in newer kernels the nops of two to eight bytes in `x86_nops`
/// (arch/x86/include/asm/nops.h).
///
/// Only forms without prefixes are recognised, but for the one that a push of a higher register
/// needs: the kernel refuses a probe on an instruction with the prefix of a segment, and on a
/// branch with 0x66, which older ones also do on the nop of two bytes; and it emulates `xchg`
/// of `%r8d` and `%eax` as if it were a nop, which the prefix makes of that instruction.
pub fn execution(instruction: &[u8]) -> Execution {
    match instruction {
        // nop, push; push of r8 to r15; jmp, jcc; call, jmp; jcc
        [0x90 | 0x50..=0x57]
        | [0x41, 0x50..=0x57]
        | [0xeb | 0x70..=0x7f, _]
        | [0xe8 | 0xe9, _, _, _, _]
        | [0x0f, 0x80..=0x8f, _, _, _, _] => Execution::Emulated,
        [0x0f, 0x1f, 0x00]
        | [0x0f, 0x1f, 0x40, 0]
        | [0x0f, 0x1f, 0x44, 0, 0]
        | [0x66, 0x0f, 0x1f, 0x44, 0, 0]
        | [0x0f, 0x1f, 0x80, 0, 0, 0, 0]
        | [0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0] => Execution::LongNop,
        _ => Execution::Stepped,
    }
}
