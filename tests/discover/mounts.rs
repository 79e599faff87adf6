//! Libraries in mount namespaces, which hold the mounts of a test and take them down.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use geophone_test_support::privileges;

use crate::library::Library;
use crate::mapper::Mapper;
use crate::scan::Scan;

/// A shell in a mount namespace of its own that runs these commands, and becomes the mapper
/// of the path that it ends with. `$1` is the library's directory, `$2` its name, and
/// `$mapper` the mapper.
pub fn apart(library: &Library, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-euc", script, "sh"])
        .arg(library.directory())
        .arg(library.name())
        .env("mapper", library.mapper());
    command
}

#[test]
fn a_bind_mount_is_the_same_library() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    let outside = Mapper::mapping(Command::new(library.mapper()).arg(library.path()));
    let found = scan.finds();
    let inside = Mapper::mapping(&mut apart(
        &library,
        r#"mkdir "$1/elsewhere"; touch "$1/elsewhere/$2"
           mount --bind "$1/$2" "$1/elsewhere/$2"
           exec "$mapper" "$1/elsewhere/$2""#,
    ));
    scan.finds_nothing();
    assert_eq!(scan.users(&found.key), [outside.tgid(), inside.tgid()]);
}

#[test]
fn a_file_that_only_another_namespace_has_is_found() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    let _mapper = Mapper::mapping(&mut apart(
        &library,
        r#"mkdir "$1/private"; mount -t tmpfs tmpfs "$1/private"; cp "$1/$2" "$1/private"
           exec "$mapper" "$1/private/$2""#,
    ));
    let found = scan.finds();
    let path = library.directory().join("private").join(library.name());
    assert_eq!(found.path, path);
    assert!(!path.exists());
}

#[test]
fn a_file_below_another_root_is_found() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let mut scan = Scan::new(library.wanted());
    let _mapper = Mapper::mapping(&mut apart(
        &library,
        r#"mkdir "$1/root"; mount --rbind / "$1/root"; mount -t tmpfs tmpfs "$1/root/mnt"
           cp "$1/$2" "$1/root/mnt"
           exec chroot "$1/root" "$mapper" "/mnt/$2""#,
    ));
    let found = scan.finds();
    assert!(
        found.path.ends_with(Path::new("mnt").join(library.name())),
        "{found:?}"
    );
}

/// Where an overlay keeps what is written to it.
#[derive(Clone, Copy)]
pub enum Upper {
    /// On the file system of the layer below, as containers have it.
    Beside,
    /// On another one: stat(2) then gives a third device.
    Apart,
}

/// A layer below, with the library in it.
pub fn lower(library: &Library) -> PathBuf {
    let lower = library.directory().join("lower");
    fs::create_dir(&lower).unwrap();
    let path = lower.join(library.name());
    fs::copy(library.path(), &path).unwrap();
    path
}

/// A mapper of the library in an overlay mount of its own, of this name, after `change` was
/// done to `$path`.
pub fn layered(library: &Library, name: &str, upper: Upper, change: &str) -> Mapper {
    let apart_from_lower = match upper {
        Upper::Beside => "",
        Upper::Apart => r#"mount -t tmpfs tmpfs "$1/$name""#,
    };
    let script = format!(
        r#"name={name}; mkdir "$1/$name"; {apart_from_lower}
           mkdir "$1/$name/upper" "$1/$name/work" "$1/$name/merged"
           options="lowerdir=$1/lower,upperdir=$1/$name/upper,workdir=$1/$name/work"
           mount -t overlay -o "$options" overlay "$1/$name/merged"
           path="$1/$name/merged/$2"; {change}
           exec "$mapper" "$path""#
    );
    Mapper::mapping(&mut apart(library, &script))
}

#[test]
fn a_layer_s_file_is_one_library_in_all_overlays() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let lower = lower(&library);
    let mut scan = Scan::new(library.wanted());
    let one = layered(&library, "one", Upper::Beside, "");
    let found = scan.finds();
    let two = layered(&library, "two", Upper::Apart, "");
    let three = layered(&library, "three", Upper::Beside, "");
    let below = Mapper::mapping(Command::new(library.mapper()).arg(&lower));
    scan.finds_nothing();
    let users = [&one, &two, &three, &below].map(Mapper::tgid);
    assert_eq!(scan.users(&found.key), users);
}

#[test]
fn a_file_that_was_copied_up_is_a_library_of_its_own() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    lower(&library);
    let mut scan = Scan::new(library.wanted());
    let _one = layered(&library, "one", Upper::Beside, "");
    let below = scan.finds();
    let _two = layered(&library, "two", Upper::Beside, r#"chown 1:1 "$path""#);
    let copied = scan.finds();
    assert_eq!(copied.key.inode, below.key.inode);
    assert_eq!(copied.key.build_id, below.key.build_id);
    assert_ne!(copied.key.birth, below.key.birth);
}
