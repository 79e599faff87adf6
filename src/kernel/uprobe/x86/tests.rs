#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use Execution::{Emulated, LongNop, Stepped};

fn at(offset: u64, execution: Execution) -> Placement {
    Placement { offset, execution }
}

/// Bytes in hexadecimal.
fn code(text: &str) -> Vec<u8> {
    let byte = |digits| u8::from_str_radix(digits, 16).unwrap();
    text.split_whitespace().map(byte).collect()
}

const ENDBR64: &str = "f3 0f 1e fa";

#[test]
fn entries_of_real_libraries() {
    for (entry, expected) in [
        // libcuda: cmpl $0x321cba00, …(%rip); je; jmp *…(%rip); nopw; mov $4, %eax; ret
        (
            "81 3d 3e 93 8d 01 00 ba 1c 32 74 0c ff 25 c6 18 7e 01 66 0f 1f 44 00 00 b8 04 00 00 \
             00 c3",
            at(10, Emulated),
        ),
        // libcudart: push %rbp; mov %rsp, %rbp
        ("55 48 89 e5", at(0, Emulated)),
        // The loader of Level Zero: mov …(%rip), %rax; jmp *0x10(%rax)
        ("48 8b 05 11 22 33 00 ff 60 10", at(0, Stepped)),
        // A function of an instrumented library: endbr64; call; push %rbp
        ("f3 0f 1e fa e8 11 22 33 00 55", at(0, Stepped)),
    ] {
        assert_eq!(place(&code(entry)), expected, "{entry}");
    }
}

#[test]
fn a_call_is_taken_only_where_the_function_begins_with_it() {
    assert_eq!(place(&code("e8 11 22 33 00 55")), at(0, Emulated));
    assert_eq!(place(&code("31 c0 e8 11 22 33 00 55")), at(0, Stepped));
}

#[test]
fn what_every_kernel_emulates_is_better_than_a_long_nop() {
    let long = "0f 1f 44 00 00";
    let entry = |rest: &str| place(&code(&format!("{ENDBR64} {long} {rest}")));
    assert_eq!(entry("55"), at(9, Emulated));
    assert_eq!(entry("48 83 ec 08"), at(4, LongNop));
}

/// `endbr64; push %rbx` and what follows, which the caller gives.
fn pushing(rest: &[u8]) -> Vec<u8> {
    [code(ENDBR64).as_slice(), &[0x53], rest].concat()
}

#[test]
fn a_branch_back_to_the_place_forbids_it() {
    let filler = |count| vec![0x90; count];
    // 125 is the farthest that a short branch reaches from.
    for distance in [0, 1, 100, 124, 125, 126, 500, 5000] {
        let from = 5 + distance;
        let short = i8::try_from(4 - (i64::try_from(from).unwrap() + 2));
        if let Ok(offset) = short {
            for opcode in [0xeb, 0x75, 0xe3] {
                let branch = [opcode, offset.cast_unsigned()];
                let code = pushing(&[filler(distance), branch.to_vec()].concat());
                assert_eq!(place(&code), at(0, Stepped), "{opcode:#x} over {distance}");
            }
        }
        for opcode in [&[0xe9][..], &[0xe8], &[0x0f, 0x84]] {
            let next = i32::try_from(from + opcode.len() + 4).unwrap();
            for target in [-1, 0, 1, 4, 5] {
                let offset = (target - next).to_le_bytes();
                let branch = [opcode, &offset].concat();
                let code = pushing(&[filler(distance), branch].concat());
                let expected = if (1..=4).contains(&target) {
                    at(0, Stepped)
                } else {
                    at(4, Emulated)
                };
                let what = format!("{opcode:x?} over {distance} to {target}");
                assert_eq!(place(&code), expected, "{what}");
            }
        }
    }
}

#[test]
fn constants_that_look_like_distances_do_not_forbid_it() {
    // mov $-1, %eax before the place; lea -0x90(%rbp), %rdi behind it, where it would lead to
    // the place if it were a branch.
    assert_eq!(
        place(&code("f3 0f 1e fa b8 ff ff ff ff 53")),
        at(9, Emulated)
    );
    let lea = [0x48, 0x8d, 0xbd, 0x70, 0xff, 0xff, 0xff];
    for filler in 120..160 {
        let rest = [vec![0x90; filler], lea.to_vec()].concat();
        assert_eq!(place(&pushing(&rest)), at(4, Emulated), "{filler}");
    }
}

