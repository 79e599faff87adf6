//! BTF, the kernel's type information, read in place.
//!
//! A kernel describes some hundred thousand types in about 6 MB. Geophone asks for a few
//! dozen of them, once, so nothing is copied: there are the bytes, where each type begins,
//! and an order of the types by name. Format: Documentation/bpf/btf.rst. The bytes may come from a file a user
//! named, so nothing in them is believed: every reference is checked when it is followed and
//! every walk is bounded.

#[cfg(test)]
pub(super) mod build;
mod complete;
mod error;
mod kind;
#[cfg(test)]
mod mutated;
mod names;
mod path;
#[cfg(test)]
mod tests;
mod types;

pub use error::BtfError;
pub use kind::Kind;
pub use path::{PathError, Place};
pub use types::{Array, Enumerator, Int, Member, Type};

use std::ops::Range;
use std::sync::OnceLock;

use names::Names;
use types::{Unreadable, word};

const MAGIC: u16 = 0xeb9f;

/// The longest chain of typedefs and qualifiers, and the deepest nesting, that is followed.
const MAX_DEPTH: usize = 64;

/// Type information of one kernel or object.
#[derive(Debug)]
pub struct Btf {
    bytes: Vec<u8>,
    /// Where type `id` begins, at index `id - 1`: type 0 is `void` and is not written down.
    types: Vec<u32>,
    strings: Range<usize>,
    names: OnceLock<Names>,
}

