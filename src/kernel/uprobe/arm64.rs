//! The entry of a function in arm64 code.
//!
//! A probe goes to the first instruction. Behind it, `paciasp` may have signed the return
//! address, and a return probe that puts another in its place would end the process; and only
//! where there is an exclusive load before it could an instruction be within such a sequence,
//! which a trap breaks for ever.

use super::{Execution, Placement};

/// Where to put the probe in a function with this code.
pub fn place(code: &[u8]) -> Placement {
    let first = code.first_chunk().copied().map(u32::from_le_bytes);
    Placement {
        offset: 0,
        execution: first.map_or(Execution::Refused, execution),
    }
}

/// What the kernel does with an instruction under a probe, by `arm_probe_decode_insn` in
/// arch/arm64/kernel/probes/decode-insn.c and the masks in arch/arm64/include/asm/insn.h.
///
/// It simulates what counts from where the instruction is: branches, `adr`, `adrp`; newer ones
/// simulate a `nop`, too. Loads that count from there, those into vector registers included, it
/// refuses, or does what is not meant.
pub fn execution(instruction: u32) -> Execution {
    let is = |(mask, value): (u32, u32)| instruction & mask == value;
    let is_any = |list: &[(u32, u32)]| list.iter().copied().any(is);
    if is_any(&SIMULATED) {
        Execution::Emulated
    } else if is(HINT) {
        let number = instruction >> 5 & 0x7f;
        if STEPPED_HINTS.contains(&number) {
            Execution::Stepped
        } else {
            Execution::Refused
        }
    } else if is_any(&REFUSED) {
        Execution::Refused
    } else {
        Execution::Stepped
    }
}

/// Mask and value of `adr` and `adrp`; `b` and `bl`; `b.cond`; `cbz` and `cbnz`; `tbz` and
/// `tbnz`; `br`; `blr`; `ret`.
const SIMULATED: [(u32, u32); 8] = [
    (0x1f00_0000, 0x1000_0000),
    (0x7c00_0000, 0x1400_0000),
    (0xff00_0010, 0x5400_0000),
    (0x7e00_0000, 0x3400_0000),
    (0x7e00_0000, 0x3600_0000),
    (0xffff_fc1f, 0xd61f_0000),
    (0xffff_fc1f, 0xd63f_0000),
    (0xffff_fc1f, 0xd65f_0000),
];

/// `nop`, `bti` and the like.
const HINT: (u32, u32) = (0xffff_f01f, 0xd503_201f);

/// `nop`; `xpaclri`; `pacia1716`, `pacib1716`; `paciaz`, `paciasp`, `pacibz`, `pacibsp`;
/// `bti`, `bti c`, `bti j`, `bti jc`.
const STEPPED_HINTS: [u32; 12] = [0, 7, 8, 10, 24, 25, 26, 27, 32, 34, 36, 38];

/// Other branches to a register, with authentication; exceptions, such as `svc`; `msr` of an
/// immediate, of a register; `mrs` of `daif`; loads of a literal and `prfm` of one; exclusive loads and
/// stores, and `casp`.
const REFUSED: [(u32, u32); 7] = [
    (0xfe00_0000, 0xd600_0000),
    (0xff00_0000, 0xd400_0000),
    (0xfff8_f01f, 0xd500_401f),
    (0xfff0_0000, 0xd510_0000),
    (0xffff_ffe0, 0xd53b_4220),
    (0x3b00_0000, 0x1800_0000),
    (0x3f80_0000, 0x0800_0000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_what_the_kernel_makes_of_them() {
        use Execution::{Emulated, Refused, Stepped};
        for (instruction, name, expected) in [
            (0xd503_233f, "paciasp", Stepped),
            (0xd503_245f, "bti c", Stepped),
            (0xd503_201f, "nop", Stepped),
            (0xa9bf_7bfd, "stp x29, x30, [sp, #-16]!", Stepped),
            (0xd100_43ff, "sub sp, sp, #16", Stepped),
            (0xc8df_fc20, "ldar x0, [x1]", Stepped),
            (0xd503_3bbf, "dmb ish", Stepped),
            (0xf940_0010, "ldr x16, [x0]", Stepped),
            (0x3d80_07e0, "str q0, [sp, #16]", Stepped),
            (0x9000_0010, "adrp x16, .", Emulated),
            (0x1000_0000, "adr x0, .", Emulated),
            (0x1400_0000, "b .", Emulated),
            (0x9400_0000, "bl .", Emulated),
            (0x5400_0000, "b.eq .", Emulated),
            (0xb400_0000, "cbz x0, .", Emulated),
            (0x3500_0000, "cbnz w0, .", Emulated),
            (0x3600_0000, "tbz w0, #0, .", Emulated),
            (0xb700_0000, "tbnz x0, #32, .", Emulated),
            (0xd61f_0200, "br x16", Emulated),
            (0xd63f_0100, "blr x8", Emulated),
            (0xd65f_03c0, "ret", Emulated),
            (0xd65f_0bff, "retaa", Refused),
            (0xd61f_0a1f, "braaz x16", Refused),
            (0xd53b_d040, "mrs x0, tpidr_el0", Stepped),
            (0xd53b_4220, "mrs x0, daif", Refused),
            (0xd51b_d040, "msr tpidr_el0, x0", Refused),
            (0xd400_0001, "svc #0", Refused),
            (0xd420_0000, "brk #0", Refused),
            (0xd503_205f, "wfe", Refused),
            (0xd503_23bf, "autiasp", Refused),
            (0x5800_0000, "ldr x0, .", Refused),
            (0x9800_0000, "ldrsw x0, .", Refused),
            (0x5c00_0000, "ldr d0, .", Refused),
            (0xd800_0000, "prfm pldl1keep, .", Refused),
            (0xc85f_7c20, "ldxr x0, [x1]", Refused),
            (0xc802_7c20, "stxr w2, x0, [x1]", Refused),
        ] {
            assert_eq!(execution(instruction), expected, "{name}");
        }
    }

    #[test]
    fn a_probe_goes_to_the_first_instruction() {
        let code = [0xd503_233f_u32, 0x1400_0000].map(u32::to_le_bytes);
        let at = |execution| Placement {
            offset: 0,
            execution,
        };
        assert_eq!(place(code.as_flattened()), at(Execution::Stepped));
        assert_eq!(place(&[0x1f, 0x20, 0x03]), at(Execution::Refused));
    }
}
