//! BTF made by hand, for tests.

#![allow(clippy::unwrap_used)]

/// Collects types; ids count from 1 in the order of the calls.
pub(in crate::kernel) struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            count: 0,
        }
    }
}

impl Builder {
    pub fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// Adds a type of kind `kind` as it is: `info` without the kind, then what follows.
    pub fn raw(&mut self, name: &str, kind: u32, info: u32, argument: u32, rest: &[u32]) -> u32 {
        let name = self.string(name);
        for word in [name, kind << 24 | info, argument].iter().chain(rest) {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
        self.count += 1;
        self.count
    }

    pub fn int(&mut self, name: &str, size: u32, bit_offset: u32, bits: u32) -> u32 {
        self.raw(name, 1, 0, size, &[bit_offset << 16 | bits])
    }

    pub fn ptr(&mut self, to: u32) -> u32 {
        self.raw("", 2, 0, to, &[])
    }

    pub fn array(&mut self, of: u32, length: u32) -> u32 {
        self.raw("", 3, 0, 0, &[of, 0, length])
    }

    /// Members with offsets in bits; bit fields as before kernel 4.20.
    pub fn plain(&mut self, kind: u32, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let rest: Vec<u32> = members
            .iter()
            .flat_map(|&(name, id, offset)| [self.string(name), id, offset])
            .collect();
        self.raw(
            name,
            kind,
            u32::try_from(members.len()).unwrap(),
            size,
            &rest,
        )
    }

    /// Members with offsets and widths in bits, of which 0 is none.
    pub fn packed_struct(
        &mut self,
        name: &str,
        size: u32,
        members: &[(&str, u32, u32, u32)],
    ) -> u32 {
        let rest: Vec<u32> = members
            .iter()
            .flat_map(|&(name, id, offset, width)| [self.string(name), id, width << 24 | offset])
            .collect();
        self.raw(
            name,
            4,
            1 << 31 | u32::try_from(members.len()).unwrap(),
            size,
            &rest,
        )
    }

    pub fn enumeration(&mut self, name: &str, values: &[(&str, u32)]) -> u32 {
        let rest: Vec<u32> = values
            .iter()
            .flat_map(|&(name, value)| [self.string(name), value])
            .collect();
        self.raw(name, 6, u32::try_from(values.len()).unwrap(), 4, &rest)
    }

    pub fn typedef(&mut self, name: &str, of: u32) -> u32 {
        self.raw(name, 8, 0, of, &[])
    }

    pub fn konst(&mut self, of: u32) -> u32 {
        self.raw("", 10, 0, of, &[])
    }

    pub fn prototype(&mut self, parameters: &[u32]) -> u32 {
        let rest: Vec<u32> = parameters.iter().flat_map(|&id| [0, id]).collect();
        self.raw("", 13, u32::try_from(parameters.len()).unwrap(), 0, &rest)
    }

    /// The section, behind a header with `extra` bytes more than version 1 began with.
    pub fn finish_behind(&self, extra: usize) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let header = u32::try_from(24 + extra).unwrap();
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&[1, 0]);
        let (types, strings) = (length(&self.types), length(&self.strings));
        for word in [header, 0, types, types, strings] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.resize(24 + extra, 0xff);
        bytes.extend_from_slice(&self.types);
        bytes.extend_from_slice(&self.strings);
        bytes
    }

    pub fn finish(&self) -> Vec<u8> {
        self.finish_behind(0)
    }
}
