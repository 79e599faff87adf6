use iced_x86::OpKind;

use super::instructions;

/// How far before its target a branch with an offset of one byte can begin.
const SHORT: usize = 126;

/// Whether no branch of a function leads behind its first byte and up to `place`.
///
/// A probe at `place` would be hit again at each turn of a loop that begins there.
pub fn none_into(code: &[u8], place: usize) -> bool {
    !long_branch_into(code, place) && short_branch_into(code, place) == Some(false)
}

/// Looks at all bytes as if a branch with an offset of four bytes began there: what is between
/// the instructions of a function, such as a table, would throw a reader of one after the
/// other off, and hardly anything else looks like such a branch.
fn long_branch_into(code: &[u8], place: usize) -> bool {
    code.windows(6).enumerate().any(|(at, bytes)| {
        let &[first, second, ref offset @ ..] = bytes else {
            return false;
        };
        // call, jmp; jcc; xbegin
        let is_branch = matches!(
            (first, second),
            (_, 0xe8 | 0xe9) | (0x0f, 0x80..=0x8f) | (0xc7, 0xf8)
        );
        let offset = offset.first_chunk().copied().map_or(0, i32::from_le_bytes);
        let next = i64::try_from(at + 6).unwrap_or(i64::MAX);
        is_branch && is_into(next.saturating_add(offset.into()), place)
    })
}

/// Looks at the instructions from which a short branch can lead there. None where some bytes
/// are no instruction, so that those behind may be anything.
fn short_branch_into(code: &[u8], place: usize) -> Option<bool> {
    let mut end = 0;
    for (instruction, bytes) in instructions(code) {
        if end > place + SHORT {
            break;
        }
        end += bytes.len();
        // Addresses are counted from the beginning of the function.
        let target = instruction.near_branch_target().cast_signed();
        if instruction.op0_kind() == OpKind::NearBranch64 && is_into(target, place) {
            return Some(true);
        }
    }
    (end == code.len() || end > place + SHORT).then_some(false)
}

fn is_into(target: i64, place: usize) -> bool {
    usize::try_from(target).is_ok_and(|target| (1..=place).contains(&target))
}
