//! The line that the driver writes to the kernel's log for an error:
//! `NVRM: Xid (PCI:0000:3b:00): 31, pid=…`, of a part of a GPU `(PCI:0000:3b:00 GPU-I:05)`.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use geophone_ebpf::names::Name;

const BEGIN: [u8; 8] = *b"NVRM: Xi";
const REST: [u8; 7] = *b"d (PCI:";

/// How far into a line it is looked for: some kernels have put the time before it.
const BEFORE: u64 = 40;
/// How far behind the address the bracket closes.
const WITHIN: u64 = 24;

/// The PCI address and the number, if the line at `text` tells of an error.
#[inline(always)]
pub fn xid(text: u64) -> Option<(Name, u32)> {
    let address = begin(text)? + (BEGIN.len() + REST.len()) as u64;
    let mut device = Name::EMPTY;
    let place = device.0.first_chunk_mut::<16>()?;
    *place = read::<16>(address)?;
    let length = terminate(place)?;
    Some((device, number(close(address + length)? + 3)?))
}

/// Where the words are that such a line begins with.
#[inline(always)]
fn begin(text: u64) -> Option<u64> {
    let first = read::<8>(text)?;
    if first == BEGIN {
        return is_xid(text);
    }
    if first[0] != b'[' {
        return None;
    }
    for before in 1..BEFORE {
        if read::<8>(text + before)? == BEGIN {
            return is_xid(text + before);
        }
    }
    None
}

#[inline(always)]
fn is_xid(begin: u64) -> Option<u64> {
    (read::<7>(begin + BEGIN.len() as u64)? == REST).then_some(begin)
}

/// Ends the address of a device, `0000:3b:00`, with the function that a GPU is: the first.
/// Domains have four digits or more. Gives the length that it had.
#[inline(always)]
fn terminate(device: &mut [u8; 16]) -> Option<u64> {
    for at in 10..14 {
        if matches!(device[at], b')' | b' ') {
            device[at] = b'.';
            device[at + 1] = b'0';
            for rest in device.iter_mut().skip(at + 2) {
                *rest = 0;
            }
            return Some(at as u64);
        }
    }
    None
}

/// Where the bracket closes.
#[inline(always)]
fn close(from: u64) -> Option<u64> {
    for at in 0..WITHIN {
        if read::<1>(from + at)? == [b')'] {
            return Some(from + at);
        }
    }
    None
}

#[inline(always)]
fn number(at: u64) -> Option<u32> {
    let digits = read::<6>(at)?;
    if !digits[0].is_ascii_digit() {
        return None;
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            break;
        }
        number = number * 10 + u32::from(digit - b'0');
    }
    Some(number)
}

#[inline(always)]
fn read<const N: usize>(address: u64) -> Option<[u8; N]> {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_kernel(address as *const [u8; N]) }.ok()
}
