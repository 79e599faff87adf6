use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::Ebpf;
use aya_obj::Object;
use aya_obj::generated::bpf_insn;

use super::data;

/// The programs of an object, bound to the maps that were made for it: ready to be loaded in
/// ways that the loader does not know.
pub(super) struct Code(Object);

/// A program, with the functions that it calls behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    pub license: CString,
    /// Each a `struct bpf_insn`.
    pub instructions: Vec<[u8; 8]>,
}

impl Code {
    /// None where the object is not as its loader leaves it.
    pub fn of(object: &[u8], ebpf: &Ebpf) -> Option<Self> {
        let mut parsed = Object::parse(object).ok()?;
        let text: HashSet<usize> = parsed
            .functions
            .keys()
            .map(|(section, _)| *section)
            .collect();
        let maps = parsed.maps.clone();
        let maps = maps.iter().filter_map(|(name, map)| {
            let fd = data(ebpf.map(name)?)?.fd().as_fd().as_raw_fd();
            Some((name.as_str(), fd, map))
        });
        parsed.relocate_maps(maps, &text).ok()?;
        parsed.relocate_calls(&text).ok()?;
        Some(Self(parsed))
    }

    pub fn body(&self, function: &str) -> Option<Body> {
        let program = self.0.programs.get(function)?;
        let code = self.0.functions.get(&program.function_key())?;
        Some(Body {
            license: program.license.clone(),
            instructions: code.instructions.iter().copied().map(bytes).collect(),
        })
    }
}

fn bytes(instruction: bpf_insn) -> [u8; 8] {
    let [offset_low, offset_high] = instruction.off.to_ne_bytes();
    let [a, b, c, d] = instruction.imm.to_ne_bytes();
    let registers = instruction.dst_reg() | instruction.src_reg() << 4;
    [
        instruction.code,
        registers,
        offset_low,
        offset_high,
        a,
        b,
        c,
        d,
    ]
}
