//! The entry of a function in x86-64 code.

mod branches;
mod emulation;
#[cfg(test)]
mod tests;

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfo, InstructionInfoFactory,
    OpAccess, Register,
};

use super::{Execution, Placement};
use emulation::execution;

/// Bytes of the entry that are searched for a place.
const MAX_PATH: usize = 64;

/// What holds the arguments of a call by the System V ABI, and the stack pointer.
const UNTOUCHABLE: [Register; 7] = [
    Register::RSP,
    Register::RDI,
    Register::RSI,
    Register::RDX,
    Register::RCX,
    Register::R8,
    Register::R9,
];

/// A place on the straight line from the entry.
struct Candidate {
    offset: usize,
    execution: Execution,
}

/// Where to put the probe in a function with this code.
pub fn place(code: &[u8]) -> Placement {
    let candidates = candidates(code);
    // What every kernel emulates, or else what newer ones do: first what a search finds first.
    let chosen = [Execution::Emulated, Execution::LongNop]
        .into_iter()
        .find_map(|execution| {
            let of_kind = |each: &&Candidate| each.execution == execution;
            candidates.iter().find(of_kind).filter(|candidate| {
                candidate.offset == 0 || branches::none_into(code, candidate.offset)
            })
        });
    match chosen {
        Some(candidate) => Placement {
            offset: candidate.offset as u64,
            execution: candidate.execution,
        },
        None => Placement {
            offset: 0,
            execution: first_execution(code),
        },
    }
}

/// What becomes of a function's first instruction.
pub fn first_execution(code: &[u8]) -> Execution {
    let first = instructions(code).next();
    first.map_or(Execution::Stepped, |(_, bytes)| execution(bytes))
}

fn candidates(code: &[u8]) -> Vec<Candidate> {
    let mut info = InstructionInfoFactory::new();
    let mut candidates = Vec::new();
    let mut offset = 0;
    for (instruction, bytes) in instructions(code) {
        let execution = execution(bytes);
        // Older kernels that emulate a call forget the shadow stack (`shstk_push` in
        // `branch_emulate_op`): a process that has one would not survive the return.
        let avoided = offset > 0 && instruction.is_call_near();
        if execution != Execution::Stepped && !avoided {
            candidates.push(Candidate { offset, execution });
        }
        offset += bytes.len();
        if offset >= MAX_PATH || !leaves_call_intact(&instruction, info.info(&instruction)) {
            break;
        }
    }
    candidates
}

/// Whether behind the instruction all is still as the caller left it: the next instruction is
/// executed next, the arguments are in their registers, the stack pointer points to the return
/// address, and no memory has been written, of which it might be a part.
fn leaves_call_intact(instruction: &Instruction, info: &InstructionInfo) -> bool {
    let writes = |access| {
        matches!(
            access,
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        )
    };
    let mut registers = info.used_registers().iter();
    let mut memory = info.used_memory().iter();
    instruction.flow_control() == FlowControl::Next
        && !instruction.is_privileged()
        && !registers.any(|used| {
            writes(used.access()) && UNTOUCHABLE.contains(&used.register().full_register())
        })
        && !memory.any(|used| writes(used.access()))
}

/// Instructions one after the other, each with its bytes, up to the first that is none. The
/// address of the first is 0.
fn instructions(code: &[u8]) -> impl Iterator<Item = (Instruction, &[u8])> {
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    std::iter::from_fn(move || {
        let start = decoder.position();
        let instruction = decoder.can_decode().then(|| decoder.decode())?;
        let bytes = code.get(start..decoder.position())?;
        (!instruction.is_invalid()).then_some((instruction, bytes))
    })
}