impl Btf {
    /// Takes the bytes of a `.BTF` section, or of a file such as `/sys/kernel/btf/vmlinux`.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BtfError> {
        let magic = bytes.first_chunk::<2>().ok_or(BtfError::Magic)?;
        match u16::from_ne_bytes(*magic) {
            MAGIC => {}
            swapped if swapped.swap_bytes() == MAGIC => return Err(BtfError::ByteOrder),
            _ => return Err(BtfError::Magic),
        }
        let header = || BtfError::Truncated { what: "the header" };
        let version = *bytes.get(2).ok_or_else(header)?;
        if version != 1 {
            return Err(BtfError::Version(version));
        }
        // Later kernels append fields to the header; the sections count from its end.
        let field = |at| word(&bytes, at).map(u64::from).ok_or_else(header);
        let (length, type_offset, type_length) = (field(4)?, field(8)?, field(12)?);
        let (string_offset, string_length) = (field(16)?, field(20)?);
        let section = |offset, section_length, what| {
            usize::try_from(length + offset)
                .ok()
                .zip(usize::try_from(length + offset + section_length).ok())
                .map(|(start, end)| start..end)
                .filter(|range| bytes.get(range.clone()).is_some())
                .ok_or(BtfError::Truncated { what })
        };
        let type_section = section(type_offset, type_length, "the type section")?;
        let strings = section(string_offset, string_length, "the string section")?;
        let types = type_offsets(&bytes, type_section)?;
        Ok(Self {
            bytes,
            types,
            strings,
            names: OnceLock::new(),
        })
    }

    /// The type with this id; none for 0 (`void`).
    pub fn get(&self, id: u32) -> Result<Option<Type<'_>>, BtfError> {
        let Some(index) = id.checked_sub(1) else {
            return Ok(None);
        };
        let at = *self.types.get(index as usize).ok_or(BtfError::NoType(id))?;
        let bytes = self.bytes.get(at as usize..).unwrap_or_default();
        read(id, bytes).map(Some)
    }

    /// Every type, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = Type<'_>> {
        (1..=self.len()).filter_map(|id| self.get(id).ok().flatten())
    }

    /// Number of types, `void` not counted.
    pub fn len(&self) -> u32 {
        u32::try_from(self.types.len()).unwrap_or(u32::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The bytes that were taken.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name of a type; empty for the anonymous.
    pub fn name(&self, of: &Type<'_>) -> &str {
        self.string(of.name)
    }

    /// The name of a member; empty for the anonymous.
    pub fn member_name(&self, of: &Member) -> &str {
        self.string(of.name)
    }

    /// The name of an enumerator.
    pub fn enumerator_name(&self, of: &Enumerator) -> &str {
        self.string(of.name)
    }

    /// Types of this name whose kind is wanted, by ascending id; functions and tags are not
    /// found by name.
    pub fn named<'a>(
        &'a self,
        name: &'a str,
        wanted: impl Fn(Kind) -> bool + 'a,
    ) -> impl Iterator<Item = Type<'a>> {
        let names = self.names.get_or_init(|| {
            Names::collect(
                self.iter()
                    .map(|found| (found, self.name_bytes(found.name))),
            )
        });
        names
            .candidates(name)
            .filter_map(|id| self.get(id).ok().flatten())
            .filter(move |each| wanted(each.kind) && self.is_named(each.name, name))
    }

    /// The value of an enumerator: of an `enum` or of a typedef of an anonymous one; without the
    /// name of the enumeration, of one that has none.
    pub fn enumerator(
        &self,
        enumeration: Option<&str>,
        name: &str,
    ) -> Result<Option<u64>, BtfError> {
        let value = |found: &Type<'_>| {
            let mut enumerators = found.enumerators();
            enumerators
                .find(|each| self.is_named(each.name, name))
                .map(|each| each.value)
        };
        let Some(enumeration) = enumeration else {
            let mut anonymous = self
                .iter()
                .filter(|each| self.name_bytes(each.name).is_empty());
            return Ok(anonymous.find_map(|each| value(&each)));
        };
        let kinds = |kind| matches!(kind, Kind::Enum | Kind::Enum64 | Kind::Typedef);
        for found in self.named(enumeration, kinds) {
            let found = self.unaliased(found.id)?;
            if let Some(value) = found.as_ref().and_then(value) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Whether a type of this name is known in full; declarations without members do not count.
    pub fn has_type(&self, name: &str) -> bool {
        let kinds = |kind| {
            !matches!(
                kind,
                Kind::Fwd | Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag | Kind::TypeTag
            )
        };
        self.named(name, kinds).next().is_some()
    }

    /// Whether there is a function of this name that programs could attach to.
    pub fn has_function(&self, name: &str) -> bool {
        self.iter()
            .any(|each| each.kind == Kind::Func && self.is_named(each.name, name))
    }

    /// The prototype behind tracepoint `name`, found at its typedef `btf_trace_NAME`. Its
    /// first parameter is the `void *__data` that programs do not see.
    pub fn tracepoint(&self, name: &str) -> Result<Option<Type<'_>>, BtfError> {
        let name = format!("btf_trace_{name}");
        for typedef in self.named(&name, |kind| kind == Kind::Typedef) {
            let Some(pointer) = self.unaliased(typedef.id)? else {
                continue;
            };
            let (Kind::Ptr, Some(target)) = (pointer.kind, pointer.referenced()) else {
                continue;
            };
            if let Some(prototype) = self.unaliased(target)?
                && prototype.kind == Kind::FuncProto
            {
                return Ok(Some(prototype));
            }
        }
        Ok(None)
    }

    /// Follows qualifiers (`const`, `volatile`, `restrict`, type tags); none for `void`.
    pub fn unqualified(&self, id: u32) -> Result<Option<Type<'_>>, BtfError> {
        self.follow(id, Kind::is_qualifier)
    }

    /// Follows qualifiers and typedefs; none for `void`.
    pub fn unaliased(&self, id: u32) -> Result<Option<Type<'_>>, BtfError> {
        self.follow(id, |kind| kind.is_qualifier() || kind == Kind::Typedef)
    }

    fn follow(&self, start: u32, through: fn(Kind) -> bool) -> Result<Option<Type<'_>>, BtfError> {
        let mut id = start;
        for _ in 0..MAX_DEPTH {
            match self.get(id)? {
                Some(found) if through(found.kind) => id = found.referenced().unwrap_or(0),
                found => return Ok(found),
            }
        }
        Err(BtfError::Depth(start))
    }

    /// Size of a type in bytes; 0 for `void` and functions.
    pub fn size_of(&self, id: u32) -> Result<u64, BtfError> {
        let mut of = id;
        let mut count = 1_u64;
        for _ in 0..MAX_DEPTH {
            let Some(found) = self.unaliased(of)? else {
                return Ok(0);
            };
            if let Some(array) = found.array() {
                count = count.saturating_mul(array.length.into());
                of = array.element;
            } else if found.kind == Kind::Ptr {
                return Ok(count.saturating_mul(size_of::<u64>() as u64));
            } else {
                return Ok(count.saturating_mul(found.size().unwrap_or(0).into()));
            }
        }
        Err(BtfError::Depth(id))
    }

    fn string_bytes(&self, at: u32) -> &[u8] {
        let strings = self.bytes.get(self.strings.clone()).unwrap_or_default();
        strings.get(at as usize..).unwrap_or_default()
    }

    fn name_bytes(&self, at: u32) -> &[u8] {
        self.string_bytes(at)
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default()
    }

    fn string(&self, at: u32) -> &str {
        str::from_utf8(self.name_bytes(at)).unwrap_or_default()
    }

    fn is_named(&self, at: u32, name: &str) -> bool {
        let rest = self.string_bytes(at).strip_prefix(name.as_bytes());
        // The last one may lack its end.
        rest.is_some_and(|rest| rest.first().is_none_or(|&byte| byte == 0))
    }
}

fn type_offsets(bytes: &[u8], section: Range<usize>) -> Result<Vec<u32>, BtfError> {
    let truncated = BtfError::Truncated {
        what: "the type section",
    };
    let Ok(end) = u32::try_from(section.end) else {
        return Err(truncated);
    };
    let bytes = bytes.get(..end as usize).unwrap_or_default();
    let mut types = Vec::new();
    let mut at = section.start;
    while at < section.end {
        let id = u32::try_from(types.len() + 1).unwrap_or(u32::MAX);
        let found = read(id, bytes.get(at..).unwrap_or_default())?;
        types.push(u32::try_from(at).unwrap_or(u32::MAX));
        at += found.length();
    }
    types.shrink_to_fit();
    Ok(types)
}

fn read(id: u32, bytes: &[u8]) -> Result<Type<'_>, BtfError> {
    Type::read(id, bytes).map_err(|why| match why {
        Unreadable::Truncated => BtfError::Truncated { what: "a type" },
        Unreadable::Kind(kind) => BtfError::Kind { id, kind },
    })
}
