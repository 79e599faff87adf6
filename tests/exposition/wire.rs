//! A reader of protobuf's wire format that knows no message: fields by their numbers.

/// One field as it lies on the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// A message: field numbers and values, in their order.
#[derive(Debug, Clone, Default)]
pub struct Message<'a>(Vec<(u64, Field<'a>)>);

impl<'a> Message<'a> {
    pub fn read(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Varint(varint(&mut bytes)),
                1 => Field::Fixed64(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let length = varint(&mut bytes);
                    Field::Bytes(take(&mut bytes, length))
                }
                kind => panic!("wire type {kind}"),
            };
            fields.push((key >> 3, field));
        }
        Self(fields)
    }

    /// Numbers of the fields that are there.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(number, _)| *number)
    }

    fn all(&self, number: u64) -> impl Iterator<Item = &Field<'a>> {
        self.0
            .iter()
            .filter(move |(n, _)| *n == number)
            .map(|(_, field)| field)
    }

    pub fn messages(&self, number: u64) -> Vec<Message<'a>> {
        self.all(number)
            .map(|field| match field {
                Field::Bytes(bytes) => Message::read(bytes),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    pub fn message(&self, number: u64) -> Option<Message<'a>> {
        self.messages(number).pop()
    }

    pub fn string(&self, number: u64) -> String {
        match self.all(number).last() {
            Some(Field::Bytes(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            None => String::new(),
            other => panic!("{other:?}"),
        }
    }

    pub fn unsigned(&self, number: u64) -> u64 {
        match self.all(number).last() {
            Some(Field::Varint(value)) => *value,
            None => 0,
            other => panic!("{other:?}"),
        }
    }

    pub fn double(&self, number: u64) -> f64 {
        match self.all(number).last() {
            Some(Field::Fixed64(bits)) => f64::from_bits(*bits),
            None => 0.0,
            other => panic!("{other:?}"),
        }
    }

    /// A `sint`, which folds the sign into the lowest bit.
    pub fn signed(&self, number: u64) -> i64 {
        unfold(self.unsigned(number))
    }

    /// Repeated `sint64`, packed or not.
    pub fn signed_list(&self, number: u64) -> Vec<i64> {
        let mut list = Vec::new();
        for field in self.all(number) {
            match field {
                Field::Varint(value) => list.push(unfold(*value)),
                Field::Bytes(packed) => {
                    let mut packed = *packed;
                    while !packed.is_empty() {
                        list.push(unfold(varint(&mut packed)));
                    }
                }
                other @ Field::Fixed64(_) => panic!("{other:?}"),
            }
        }
        list
    }
}

/// Messages one after the other, each after its length.
pub fn delimited(mut bytes: &[u8]) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let length = varint(&mut bytes);
        messages.push(Message::read(take(&mut bytes, length)));
    }
    messages
}

fn unfold(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(usize::try_from(length).unwrap());
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap();
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes");
}
