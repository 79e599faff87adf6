//! The hash of names that only the kernel knows: to a probe the slot of its array of
//! candidates, to user space the proof that what lies there was written as a whole.

#![no_std]
#![forbid(unsafe_code)]

/// Each word is multiplied, and folded before and after, so that every byte reaches the lowest
/// bits, of which slots are made.
#[inline(always)]
pub fn hash(words: &[u64]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for word in words {
        hash ^= word;
        hash ^= hash >> 32;
        hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_slot_is_no_name() {
        assert_ne!(hash(&[0; 8]), 0);
    }

    #[test]
    fn every_byte_reaches_the_lowest_bits() {
        for byte in 0..64 {
            let mut slots = [false; 256];
            for value in 0..=255_u64 {
                let mut words = [0; 8];
                words[byte / 8] = value << (byte % 8 * 8);
                slots[(hash(&words) & 255) as usize] = true;
            }
            let used = slots.iter().filter(|used| **used).count();
            assert!(used > 60, "byte {byte}: {used} of 256 slots");
        }
    }
}
