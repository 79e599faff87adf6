use std::fs::{self, File};
use std::io::Read as _;
use std::process::Command;
use std::time::Duration;

use geophone::discover::library::{Event, Through};
use geophone_test_support::{privileges, wait};

use crate::library::{Library, build};
use crate::mapper::Mapper;
use crate::scan::Scan;

const MINUTE: Duration = Duration::from_secs(61);

fn mapper(library: &Library) -> Command {
    let mut command = Command::new(library.mapper());
    command.arg(library.path());
    command
}

fn contents(mut file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn it_is_found_once_it_is_mapped_and_gone_after_the_process() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    scan.finds_nothing();
    let mapper = Mapper::mapping(&mut mapper(&library));
    let found = scan.finds();
    assert_eq!(*found.name, *library.name());
    assert_eq!(found.path, library.path());
    assert_eq!(found.through, Through::Process(mapper.tgid()));
    assert_eq!(found.wanted, ["test".into()]);
    assert_eq!(found.key.build_id.clone().unwrap().bytes().len(), 20);

    let process = scan.processes(&found.key).next().unwrap().clone();
    assert_eq!((process.tgid, &*process.comm), (mapper.tgid(), "mapper"));
    let cgroup = process.cgroup.unwrap();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    assert!(own.contains(&format!("0::{}\n", cgroup.path)), "{cgroup:?}");

    drop(mapper);
    scan.finds_nothing();
    assert!(scan.users(&found.key).is_empty());
    let events = scan.after(MINUTE);
    assert!(
        matches!(&events[..], [Event::Gone(key)] if *key == found.key),
        "{events:?}"
    );
    assert_eq!(scan.libraries().count(), 0);
}

#[test]
fn one_that_is_opened_late_is_found_in_a_minute_or_when_asked_for() {
    if !privileges::present() {
        return;
    }
    for asked in [true, false] {
        let library = Library::new();
        let mut scan = Scan::new(library.wanted());
        let mut mapper = Mapper::idle(&mut mapper(&library));
        for _ in 0..4 {
            scan.finds_nothing();
        }
        mapper.order("m");
        let events = if asked {
            scan.rescan(mapper.tgid())
        } else {
            scan.after(MINUTE)
        };
        assert!(matches!(&events[..], [Event::Found(..)]), "{events:?}");
    }
}

#[test]
fn a_file_that_was_replaced_is_another_library() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    let _old = Mapper::mapping(&mut mapper(&library));
    let before = fs::read(library.path()).unwrap();
    let staged = library.directory().join("staged");
    build(&staged, 2);
    fs::rename(staged, library.path()).unwrap();

    // Found only now: its name leads to another file.
    let events = scan.events();
    let [Event::Found(old, file)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(contents(file) == before);
    assert_eq!((&*old.name, &old.path), (&*library.name(), &library.path()));

    let new = Mapper::mapping(&mut mapper(&library));
    let found = scan.finds();
    assert_ne!(found.key.inode, old.key.inode);
    assert_ne!(found.key.build_id, old.key.build_id);
    assert_eq!(scan.users(&found.key), [new.tgid()]);
    assert_eq!(scan.users(&old.key).len(), 1);
}

#[test]
fn a_copy_is_another_library_with_the_same_build() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    let _first = Mapper::mapping(&mut mapper(&library));
    let first = scan.finds();
    let copy = library.directory().join("copy");
    fs::create_dir(&copy).unwrap();
    let copy = copy.join(library.name());
    fs::copy(library.path(), &copy).unwrap();
    let _second = Mapper::mapping(Command::new(library.mapper()).arg(copy));
    let second = scan.finds();
    assert_eq!(first.key.build_id, second.key.build_id);
    assert_ne!(first.key, second.key);
}

#[test]
fn a_file_that_was_deleted_is_found() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    let _mapper = Mapper::mapping(&mut mapper(&library));
    let before = fs::read(library.path()).unwrap();
    fs::remove_file(library.path()).unwrap();
    let events = scan.events();
    let [Event::Found(found, file)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(*found.name, *library.name());
    assert!(contents(file) == before);
}

#[test]
fn odd_names_are_found() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    for directory in ["a b", "new\nline", "gone (deleted)", "back\\012slash"] {
        let directory = library.directory().join(directory);
        fs::create_dir(&directory).unwrap();
        let path = directory.join(library.name());
        fs::copy(library.path(), &path).unwrap();
        let mut scan = Scan::new(library.wanted());
        let _mapper = Mapper::mapping(Command::new(library.mapper()).arg(&path));
        let found = scan.finds();
        assert_eq!(*found.name, *library.name());
        let is_shown_plainly = !path.to_str().unwrap().contains('\\');
        assert_eq!(found.path == path, is_shown_plainly);
    }
}

#[test]
fn a_process_whose_main_thread_has_ended_is_read() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    let mut mapper = Mapper::mapping(&mut mapper(&library));
    mapper.order("t");
    let maps = format!("/proc/{}/maps", mapper.tgid());
    wait::until("the main thread to end", Duration::from_secs(10), || {
        Ok(fs::read_to_string(&maps)?.is_empty().then_some(()))
    })
    .unwrap();
    let found = scan.finds();
    assert_eq!(scan.users(&found.key), [mapper.tgid()]);
    mapper.order("c");
}
