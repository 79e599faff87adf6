//! `.BTF.ext`: which functions and lines an object's instructions are of (Documentation/bpf/btf.rst).
//! Only whether it holds together is asked here; the loader reads it.

/// A part of the section, by where the header says it is, and bytes that a record has at least.
const PARTS: [(usize, usize); 3] = [(8, 8), (16, 16), (24, 16)];

/// Bytes of the header with all three parts; older ones end before the last.
const HEADER: usize = 32;

/// Whether every record of every part is there, of a section that has a name among `strings`, and
/// in the order of the instructions.
pub(super) fn holds_together(bytes: &[u8], strings: &[u8]) -> bool {
    check(bytes, strings).is_some()
}

fn check(bytes: &[u8], strings: &[u8]) -> Option<()> {
    let length = number(bytes, 4)?;
    for (at, least) in PARTS {
        if length.min(HEADER) < at + 8 {
            break;
        }
        let (offset, size) = (number(bytes, at)?, number(bytes, at + 4)?);
        let start = length.checked_add(offset)?;
        let part = bytes.get(start..start.checked_add(size)?)?;
        if !part.is_empty() {
            check_part(part, least, strings)?;
        }
    }
    Some(())
}

fn check_part(part: &[u8], least: usize, strings: &[u8]) -> Option<()> {
    let record = Some(number(part, 0)?).filter(|record| *record >= least)?;
    let mut rest = part.get(4..)?;
    while !rest.is_empty() {
        let name = strings.get(number(rest, 0)?..)?;
        name.contains(&0).then_some(())?;
        let size = number(rest, 4)?.checked_mul(record)?;
        let (records, behind) = rest.get(8..)?.split_at_checked(size)?;
        let places = records.chunks_exact(record).map(|it| number(it, 0));
        places.is_sorted().then_some(())?;
        rest = behind;
    }
    Some(())
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_ne_bytes(*number)).ok()
}
