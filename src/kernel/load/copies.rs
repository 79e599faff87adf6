use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Place;
use super::code::Body;
use crate::kernel::sys::perf;
use crate::kernel::sys::uprobe::{Refused, Way, load};

/// Cookies that one program may have where each takes a copy of it.
const MAX_COPIES: usize = 256;

/// `bpf_get_attach_cookie` of `enum bpf_func_id`.
const GET_ATTACH_COOKIE: i32 = 174;

/// Codes of instructions: `BPF_JMP | BPF_CALL`, `BPF_JMP | BPF_EXIT` and
/// `BPF_LD | BPF_IMM | BPF_DW`.
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const LOAD_64: u8 = 0x18;
/// `BPF_PSEUDO_CALL`, as the source register.
const OWN_FUNCTION: u8 = 1 << 4;

/// A program on a kernel without attach cookies (before 5.15): one copy for each cookie, in
/// which it is a constant. They are loaded as places ask for them.
#[derive(Debug)]
pub(super) struct Copies {
    function: String,
    body: Body,
    loaded: Loaded,
}

/// The copies so far, by cookie. Shared with who asks what they did.
#[derive(Debug, Clone, Default)]
pub(super) struct Loaded(Arc<Mutex<BTreeMap<u64, OwnedFd>>>);

impl Loaded {
    /// No step under the lock leaves it half changed, so a poisoned one is whole.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copies {
    /// Loads the copy whose cookie is zero, so that a program which the kernel refuses is
    /// known from the start; gives its descriptor, too.
    pub fn start(function: &str, body: Body) -> Result<(Self, OwnedFd), Refused> {
        let copies = Self {
            function: function.to_owned(),
            body,
            loaded: Loaded::default(),
        };
        let first = copies.load(0)?;
        Ok((copies, first))
    }

    /// All, that of the cookie zero too.
    pub fn count(&self) -> usize {
        self.loaded.lock().len() + 1
    }

    /// Those of other cookies than zero.
    pub fn loaded(&self) -> Loaded {
        self.loaded.clone()
    }

    /// Attaches to each place the copy of its cookie. `first` is that of zero.
    pub fn attach(
        &self,
        first: &OwnedFd,
        path: &Path,
        places: &[Place],
        at_return: bool,
    ) -> io::Result<Vec<OwnedFd>> {
        let attach = |place: &Place| {
            let copy = match place.cookie {
                0 => first.try_clone()?,
                cookie => self.copy(cookie)?,
            };
            perf::attach_uprobe(copy.as_fd(), path, place.offset, at_return)
        };
        places.iter().map(attach).collect()
    }

    /// That of a cookie, loaded if it is not. Who asks what the copies did does not wait for
    /// the verifier.
    fn copy(&self, cookie: u64) -> io::Result<OwnedFd> {
        if let Some(copy) = self.loaded.lock().get(&cookie) {
            return copy.try_clone();
        }
        if self.count() >= MAX_COPIES {
            let text = format!("more than {MAX_COPIES} different cookies");
            return Err(io::Error::other(text));
        }
        let copy = self.load(cookie).map_err(|refused| {
            let cause = refused.error;
            io::Error::other(format!("no copy for cookie {cookie:#x}: {cause}"))
        })?;
        let again = copy.try_clone()?;
        self.loaded.lock().insert(cookie, copy);
        Ok(again)
    }

    fn load(&self, cookie: u64) -> Result<OwnedFd, Refused> {
        let instructions = with_constant(&self.body.instructions, cookie);
        load(&self.function, &self.body.license, &instructions, Way::Each)
    }
}

/// Has every call for the cookie call a function of the program's own, behind all others, which
/// gives a constant. The verifier follows it, and no branch in the program moves.
fn with_constant(instructions: &[[u8; 8]], cookie: u64) -> Vec<[u8; 8]> {
    let asks = |&[code, registers, _, _, number @ ..]: &[u8; 8]| {
        code == CALL && registers == 0 && i32::from_ne_bytes(number) == GET_ATTACH_COOKIE
    };
    let end = instructions.len();
    let mut changed: Vec<[u8; 8]> = (0..)
        .zip(instructions)
        .map(|(at, instruction)| {
            // From the instruction after the call.
            let ahead = i32::try_from(end - 1_usize - at);
            match ahead {
                Ok(ahead) if asks(instruction) => {
                    with_number([CALL, OWN_FUNCTION], ahead.to_ne_bytes())
                }
                _ => *instruction,
            }
        })
        .collect();
    if changed != instructions {
        let half = |shift: u32| u32::try_from(cookie >> shift & 0xffff_ffff).unwrap_or(u32::MAX);
        let (low, high) = (half(0), half(32));
        changed.extend([
            with_number([LOAD_64, 0], low.to_ne_bytes()),
            with_number([0, 0], high.to_ne_bytes()),
            with_number([EXIT, 0], [0; 4]),
        ]);
    }
    changed
}

fn with_number([code, registers]: [u8; 2], [a, b, c, d]: [u8; 4]) -> [u8; 8] {
    [code, registers, 0, 0, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER_HELPER: [u8; 8] = [CALL, 0, 0, 0, 5, 0, 0, 0];
    const ASK: [u8; 8] = [CALL, 0, 0, 0, 174, 0, 0, 0];
    const END: [u8; 8] = [EXIT, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    #[cfg(target_endian = "little")]
    fn what_asks_for_the_cookie_calls_a_function_that_has_it() {
        let changed = with_constant(&[OTHER_HELPER, ASK, ASK, END], 0x1122_3344_5566_7788);
        let expected = [
            OTHER_HELPER,
            [CALL, 0x10, 0, 0, 2, 0, 0, 0],
            [CALL, 0x10, 0, 0, 1, 0, 0, 0],
            END,
            [LOAD_64, 0, 0, 0, 0x88, 0x77, 0x66, 0x55],
            [0, 0, 0, 0, 0x44, 0x33, 0x22, 0x11],
            END,
        ];
        assert_eq!(changed, expected);
    }

    #[test]
    fn who_does_not_ask_stays_as_it_is() {
        // A call of the program's own function, 174 instructions ahead.
        let own = [CALL, OWN_FUNCTION, 0, 0, 174, 0, 0, 0];
        assert_eq!(with_constant(&[own, END], 7), [own, END]);
    }
}
