//! Layouts of map keys and values, read from the object's own BTF.
//!
//! A map's definition is a variable in `.maps` whose structure has pointers named `key` and
//! `value`, and numbers such as `max_entries` as the lengths of arrays pointed to.

use std::collections::BTreeMap;

use geophone_histogram::{Histogram, SLOTS};

use super::btf::{Btf, BtfError, Kind, Type};
use super::map::is_per_cpu;
use super::object::{Object, ObjectError};

/// Nesting of arrays in a field that is still understood.
const MAX_DIMENSIONS: usize = 8;

/// Structures within structures that are still looked into.
const MAX_NESTING: usize = 4;

/// Layout of one map's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapLayout {
    /// Entries the object asks for.
    pub max_entries: u32,
    /// Size of a key in bytes.
    pub key_size: usize,
    /// Fields of the key, by offset; a key that is one number has one field without a name.
    pub key: Vec<Field>,
    /// Whether each possible CPU has a value of its own.
    pub per_cpu: bool,
    /// Size of one CPU's value in bytes.
    pub value_size: usize,
    /// Fields of the value, by offset; a value that is no structure is one field without a name.
    pub value: Vec<Field>,
}

/// A field of a key or value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    /// Bytes from the start of the key or value.
    pub offset: usize,
    /// Size in bytes.
    pub size: usize,
    pub shape: Shape,
    /// Fields of a structure that is no [`Histogram`], by offset.
    pub members: Vec<Field>,
}

/// What a field is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A u64.
    Cell,
    /// That many u64; of several dimensions, outermost first.
    Array(usize),
    /// A [`Histogram`].
    Histogram,
    /// That many histograms.
    Histograms(usize),
    /// Anything else, such as a u32 or what a probe keeps for itself.
    Opaque,
}

/// Why the maps of an object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error("the object's .BTF: {0}")]
    Btf(#[from] BtfError),
    #[error(
        "map {0} has no BTF definition with key and value types: \
         declare it with aya_ebpf::btf_maps and #[btf_map]"
    )]
    NoDefinition(String),
    #[error(
        "field {field} of map {map}: its Histogram is {size} bytes, not {expected}: \
         build the object with this version of geophone-histogram",
        expected = size_of::<Histogram>()
    )]
    Histogram {
        map: String,
        field: String,
        size: usize,
    },
}

impl MapLayout {
    /// The value's field of this name, or at the end of a path of members such as `value.ring`.
    pub fn field(&self, path: &str) -> Option<&Field> {
        let mut names = path.split('.');
        let first = named(&self.value, names.next()?)?;
        names.try_fold(first, |field, name| named(&field.members, name))
    }
}

fn named<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.name == name)
}

/// Layouts of all maps in `.maps` of an object file, by name.
pub fn layouts(object: &[u8]) -> Result<BTreeMap<String, MapLayout>, LayoutError> {
    let object = Object::parse(object)?;
    let names = object.map_names();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let btf = object.btf()?;
    names
        .into_iter()
        .map(|name| {
            let layout = Reader {
                btf: &btf,
                map: name,
            }
            .layout()?;
            Ok((name.to_owned(), layout))
        })
        .collect()
}

struct Reader<'a> {
    btf: &'a Btf,
    map: &'a str,
}

