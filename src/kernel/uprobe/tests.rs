#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use geophone_test_support::replica::{self, compile};
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

use super::*;

/// A library's bytes, with what `flags` ask of the linker.
fn linked(source: &str, flags: &[&str]) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("library.c");
    fs::write(&file, source).unwrap();
    let library = directory.path().join("library");
    compile(&file, &library, &[&["-shared", "-fPIC"], flags].concat()).unwrap();
    fs::read(library).unwrap()
}

fn read(bytes: &[u8]) -> Library<&[u8]> {
    Library::read(bytes).unwrap()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn functions_are_probed_where_it_is_cheap_and_correct() {
    use Execution::{Emulated, LongNop, Stepped};
    let replica = replica::Replica::build().unwrap();
    let library = Library::open(&replica.library()).unwrap();
    for (name, offset, execution) in [
        ("thunk", 10, Emulated),
        ("thunk_of_zero", 7, Emulated),
        ("thunk_unsized", 10, Emulated),
        ("push", 0, Emulated),
        ("push_high", 0, Emulated),
        ("endbr_push", 4, Emulated),
        ("work_push", 22, Emulated),
        ("nop_jump", 0, Emulated),
        ("endbr_jump", 4, Emulated),
        ("endbr_jcc", 7, Emulated),
        ("long_nop", 0, LongNop),
        ("long_nop_push", 9, Emulated),
        ("prefixed_nop", 2, Emulated),
        ("endbr_sub", 0, Stepped),
        ("endbr_call", 0, Stepped),
        ("clobber", 0, Stepped),
        ("store", 0, Stepped),
        ("loop", 0, Stepped),
        ("far_loop", 0, Stepped),
        ("whole_loop", 3, Emulated),
    ] {
        let sites = library.sites([name]).unwrap();
        let [site] = sites.as_slice() else {
            panic!("{name}: {sites:?}");
        };
        let expected = Placement { offset, execution };
        assert_eq!(site.placement, expected, "{name}");
        assert_eq!(site.offset(), site.function.offset + offset);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn names_of_one_function_share_its_site() {
    let replica = replica::Replica::build().unwrap();
    let library = Library::open(&replica.library()).unwrap();
    let names = [
        "thunk",
        "push",
        "absent",
        "no_function",
        "state",
        "thunk_v2",
    ];
    let sites = library.sites(names).unwrap();
    let names: Vec<_> = sites.iter().map(|site| site.names.clone()).collect();
    assert_eq!(names, [vec!["thunk", "thunk_v2"], vec!["push"]]);
}

/// As compilers make them: with and without optimization and a mark for indirect branches.
#[cfg(target_arch = "x86_64")]
#[test]
fn compiled_functions() {
    let source = "long f(long a) { extern long g(long *); return g(&a); }";
    let expected = |flags: &[&str]| {
        let bytes = linked(source, flags);
        let sites = read(&bytes).sites(["f"]).unwrap();
        sites.first().unwrap().placement
    };
    let at = |offset, execution| Placement { offset, execution };
    for (flags, place) in [
        (
            &["-O0", "-fcf-protection=full"][..],
            at(4, Execution::Emulated),
        ),
        (&["-O0", "-fcf-protection=none"], at(0, Execution::Emulated)),
        (&["-fcf-protection=full"], at(0, Execution::Stepped)),
        (
            &["-fcf-protection=full", "-fpatchable-function-entry=1"],
            at(4, Execution::Emulated),
        ),
        (
            &["-fno-omit-frame-pointer", "-fcf-protection=full"],
            at(4, Execution::Emulated),
        ),
    ] {
        assert_eq!(expected(flags), place, "{flags:?}");
    }
}

#[test]
fn both_kinds_of_hash_tables_are_read() {
    use std::fmt::Write as _;
    let mut source = String::new();
    for number in 0..500 {
        writeln!(source, "int f{number}(void) {{ return {number}; }}").unwrap();
    }
    source.push_str("int data; int getpid(void); int call(void) { return getpid(); }");
    for style in ["gnu", "sysv", "both"] {
        let bytes = linked(&source, &[&format!("-Wl,--hash-style={style}")]);
        let library = read(&bytes);
        let mut known = std::collections::BTreeSet::new();
        for number in 0..500 {
            let functions = library.functions(&format!("f{number}")).unwrap();
            assert_eq!(functions.len(), 1, "{style}: f{number}");
            known.extend(functions.iter().map(|function| function.address));
        }
        assert_eq!(known.len(), 500);
        for name in ["f500", "f", "", "data", "getpid", "f1\0"] {
            assert_eq!(library.functions(name).unwrap(), [], "{style}: {name}");
        }
    }
}

#[test]
fn versions_of_a_function_are_all_found() {
    let directory = TempDir::new().unwrap();
    let script = directory.path().join("versions");
    fs::write(&script, "OLD {}; NEW { global: *; } OLD;").unwrap();
    let source = "int before(void) { return 1; } int after(void) { return 2; }\n\
                  __asm__(\".symver before, f@OLD\\n.symver after, f@@NEW\");";
    let script = format!("-Wl,--version-script={}", script.display());
    let bytes = linked(source, &[&script]);
    let library = read(&bytes);
    let functions = library.functions("f").unwrap();
    assert_eq!(functions.len(), 2);
    assert_eq!(library.sites(["f"]).unwrap().len(), 2);
    for name in ["before", "after"] {
        let same = library.functions(name).unwrap();
        assert!(functions.contains(same.first().unwrap()), "{name}");
    }
}

#[test]
fn what_is_not_of_this_machine_is_refused() {
    let bytes = linked("int f(void) { return 1; }", &[]);
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        Library::read(bytes.as_slice()).unwrap_err()
    };
    assert!(matches!(with(0, 0), LibraryError::NotElf));
    assert!(matches!(with(4, 1), LibraryError::Foreign), "32 bits");
    assert!(matches!(with(5, 2), LibraryError::Foreign), "byte order");
    assert!(matches!(with(18, 8), LibraryError::Foreign), "machine");
    assert!(matches!(with(16, 1), LibraryError::NotElf), "object file");
    assert!(matches!(with(54, 1), LibraryError::Damaged(_)), "headers");
    assert!(matches!(
        Library::read(&b"\x7fELF"[..]),
        Err(LibraryError::NotElf)
    ));
    let cut = bytes.get(..100).unwrap();
    assert!(matches!(Library::read(cut), Err(LibraryError::Damaged(_))));
}

#[test]
fn what_is_no_library_is_refused() {
    let directory = TempDir::new().unwrap();
    let open = |path: &Path| Library::open(path).unwrap_err();
    assert!(matches!(open(directory.path()), LibraryError::NotAFile));
    assert!(matches!(
        open(&directory.path().join("none")),
        LibraryError::Read(_)
    ));
    let pipe = directory.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    assert!(matches!(open(&pipe), LibraryError::NotAFile));

    let (source, program) = (
        directory.path().join("main.c"),
        directory.path().join("main"),
    );
    fs::write(&source, "int main(void) { return 0; }").unwrap();
    compile(&source, &program, &["-static"]).unwrap();
    assert!(matches!(open(&program), LibraryError::NoSymbols));
    compile(&source, &program, &["-rdynamic"]).unwrap();
    let functions = Library::open(&program).unwrap().functions("main").unwrap();
    assert_eq!(functions.len(), 1);
}

#[test]
fn a_build_id_is_read_where_there_is_one() {
    let source = "int f(void) { return 1; }";
    let id = |flag: &str| {
        let bytes = linked(source, &[flag]);
        read(&bytes).build_id().map(ToString::to_string)
    };
    let given = "0123456789abcdef0123456789abcdef01234567";
    let flag = format!("-Wl,--build-id=0x{given}");
    assert_eq!(id(&flag).as_deref(), Some(given));
    assert_eq!(id("-Wl,--build-id=none"), None);
}

/// Asks everything that can be asked of a library.
fn exercise(bytes: &[u8]) {
    let Ok(library) = Library::read(bytes) else {
        return;
    };
    let _ = library.build_id().map(ToString::to_string);
    for name in ["f", "g", "h", "absent"] {
        let _ = library.sites([name]);
    }
}

/// Small libraries, one for each kind of hash table.
static SAMPLES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let source = "int f(void) { return 1; } int g(void) { return 2; } int h(void) { return 3; }";
    ["gnu", "sysv"].map(|style| linked(source, &[&format!("-Wl,--hash-style={style}")]))
});

/// Where the parts are that decide: headers, notes, hash table, symbols, names; code; and the
/// dynamic section.
const PARTS: [std::ops::Range<usize>; 3] = [0..0x400, 0x1000..0x1100, 0x2e00..0x3000];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn damaged_libraries_are_refused_or_read_and_never_worse(
        sample in 0..2_usize,
        changes in prop::collection::vec((0..3_usize, any::<Index>(), any::<u8>()), 1..8),
        length in prop::option::weighted(0.1, any::<Index>()),
    ) {
        let mut bytes = SAMPLES[sample].clone();
        for (part, at, byte) in changes {
            let part = PARTS[part].clone();
            let at = part.start + at.index(part.len());
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Some(length) = length {
            bytes.truncate(length.index(bytes.len()));
        }
        exercise(&bytes);
    }
}
