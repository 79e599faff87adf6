use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use geophone::discover::library::{Event, Through};
use geophone_test_support::{privileges, wait};

use crate::library::{Library, build};
use crate::mapper::Mapper;
use crate::mounts::apart;
use crate::scan::Scan;

/// A host below a directory, whose loader knows a library.
fn host(library: &Library) -> PathBuf {
    let root = library.directory().join("root");
    for directory in ["lib", "etc", "opt"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::rename(library.path(), root.join("lib").join(library.name())).unwrap();
    ldconfig(&root);
    root
}

/// Writes the loader's cache.
fn ldconfig(root: &Path) {
    let output = Command::new("/sbin/ldconfig")
        .arg("-r")
        .arg(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_the_loader_knows_is_found_before_it_is_used() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let root = host(&library);
    let mut scan = Scan::of_host(&root, library.wanted());
    let found = scan.finds();
    assert_eq!(found.through, Through::Host);
    assert_eq!(found.path, Path::new("/lib").join(library.name()));
    assert!(scan.users(&found.key).is_empty());

    let file = root.join("lib").join(library.name());
    let mapper = Mapper::mapping(Command::new(library.mapper()).arg(file));
    scan.finds_nothing();
    assert_eq!(scan.users(&found.key), [mapper.tgid()]);
    drop(mapper);
    scan.finds_nothing();
    assert!(scan.after(Duration::from_mins(10)).is_empty());
}

#[test]
fn an_upgrade_is_told_and_a_removal_too() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let root = host(&library);
    let file = root.join("lib").join(library.name());
    let mut scan = Scan::of_host(&root, library.wanted());
    let found = scan.finds();
    let staged = library.directory().join("staged");
    build(&staged, 2);
    fs::rename(&staged, &file).unwrap();
    let events = scan.events();
    let [
        Event::Found(upgraded, _),
        Event::Replaced { path, old, new },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(path, &found.path);
    assert_eq!((old, new), (&found.key, &upgraded.key));
    let events = scan.after(Duration::from_secs(61));
    assert!(
        matches!(&events[..], [Event::Gone(key)] if key == old),
        "{events:?}"
    );

    fs::remove_file(&file).unwrap();
    scan.finds_nothing();
    let events = scan.after(Duration::from_secs(61));
    assert!(
        matches!(&events[..], [Event::Gone(key)] if key == new),
        "{events:?}"
    );
}

#[test]
fn an_overwritten_file_comes_anew() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let root = host(&library);
    let file = root.join("lib").join(library.name());
    let mut scan = Scan::of_host(&root, library.wanted());
    let found = scan.finds();
    let staged = library.directory().join("staged");
    build(&staged, 2);
    fs::write(&file, fs::read(staged).unwrap()).unwrap();
    let events = scan.events();
    let [Event::Gone(gone), Event::Found(new, _)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(gone, &found.key);
    assert_eq!(new.key.inode, found.key.inode);
    assert_ne!(new.key.build_id, found.key.build_id);
}

#[test]
fn known_places_are_looked_into_below_the_root() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let root = host(&library);
    let place = root.join("opt/driver");
    fs::create_dir(&place).unwrap();
    build(&place.join(library.name()), 2);
    // A link that only the root's own view resolves.
    symlink("/opt/driver", root.join("opt/current")).unwrap();
    let mut wanted = library.wanted();
    wanted[0].places = vec!["/opt/current".into(), "/opt/none".into()];
    let mut scan = Scan::of_host(&root, wanted);
    let paths: Vec<_> = scan
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Found(library, _) => Some(library.path),
            _ => None,
        })
        .collect();
    let name = library.name();
    let expected = ["/lib", "/opt/current"].map(|place| Path::new(place).join(&name));
    assert_eq!(paths, expected);
    assert_eq!(scan.counts().host_unreadable, 0);
}

#[test]
fn a_host_is_seen_through_the_root_of_one_of_its_processes() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let inside = Mapper::idle(&mut apart(
        &library,
        r#"mkdir "$1/private"; mount -t tmpfs tmpfs "$1/private"; cp "$1/$2" "$1/private"
           exec "$mapper" "$1/private/$2""#,
    ));
    let place = library.directory().join("private");
    let mut wanted = library.wanted();
    wanted[0].places = vec![place.clone()];
    let root = format!("/proc/{}/root", inside.tgid());
    let found = wait::until("the mapper to be there", Duration::from_secs(10), || {
        let mut scan = Scan::of_host(Path::new(&root), wanted.clone());
        Ok(scan.events().pop())
    });
    let Event::Found(found, _) = found.unwrap() else {
        panic!();
    };
    assert_eq!(found.through, Through::Host);
    assert_eq!(found.path, place.join(library.name()));
    assert!(Scan::new(wanted).events().is_empty());
}