#[test]
fn bytes_that_are_no_instruction_forbid_all_but_the_entry() {
    let unknown = [0x06];
    assert_eq!(place(&pushing(&unknown)), at(0, Stepped));
    let far = [vec![0x90; 200], unknown.to_vec()].concat();
    assert_eq!(place(&pushing(&far)), at(4, Emulated));
    assert_eq!(place(&[]), at(0, Stepped));
    assert_eq!(place(&code("0f")), at(0, Stepped));
    // Cut off in the middle of the branch that follows.
    assert_eq!(place(&pushing(&[0xeb])), at(0, Stepped));
}

#[test]
fn the_search_is_bounded() {
    let mut long = code("31 c0").repeat(32);
    long.push(0x53);
    assert_eq!(place(&long), at(0, Stepped));
    long.drain(..2);
    assert_eq!(place(&long), at(62, Emulated));
}

/// What an instruction is to the search, said without a decoder.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    /// Single-stepped, and leaves the call as it is.
    Harmless,
    /// The one-byte nop.
    Nop,
    LongNop,
    /// Emulated, but not to be passed.
    Last,
    /// Neither emulated nor to be passed.
    Barrier,
}

const INSTRUCTIONS: &[(Role, &str)] = &[
    (Role::Harmless, "f3 0f 1e fa"),                   // endbr64
    (Role::Harmless, "31 c0"),                         // xor %eax, %eax
    (Role::Harmless, "b8 ff ff ff ff"),                // mov $-1, %eax
    (Role::Harmless, "64 48 8b 04 25 28 00 00 00"),    // mov %fs:0x28, %rax
    (Role::Harmless, "81 3d 11 22 33 00 00 ba 1c 32"), // cmpl $…, …(%rip)
    (Role::Harmless, "48 85 ff"),                      // test %rdi, %rdi
    (Role::Harmless, "48 8d 47 08"),                   // lea 8(%rdi), %rax
    (Role::Harmless, "49 89 fa"),                      // mov %rdi, %r10
    (Role::Harmless, "48 8b 04 24"),                   // mov (%rsp), %rax
    (Role::Harmless, "48 89 fd"),                      // mov %rdi, %rbp
    (Role::Harmless, "0f 28 c1"),                      // movaps %xmm1, %xmm0
    (Role::Harmless, "c5 f8 77"),                      // vzeroupper
    (Role::Harmless, "62 f1 7c 48 28 c1"),             // vmovaps %zmm1, %zmm0
    (Role::Harmless, "f3 90"),                         // pause
    (Role::Harmless, "66 90"),                         // xchg %ax, %ax
    (Role::Harmless, "66 2e 0f 1f 84 00 00 00 00 00"), // cs nopw
    (Role::Harmless, "0f 1f c0"),                      // nop %eax
    (Role::Nop, "90"),
    (Role::LongNop, "0f 1f 00"),
    (Role::LongNop, "0f 1f 44 00 00"),
    (Role::LongNop, "66 0f 1f 44 00 00"),
    (Role::LongNop, "0f 1f 84 00 00 00 00 00"),
    (Role::Last, "53"),                   // push %rbx
    (Role::Last, "54"),                   // push %rsp
    (Role::Last, "41 57"),                // push %r15
    (Role::Last, "eb 7f"),                // jmp
    (Role::Last, "e9 11 22 33 00"),       // jmp
    (Role::Last, "74 7f"),                // je
    (Role::Last, "0f 85 11 22 33 00"),    // jne
    (Role::Barrier, "48 83 ec 08"),       // sub $8, %rsp
    (Role::Barrier, "48 8d 64 24 f8"),    // lea -8(%rsp), %rsp
    (Role::Barrier, "58"),                // pop %rax
    (Role::Barrier, "6a 01"),             // push $1
    (Role::Barrier, "66 53"),             // push %bx
    (Role::Barrier, "48 53"),             // rex.W push %rbx
    (Role::Barrier, "ff 35 11 22 33 00"), // push …(%rip)
    (Role::Barrier, "c8 10 00 00"),       // enter
    (Role::Barrier, "48 89 f7"),          // mov %rsi, %rdi
    (Role::Barrier, "31 d2"),             // xor %edx, %edx
    (Role::Barrier, "b1 01"),             // mov $1, %cl
    (Role::Barrier, "40 b6 01"),          // mov $1, %sil
    (Role::Barrier, "41 89 c1"),          // mov %eax, %r9d
    (Role::Barrier, "41 90"),             // xchg %eax, %r8d
    (Role::Barrier, "0f a2"),             // cpuid
    (Role::Barrier, "0f 31"),             // rdtsc
    (Role::Barrier, "f3 aa"),             // rep stos
    (Role::Barrier, "48 89 3c 24"),       // mov %rdi, (%rsp)
    (Role::Barrier, "48 89 7c 24 f8"),    // mov %rdi, -8(%rsp)
    (Role::Barrier, "ff 05 11 22 33 00"), // incl …(%rip)
    (Role::Barrier, "e2 7f"),             // loop
    (Role::Barrier, "ff e0"),             // jmp *%rax
    (Role::Barrier, "ff 25 11 22 33 00"), // jmp *…(%rip)
    (Role::Barrier, "3e ff e0"),          // notrack jmp *%rax
    (Role::Barrier, "ff d0"),             // call *%rax
    (Role::Barrier, "c3"),                // ret
    (Role::Barrier, "0f 05"),             // syscall
    (Role::Barrier, "cc"),                // int3
    (Role::Barrier, "0f 0b"),             // ud2
    (Role::Barrier, "f4"),                // hlt
];

