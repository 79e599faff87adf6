use super::Kind;

/// One type, as a view of the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Type<'a> {
    pub id: u32,
    pub kind: Kind,
    /// Offset of the name in the string section; 0 for the anonymous.
    pub(super) name: u32,
    info: u32,
    /// Size in bytes or id of another type, as the kind has it.
    argument: u32,
    trailing: &'a [u8],
}

/// A member of a structure or union as it is written down, bit fields not yet told apart.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub(super) name: u32,
    pub type_id: u32,
    /// From the start of the structure.
    pub bit_offset: u32,
    /// Width in bits, where the structure itself says that the member is a bit field.
    pub bit_width: Option<u32>,
}

/// An enumerator: its value in the low bits, sign-extended where the enumeration is signed.
#[derive(Debug, Clone, Copy)]
pub struct Enumerator {
    pub(super) name: u32,
    pub value: u64,
}

/// Elements of an array type.
#[derive(Debug, Clone, Copy)]
pub struct Array {
    pub element: u32,
    pub length: u32,
}

/// The encoding word of an integer type.
#[derive(Debug, Clone, Copy)]
pub struct Int {
    /// Bits from the start of the storage: how bit fields were told before kernel 4.20.
    pub bit_offset: u32,
    pub bits: u32,
}

impl<'a> Type<'a> {
    /// Bytes of the part that all kinds share.
    pub(super) const COMMON: usize = 12;

    pub(super) fn read(id: u32, bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let word = |at: usize| word(bytes, at).ok_or(Unreadable::Truncated);
        let info = word(4)?;
        let raw = (info >> 24) & 0x1f;
        let kind = Kind::from_raw(raw).ok_or(Unreadable::Kind(raw))?;
        let trailing = kind.trailing((info & 0xffff) as usize);
        let trailing = bytes
            .get(Self::COMMON..Self::COMMON + trailing)
            .ok_or(Unreadable::Truncated)?;
        Ok(Self {
            id,
            kind,
            name: word(0)?,
            info,
            argument: word(8)?,
            trailing,
        })
    }

    /// Bytes the type takes in the type section.
    pub(super) fn length(&self) -> usize {
        Self::COMMON + self.trailing.len()
    }

    /// Number of members, enumerators, parameters or variables.
    pub fn vlen(&self) -> u16 {
        (self.info & 0xffff) as u16
    }

    fn kind_flag(&self) -> bool {
        self.info >> 31 != 0
    }

    /// Size in bytes, for the kinds that have one of their own.
    pub fn size(&self) -> Option<u32> {
        matches!(
            self.kind,
            Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Enum64
                | Kind::Float
                | Kind::Datasec
        )
        .then_some(self.argument)
    }

    /// The type that this one points to, names or qualifies; a function's return type.
    pub fn referenced(&self) -> Option<u32> {
        matches!(
            self.kind,
            Kind::Ptr
                | Kind::Typedef
                | Kind::Volatile
                | Kind::Const
                | Kind::Restrict
                | Kind::Func
                | Kind::FuncProto
                | Kind::Var
                | Kind::DeclTag
                | Kind::TypeTag
        )
        .then_some(self.argument)
    }

    /// Whether members can be looked for: a structure or union, complete or not.
    pub fn is_composite(&self) -> bool {
        matches!(self.kind, Kind::Struct | Kind::Union)
    }

    /// Members of a structure or union; none for other kinds.
    pub fn members(&self) -> impl Iterator<Item = Member> + use<'a> {
        let flag = self.kind_flag();
        self.elements::<12>(self.is_composite())
            .map(move |element| {
                let [name, type_id, offset] = words(element);
                let width = offset >> 24;
                Member {
                    name,
                    type_id,
                    bit_offset: if flag { offset & 0x00ff_ffff } else { offset },
                    bit_width: (flag && width != 0).then_some(width),
                }
            })
    }

    /// Enumerators of an enumeration of either width; none for other kinds.
    pub fn enumerators(&self) -> impl Iterator<Item = Enumerator> + use<'a> {
        let signed = self.kind_flag();
        let narrow = self
            .elements::<8>(self.kind == Kind::Enum)
            .map(move |element| {
                let [name, value] = words(element);
                let value = if signed {
                    i64::from(value.cast_signed()).cast_unsigned()
                } else {
                    value.into()
                };
                Enumerator { name, value }
            });
        let wide = self
            .elements::<12>(self.kind == Kind::Enum64)
            .map(|element| {
                let [name, low, high] = words(element);
                Enumerator {
                    name,
                    value: u64::from(high) << 32 | u64::from(low),
                }
            });
        narrow.chain(wide)
    }

    /// Type ids of a function prototype's parameters, in order; none for other kinds.
    pub fn parameters(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.elements::<8>(self.kind == Kind::FuncProto)
            .map(|element| {
                let [_name, type_id] = words(element);
                type_id
            })
    }

    /// Names that it gives to its parts, whatever they are, as offsets in the string section.
    pub(super) fn names(&self) -> impl Iterator<Item = u32> + use<'a> {
        let parameters = self.elements::<8>(self.kind == Kind::FuncProto);
        let members = self.members().map(|member| member.name);
        let enumerators = self.enumerators().map(|enumerator| enumerator.name);
        let parameters = parameters.map(|element| {
            let [name, _type_id] = words(element);
            name
        });
        members.chain(enumerators).chain(parameters)
    }

    /// Type ids of the variables of a data section; none for other kinds.
    pub fn variables(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.elements::<12>(self.kind == Kind::Datasec)
            .map(|element| {
                let [type_id, _offset, _size] = words(element);
                type_id
            })
    }

    pub fn array(&self) -> Option<Array> {
        (self.kind == Kind::Array).then_some(())?;
        Some(Array {
            element: word(self.trailing, 0)?,
            length: word(self.trailing, 8)?,
        })
    }

    pub fn int(&self) -> Option<Int> {
        (self.kind == Kind::Int).then_some(())?;
        let encoding = word(self.trailing, 0)?;
        Some(Int {
            bit_offset: (encoding >> 16) & 0xff,
            bits: encoding & 0xff,
        })
    }

    fn elements<const N: usize>(
        &self,
        applies: bool,
    ) -> impl Iterator<Item = &'a [u8; N]> + use<'a, N> {
        let bytes: &'a [u8] = if applies { self.trailing } else { &[] };
        bytes.as_chunks::<N>().0.iter()
    }
}

/// Why the bytes at a place are no type.
pub(super) enum Unreadable {
    Truncated,
    Kind(u32),
}

/// Reads the native-endian word at `at`.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*bytes))
}

fn words<const N: usize, const WORDS: usize>(element: &[u8; N]) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(element.as_chunks::<4>().0) {
        *word = u32::from_ne_bytes(*bytes);
    }
    words
}
