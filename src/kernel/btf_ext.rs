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

#[cfg(test)]
mod tests {
    use super::*;

    const STRINGS: &[u8] = b"\0tp_btf\0";

    /// A section whose one part has these words: size of a record, name, number, records.
    fn section(words: &[u32]) -> Vec<u8> {
        let size = u32::try_from(words.len() * 4).unwrap_or_default();
        let header = [0x0001_eb9f, 24, 0, size, size, 0];
        let words = header.iter().chain(words);
        words.flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn every_record_is_there_and_in_order() {
        let holds = |words: &[u32]| holds_together(&section(words), STRINGS);
        assert!(holds(&[]));
        assert!(holds(&[8, 1, 2, 0, 7, 16, 7]));
        for (words, why) in [
            (&[8, 1, 3, 0, 7, 16, 7], "a record is missing"),
            (&[8, 1, u32::MAX, 0, 7, 16, 7], "more records than memory"),
            (&[8, 1, 2, 16, 7, 0, 7], "the second is before the first"),
            (&[8, 99, 2, 0, 7, 16, 7], "a section without a name"),
            (&[4, 1, 4, 0, 7, 16, 7], "records that are too short"),
            (&[0, 1, 9, 0, 7, 16, 7], "records of nothing"),
        ] {
            assert!(!holds(words), "{why}");
        }
    }
}
