//! Without the right to follow the kernel's own links to mapped files.

use std::fs;
use std::process::Command;
use std::thread;

use caps::{CapSet, Capability};
use geophone::discover::library::Counts;
use geophone_test_support::privileges;

use crate::library::Library;
use crate::mapper::Mapper;
use crate::mounts::{Upper, apart, layered, lower};
use crate::scan::Scan;

/// The number of libraries found by a thread that lacks it, and what it counted.
fn without_links(library: &Library) -> (usize, Counts) {
    let wanted = library.wanted();
    let scanned = thread::spawn(move || {
        for capability in [
            Capability::CAP_SYS_ADMIN,
            Capability::CAP_CHECKPOINT_RESTORE,
        ] {
            caps::drop(None, CapSet::Effective, capability).unwrap();
        }
        let mut scan = Scan::new(wanted);
        (scan.events().len(), scan.counts())
    });
    scanned.join().unwrap()
}

#[test]
fn files_are_found_under_their_path() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    lower(&library);
    let _here = Mapper::mapping(Command::new(library.mapper()).arg(library.path()));
    let _layered = [
        layered(&library, "one", Upper::Beside, ""),
        layered(&library, "two", Upper::Apart, ""),
    ];
    let _elsewhere = Mapper::mapping(&mut apart(
        &library,
        r#"mount -t tmpfs tmpfs /mnt; cp "$1/$2" /mnt; exec "$mapper" "/mnt/$2""#,
    ));
    let (found, counts) = without_links(&library);
    assert_eq!((found, counts.unreadable), (3, 0));
}

#[test]
fn another_file_is_not_taken_for_the_one_that_is_mapped() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let _mapper = Mapper::mapping(Command::new(library.mapper()).arg(library.path()));
    let staged = library.directory().join("staged");
    fs::copy(library.path(), &staged).unwrap();
    fs::rename(staged, library.path()).unwrap();
    assert_eq!(Scan::new(library.wanted()).events().len(), 1);
    let (found, counts) = without_links(&library);
    assert_eq!((found, counts.unreadable), (0, 1));
}