impl Reader<'_> {
    fn layout(&self) -> Result<MapLayout, LayoutError> {
        let undefined = || LayoutError::NoDefinition(self.map.to_owned());
        let variable = self.btf.named(self.map, |kind| kind == Kind::Var).next();
        let definition = variable
            .and_then(|found| found.referenced())
            .ok_or_else(undefined)?;
        let definition = self
            .btf
            .unaliased(definition)?
            .filter(Type::is_composite)
            .ok_or_else(undefined)?;
        let key = self.pointee(&definition, "key")?.ok_or_else(undefined)?;
        let value = self.pointee(&definition, "value")?.ok_or_else(undefined)?;
        let map_type = self.number(&definition, "type")?;
        Ok(MapLayout {
            max_entries: self.number(&definition, "max_entries")?.unwrap_or(0),
            per_cpu: map_type.and_then(is_per_cpu).unwrap_or(false),
            key_size: size(self.btf, key)?,
            key: self.parts(key)?,
            value_size: size(self.btf, value)?,
            value: self.parts(value)?,
        })
    }

    /// The type that the definition's member `name` points to.
    fn pointee(&self, definition: &Type<'_>, name: &str) -> Result<Option<u32>, LayoutError> {
        let member = definition
            .members()
            .find(|member| self.btf.member_name(member) == name);
        let Some(member) = member else {
            return Ok(None);
        };
        let pointer = self.btf.unaliased(member.type_id)?;
        Ok(pointer
            .filter(|found| found.kind == Kind::Ptr)
            .and_then(|found| found.referenced()))
    }

    /// The number that the definition's member `name` gives.
    fn number(&self, definition: &Type<'_>, name: &str) -> Result<Option<u32>, LayoutError> {
        let Some(id) = self.pointee(definition, name)? else {
            return Ok(None);
        };
        let array = self.btf.unaliased(id)?.and_then(|found| found.array());
        Ok(array.map(|array| array.length))
    }

    /// The fields of a key or value, or the one that it is itself.
    fn parts(&self, id: u32) -> Result<Vec<Field>, LayoutError> {
        match self.fields(0, id, MAX_NESTING)? {
            Some(fields) => Ok(fields),
            None => Ok(vec![self.field(String::new(), 0, id, 0)?]),
        }
    }

    /// The fields of a structure at `start`; none of what is no structure of fields.
    fn fields(
        &self,
        start: usize,
        id: u32,
        nesting: usize,
    ) -> Result<Option<Vec<Field>>, LayoutError> {
        let structure = self.btf.unaliased(id)?;
        let structure = structure.filter(|found| found.kind == Kind::Struct);
        let structure = structure.filter(|found| !self.is_histogram(found));
        let Some((structure, nesting)) = structure.zip(nesting.checked_sub(1)) else {
            return Ok(None);
        };
        let fields = structure.members().map(|member| {
            let name = self.btf.member_name(&member).to_owned();
            let offset = usize::try_from(member.bit_offset / 8).unwrap_or(usize::MAX);
            self.field(name, start.saturating_add(offset), member.type_id, nesting)
        });
        fields.collect::<Result<_, _>>().map(Some)
    }

    fn field(
        &self,
        name: String,
        offset: usize,
        id: u32,
        nesting: usize,
    ) -> Result<Field, LayoutError> {
        let mut element = id;
        let mut count = None;
        for _ in 0..MAX_DIMENSIONS {
            let Some(array) = self.btf.unaliased(element)?.and_then(|found| found.array()) else {
                break;
            };
            count = Some(
                count
                    .unwrap_or(1_usize)
                    .saturating_mul(array.length as usize),
            );
            element = array.element;
        }
        let shape = match self.btf.unaliased(element)? {
            Some(found) if found.kind == Kind::Int && found.size() == Some(8) => {
                count.map_or(Shape::Cell, Shape::Array)
            }
            Some(found) if self.is_histogram(&found) => {
                let size = size(self.btf, found.id)?;
                if size != size_of::<Histogram>() {
                    return Err(LayoutError::Histogram {
                        map: self.map.to_owned(),
                        field: name,
                        size,
                    });
                }
                count.map_or(Shape::Histogram, Shape::Histograms)
            }
            _ => Shape::Opaque,
        };
        Ok(Field {
            name,
            offset,
            size: size(self.btf, id)?,
            shape,
            members: self.fields(offset, id, nesting)?.unwrap_or_default(),
        })
    }

    /// A structure named `Histogram` with the members `sum` and `slots`.
    fn is_histogram(&self, found: &Type<'_>) -> bool {
        let names = || found.members().map(|member| self.btf.member_name(&member));
        found.kind == Kind::Struct
            && self.btf.name(found) == "Histogram"
            && names().eq(["sum", "slots"])
    }
}

fn size(btf: &Btf, id: u32) -> Result<usize, BtfError> {
    Ok(usize::try_from(btf.size_of(id)?).unwrap_or(usize::MAX))
}

