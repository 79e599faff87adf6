//! Geophone's reading of libraries, and of the code in them, against that of binutils.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use geophone::kernel::uprobe::{Execution, Library, Site};

/// The C library that this process uses: 3,000 functions, some of them with versions, of which
/// it decides at run time, and in assembly.
fn libc() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    paths.find(|path| path.contains("/libc.so")).unwrap().into()
}

fn output(program: &str, arguments: &[&str], file: &PathBuf) -> String {
    let output = Command::new(program).args(arguments).arg(file).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{program}");
    String::from_utf8(output.stdout).unwrap()
}

/// Name, address, size and type of every symbol that is defined.
fn symbols(file: &PathBuf) -> Vec<(String, u64, u64, String)> {
    let listing = output("readelf", &["--dyn-syms", "-W"], file);
    let symbol = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let address = u64::from_str_radix(fields.next()?, 16).ok()?;
        let size = fields.next()?.parse().ok()?;
        let kind = fields.next()?.to_owned();
        let section = fields.nth(2)?;
        let name = fields.next()?.split('@').next()?.to_owned();
        (section != "UND").then_some((name, address, size, kind))
    };
    listing.lines().filter_map(symbol).collect()
}

#[test]
fn functions_are_those_that_readelf_lists() {
    let file = libc();
    let library = Library::open(&file).unwrap();
    let mut listed: BTreeMap<String, BTreeSet<(u64, u64)>> = BTreeMap::new();
    for (name, address, size, kind) in symbols(&file) {
        let functions = listed.entry(name).or_default();
        if kind == "FUNC" {
            functions.insert((address, size));
        }
    }
    assert!(listed.len() > 2000, "{}", listed.len());
    for (name, expected) in &listed {
        let functions = library.functions(name).unwrap();
        let found: BTreeSet<_> = functions.iter().map(|it| (it.address, it.size)).collect();
        assert_eq!(&found, expected, "{name}");
    }
    let notes = output("readelf", &["-n"], &file);
    let id = notes
        .lines()
        .find_map(|line| line.split("Build ID: ").nth(1));
    assert_eq!(library.build_id().map(ToString::to_string).as_deref(), id);
}

/// Instructions by their addresses, as objdump writes them.
fn instructions(file: &PathBuf) -> BTreeMap<u64, String> {
    let listing = output("objdump", &["-d", "-w", "--no-show-raw-insn"], file);
    let instruction = |line: &str| {
        let (address, text) = line.split_once(":\t")?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        Some((address, text.split(" <").next()?.trim().to_owned()))
    };
    listing.lines().filter_map(instruction).collect()
}

/// Whether behind an instruction the call is no longer as the caller left it, by its text.
fn disturbs(text: &str) -> bool {
    const GO_ELSEWHERE: [&str; 12] = [
        "push", "pop", "call", "j", "ret", "leave", "enter", "loop", "syscall", "rep", "int", "ud2",
    ];
    const WRITE_NOTHING: [&str; 11] = [
        "cmp", "test", "bt ", "nop", "endbr64", "prefetch", "ucomis", "comis", "cs nop", "fld",
        "fild",
    ];
    // Low bytes are written sil, and so on, the rest by one letter before or behind.
    const UNTOUCHABLE: [&str; 7] = ["sp", "di", "si", "dx", "cx", "8", "9"];
    let begins = |with: &[&str]| with.iter().any(|it| text.starts_with(it));
    if begins(&GO_ELSEWHERE) {
        return true;
    }
    let destination = text.rsplit([',', ' ']).next().unwrap_or_default();
    let Some(register) = destination.strip_prefix('%') else {
        return destination.ends_with(')') && !begins(&WRITE_NOTHING);
    };
    let name = register.trim_start_matches(['r', 'e']);
    let name = name.trim_end_matches(['l', 'h', 'b', 'w']);
    let is_byte = ["dl", "dh", "cl", "ch"].contains(&register);
    !begins(&WRITE_NOTHING) && (is_byte || UNTOUCHABLE.contains(&name.trim_end_matches('d')))
}

#[test]
fn places_are_on_the_straight_line_that_objdump_shows() {
    let file = libc();
    let library = Library::open(&file).unwrap();
    let names: Vec<_> = symbols(&file).into_iter().map(|(name, ..)| name).collect();
    let sites = library.sites(names.iter().map(String::as_str)).unwrap();
    let instructions = instructions(&file);
    let mut cheap = 0;
    for Site {
        function,
        placement,
        names,
    } in &sites
    {
        cheap += usize::from(placement.execution == Execution::Emulated);
        let place = function.address + placement.offset;
        for (address, text) in instructions.range(function.address..place) {
            assert!(!disturbs(text), "{names:?} at {address:x}: {text}");
        }
        let text = instructions.get(&place);
        let text = text.unwrap_or_else(|| panic!("{names:?}: no instruction at {place:x}"));
        let emulated = ["push ", "j", "nop", "call "]
            .iter()
            .any(|it| text.starts_with(it));
        assert_eq!(
            emulated,
            placement.execution != Execution::Stepped,
            "{names:?}: {text}"
        );
    }
    println!("{cheap} of {} functions have a cheap place", sites.len());
    assert!(cheap > 0);
}
