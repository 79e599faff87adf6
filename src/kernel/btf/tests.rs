#![allow(clippy::unwrap_used)]

use super::build::Builder;
use super::*;

const STRUCT: u32 = 4;
const UNION: u32 = 5;

fn parse(builder: &Builder) -> Btf {
    Btf::parse(builder.finish()).unwrap()
}

fn bits(btf: &Btf, structure: &str, path: &[&str]) -> (u64, Option<u32>) {
    let place = btf.member(structure, path).unwrap();
    (place.bit_offset, place.bit_width)
}

#[test]
fn a_longer_header_is_skipped() {
    let mut builder = Builder::default();
    builder.int("int", 4, 0, 32);
    let btf = Btf::parse(builder.finish_behind(8)).unwrap();
    assert_eq!((btf.len(), btf.has_type("int")), (1, true));
}

#[test]
fn what_is_no_btf_of_this_machine_is_refused() {
    let bytes = Builder::default().finish();
    assert!(matches!(Btf::parse(Vec::new()), Err(BtfError::Magic)));
    assert!(matches!(Btf::parse(vec![0; 24]), Err(BtfError::Magic)));
    let mut swapped = bytes.clone();
    swapped.swap(0, 1);
    assert!(matches!(Btf::parse(swapped), Err(BtfError::ByteOrder)));
    let mut version = bytes.clone();
    version[2] = 2;
    assert!(matches!(Btf::parse(version), Err(BtfError::Version(2))));
    assert!(matches!(
        Btf::parse(bytes[..20].to_vec()),
        Err(BtfError::Truncated { .. })
    ));
}

#[test]
fn a_type_that_is_cut_or_unknown_is_named() {
    let mut builder = Builder::default();
    builder.int("int", 4, 0, 32);
    builder.raw("", 31, 0, 0, &[]);
    let unknown = Btf::parse(builder.finish());
    assert!(matches!(unknown, Err(BtfError::Kind { id: 2, kind: 31 })));
    let mut builder = Builder::default();
    builder.raw("s", STRUCT, 0xffff, 4, &[0, 0, 0]);
    assert!(matches!(
        Btf::parse(builder.finish()),
        Err(BtfError::Truncated { .. })
    ));
}

#[test]
fn members_are_found_through_anonymous_nesting_and_typedefs() {
    let mut builder = Builder::default();
    let int = builder.int("int", 4, 0, 32);
    let inner = builder.plain(STRUCT, "", 8, &[("x", int, 0), ("y", int, 32)]);
    let fixed = builder.konst(inner);
    let either = builder.plain(UNION, "", 8, &[("whole", int, 0), ("", fixed, 0)]);
    let named = builder.typedef("pair_t", inner);
    let members = [("first", int, 0), ("", either, 64), ("pair", named, 128)];
    builder.plain(STRUCT, "outer", 24, &members);
    let btf = parse(&builder);
    assert_eq!(bits(&btf, "outer", &["y"]), (96, None));
    assert_eq!(bits(&btf, "outer", &["whole"]), (64, None));
    assert_eq!(bits(&btf, "outer", &["pair", "y"]), (160, None));
    assert_eq!(bits(&btf, "pair_t", &["y"]), (32, None));
    let missing = btf.member("outer", &["pair", "z"]).unwrap_err();
    assert_eq!(missing.to_string(), "no member z in outer.pair");
}

#[test]
fn bit_fields_are_understood_in_both_encodings() {
    let mut builder = Builder::default();
    let int = builder.int("unsigned int", 4, 0, 32);
    let narrow = builder.int("unsigned int", 4, 5, 3);
    builder.packed_struct("new", 8, &[("a", int, 0, 0), ("b", int, 37, 3)]);
    builder.plain(STRUCT, "old", 8, &[("a", int, 0), ("b", narrow, 32)]);
    let btf = parse(&builder);
    for structure in ["new", "old"] {
        assert_eq!(bits(&btf, structure, &["a"]), (0, None), "{structure}");
        assert_eq!(bits(&btf, structure, &["b"]), (37, Some(3)), "{structure}");
    }
}

#[test]
fn definitions_with_the_member_win_and_have_to_agree() {
    let mut builder = Builder::default();
    let int = builder.int("int", 4, 0, 32);
    builder.raw("s", 7, 0, 0, &[]);
    builder.plain(STRUCT, "s", 0, &[]);
    builder.plain(STRUCT, "s", 8, &[("a", int, 0), ("b", int, 32)]);
    builder.plain(STRUCT, "s", 16, &[("a", int, 0), ("b", int, 64)]);
    let btf = parse(&builder);
    assert_eq!(bits(&btf, "s", &["a"]), (0, None));
    assert!(matches!(
        btf.member("s", &["b"]),
        Err(PathError::Ambiguous(_))
    ));
    assert!(matches!(
        btf.member("s", &["c"]),
        Err(PathError::NoMember { .. })
    ));
}