/// What `place` should find, by the roles alone.
fn expected(instructions: &[(Role, &str)], branch_to: Option<usize>) -> Placement {
    let allowed = |offset| offset == 0 || !branch_to.is_some_and(|to| (1..=offset).contains(&to));
    let mut offset = 0;
    let (mut emulated, mut long) = (None, None);
    let mut first = Stepped;
    for (role, bytes) in instructions {
        let execution = match role {
            Role::Nop | Role::Last => Emulated,
            Role::LongNop => LongNop,
            Role::Harmless | Role::Barrier => Stepped,
        };
        if offset == 0 {
            first = execution;
        }
        match execution {
            Emulated => emulated = emulated.or(Some(offset)),
            LongNop => long = long.or(Some(offset)),
            Stepped | Execution::Refused => {}
        }
        offset += code(bytes).len();
        if matches!(role, Role::Last | Role::Barrier) || offset >= MAX_PATH {
            break;
        }
    }
    let chosen = [(emulated, Emulated), (long, LongNop)].map(|(offset, execution)| {
        let offset = offset.filter(|offset| allowed(*offset))?;
        Some(at(offset as u64, execution))
    });
    let [emulated, long] = chosen;
    emulated.or(long).unwrap_or(at(0, first))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn known_instructions_in_any_order(
        mut entry in prop::collection::vec(select(INSTRUCTIONS), 1..12),
        distance in 0..300_usize,
        branch in prop::option::of(any::<Index>()),
    ) {
        entry.push((Role::Barrier, "c3"));
        let mut bytes: Vec<u8> = entry.iter().flat_map(|(_, bytes)| code(bytes)).collect();
        bytes.extend(vec![0x90; distance]);
        let branch_to = branch.map(|index| index.index(80));
        if let Some(to) = branch_to {
            let next = i32::try_from(bytes.len() + 5).unwrap();
            bytes.push(0xe9);
            bytes.extend((i32::try_from(to).unwrap() - next).to_le_bytes());
        }
        prop_assert_eq!(place(&bytes), expected(&entry, branch_to));
    }

    #[test]
    fn whatever_the_bytes_are_the_place_is_on_the_straight_line(
        bytes in prop::collection::vec(
            prop_oneof![select(INSTRUCTIONS).prop_map(|(_, bytes)| code(bytes)),
                prop::collection::vec(any::<u8>(), 1..4)],
            0..40,
        ),
    ) {
        let bytes = bytes.concat();
        let Placement { offset, execution } = place(&bytes);
        let mut decoder = Decoder::new(64, &bytes, DecoderOptions::NONE);
        while decoder.position() < usize::try_from(offset).unwrap() {
            let instruction = decoder.decode();
            prop_assert!(!instruction.is_invalid());
            prop_assert_eq!(instruction.flow_control(), FlowControl::Next);
            prop_assert_eq!(instruction.stack_pointer_increment(), 0);
            // The destination of most instructions; the others are in the list above.
            if instruction.mnemonic() == iced_x86::Mnemonic::Mov {
                prop_assert!(!UNTOUCHABLE.contains(&instruction.op0_register().full_register()));
                prop_assert_ne!(instruction.op0_kind(), iced_x86::OpKind::Memory);
            }
        }
        prop_assert_eq!(decoder.position() as u64, offset);
        if offset > 0 {
            prop_assert_ne!(execution, Stepped);
        }
    }
}