impl Shape {
    /// Number of u64 in the field; 0 where it is not made of them.
    pub fn words(self) -> usize {
        match self {
            Self::Cell => 1,
            Self::Array(length) => length,
            Self::Histogram => 1 + SLOTS,
            Self::Histograms(length) => length.saturating_mul(1 + SLOTS),
            Self::Opaque => 0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::btf::build::Builder as BtfBuilder;
    use crate::kernel::testing::Builder;

    /// An object with map `MAP`: a structure key and a value with all shapes. Its histogram
    /// has `slots` slots.
    fn object(slots: usize) -> Vec<u8> {
        let slots = u32::try_from(slots).unwrap();
        let mut btf = BtfBuilder::default();
        let half = btf.int("u32", 4, 0, 32);
        let cell = btf.int("u64", 8, 0, 64);
        let counts = btf.array(cell, slots);
        let size = 8 + 8 * slots;
        let histogram = btf.plain(
            4,
            "Histogram",
            size,
            &[("sum", cell, 0), ("slots", counts, 64)],
        );
        let row = btf.array(cell, 3);
        let table = btf.array(row, 2);
        let histograms = btf.array(histogram, 2);
        let inner = btf.plain(4, "Inner", 16, &[("half", half, 0), ("number", cell, 64)]);
        let key = btf.plain(4, "Key", 16, &[("device", half, 0), ("inode", cell, 64)]);
        let members = [
            ("total", cell, 0),
            ("table", table, 64),
            ("wait", histogram, 448),
            ("waits", histograms, 448 + 8 * size),
            ("odd", half, 448 + 24 * size),
            ("inner", inner, 512 + 24 * size),
        ];
        let value = btf.plain(4, "Value", 80 + 3 * size, &members);
        let (key, value) = (btf.ptr(key), btf.ptr(value));
        let entries = btf.array(half, 64);
        let entries = btf.ptr(entries);
        let per_cpu_hash = btf.array(half, 5);
        let per_cpu_hash = btf.ptr(per_cpu_hash);
        let members = [
            ("type", per_cpu_hash, 0),
            ("key", key, 64),
            ("value", value, 128),
            ("max_entries", entries, 192),
        ];
        let definition = btf.plain(4, "PerCpuHashMap<Key, Value>", 32, &members);
        btf.raw("MAP", 14, 0, definition, &[1]);
        Builder::default().map("MAP", &btf.finish()).finish()
    }

    #[test]
    fn fields_have_offsets_sizes_and_shapes() {
        let layouts = layouts(&object(SLOTS)).unwrap();
        let layout = &layouts["MAP"];
        let size = size_of::<Histogram>();
        assert_eq!((layout.max_entries, layout.key_size), (64, 16));
        assert_eq!((layout.per_cpu, layout.value_size), (true, 80 + 3 * size));
        let fields = |fields: &[Field]| {
            let each = fields
                .iter()
                .map(|it| (it.name.clone(), it.offset, it.size, it.shape));
            each.collect::<Vec<_>>()
        };
        assert_eq!(
            fields(&layout.key),
            [
                ("device".to_owned(), 0, 4, Shape::Opaque),
                ("inode".to_owned(), 8, 8, Shape::Cell),
            ]
        );
        assert_eq!(
            fields(&layout.value),
            [
                ("total".to_owned(), 0, 8, Shape::Cell),
                ("table".to_owned(), 8, 48, Shape::Array(6)),
                ("wait".to_owned(), 56, size, Shape::Histogram),
                (
                    "waits".to_owned(),
                    56 + size,
                    2 * size,
                    Shape::Histograms(2)
                ),
                ("odd".to_owned(), 56 + 3 * size, 4, Shape::Opaque),
                ("inner".to_owned(), 64 + 3 * size, 16, Shape::Opaque),
            ]
        );
        let inner = layout.field("inner.number").unwrap();
        assert_eq!((inner.offset, inner.shape), (72 + 3 * size, Shape::Cell));
        for path in ["inner.other", "total.number", "wait.sum", ""] {
            assert_eq!(layout.field(path), None, "{path:?}");
        }
        assert_eq!(
            layout.field("wait").map(|field| field.shape.words()),
            Some(1 + SLOTS)
        );
    }

    #[test]
    fn histograms_of_another_version_are_refused() {
        let error = layouts(&object(SLOTS - 1)).unwrap_err().to_string();
        assert!(
            error.starts_with("field wait of map MAP: its Histogram is "),
            "{error}"
        );
    }

    #[test]
    fn a_map_without_a_definition_is_named() {
        let object = Builder::default()
            .map("MAP", &BtfBuilder::default().finish())
            .finish();
        let error = layouts(&object).unwrap_err();
        assert!(
            matches!(error, LayoutError::NoDefinition(ref map) if map == "MAP"),
            "{error}"
        );
        assert!(layouts(&Builder::default().finish()).unwrap().is_empty());
    }
}