#[test]
fn cycles_and_deep_nests_end_in_an_error() {
    let mut builder = Builder::default();
    // 1 -> 2 -> 1
    builder.typedef("a_t", 2);
    builder.typedef("b_t", 1);
    // An anonymous structure that holds itself, twice over.
    builder.plain(STRUCT, "loop", 8, &[("", 4, 0)]);
    builder.plain(STRUCT, "", 8, &[("", 4, 0), ("", 4, 0)]);
    builder.array(5, 2);
    let btf = parse(&builder);
    assert!(matches!(btf.unaliased(1), Err(BtfError::Depth(1))));
    assert!(matches!(
        btf.member("a_t", &["x"]),
        Err(PathError::Btf(BtfError::Depth(_)))
    ));
    assert!(matches!(
        btf.member("loop", &["x"]),
        Err(PathError::Btf(BtfError::Depth(_)))
    ));
    assert!(matches!(btf.size_of(5), Err(BtfError::Depth(5))));
}

#[test]
fn a_nest_that_doubles_at_every_level_is_given_up() {
    let mut builder = Builder::default();
    for id in 1..=40 {
        let name = if id == 1 { "top" } else { "" };
        builder.plain(STRUCT, name, 8, &[("", id + 1, 0), ("", id + 1, 0)]);
    }
    builder.plain(STRUCT, "", 8, &[]);
    let btf = parse(&builder);
    assert!(matches!(
        btf.member("top", &["x"]),
        Err(PathError::Btf(BtfError::Depth(_)))
    ));
}

#[test]
fn references_beyond_the_end_are_errors() {
    let mut builder = Builder::default();
    builder.typedef("t", 99);
    builder.plain(STRUCT, "s", 8, &[("a", 99, 0)]);
    let btf = parse(&builder);
    assert!(matches!(btf.unaliased(1), Err(BtfError::NoType(99))));
    assert!(btf.member("s", &["a"]).is_err());
}

#[test]
fn the_last_name_may_lack_its_end() {
    let mut builder = Builder::default();
    let int = builder.int("int", 4, 0, 32);
    builder.plain(STRUCT, "s", 4, &[("a", int, 0)]);
    // It comes behind those of its members.
    let mut bytes = builder.finish();
    assert_eq!(bytes.pop(), Some(0));
    let length = bytes[20..].first_chunk_mut::<4>().unwrap();
    *length = (u32::from_ne_bytes(*length) - 1).to_ne_bytes();
    let btf = Btf::parse(bytes).unwrap();
    assert_eq!(btf.name(&btf.get(2).unwrap().unwrap()), "s");
    assert_eq!(btf.member("s", &["a"]).unwrap().bit_offset, 0);
}

#[test]
fn enumerators_of_both_widths_and_of_anonymous_enumerations() {
    let mut builder = Builder::default();
    let value = builder.string("DEEP");
    builder.enumeration("op", &[("READ", 0), ("WRITE", 1)]);
    builder.raw("big", 19, 1, 8, &[value, 5, 1]);
    let anonymous = builder.enumeration("", &[("UP", 3)]);
    builder.typedef("dir_t", anonymous);
    let btf = parse(&builder);
    assert_eq!(btf.enumerator(Some("op"), "WRITE").unwrap(), Some(1));
    assert_eq!(
        btf.enumerator(Some("big"), "DEEP").unwrap(),
        Some(1 << 32 | 5)
    );
    assert_eq!(btf.enumerator(Some("dir_t"), "UP").unwrap(), Some(3));
    assert_eq!(btf.enumerator(Some("op"), "TRIM").unwrap(), None);
    assert_eq!(btf.enumerator(None, "UP").unwrap(), Some(3));
    assert_eq!(btf.enumerator(None, "WRITE").unwrap(), None);
}

#[test]
fn sizes_of_arrays_and_pointers() {
    let mut builder = Builder::default();
    let int = builder.int("int", 4, 0, 32);
    let row = builder.array(int, 3);
    let table = builder.array(row, 5);
    let pointer = builder.ptr(table);
    let btf = parse(&builder);
    assert_eq!(btf.size_of(table).unwrap(), 60);
    assert_eq!(btf.size_of(pointer).unwrap(), 8);
    assert_eq!(btf.size_of(0).unwrap(), 0);
}
