//! That what is one library here is what a uprobe takes for one, asked of the kernel.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::PathBuf;
use std::process::Command;

use geophone::discover::library::Event;
use geophone_test_support::mount::FileSystem;
use geophone_test_support::privileges;
use object::{Object as _, ObjectSymbol as _};

use crate::library::Library;
use crate::mapper::Mapper;
use crate::mounts::{Upper, layered, lower};
use crate::scan::Scan;

/// A uprobe of the kernel's own (Documentation/trace/uprobetracer.rst).
struct Uprobe {
    tracing: FileSystem,
    event: String,
}

impl Uprobe {
    fn attach(name: &str, path: &std::path::Path, offset: u64) -> Self {
        let uprobe = Self {
            tracing: FileSystem::of_kind("tracefs").unwrap(),
            event: format!("geophone_{}/{name}", std::process::id()),
        };
        let definition = format!("p:{} {}:{offset:#x}", uprobe.event, path.display());
        uprobe.define(&definition).unwrap();
        fs::write(uprobe.enable(), "1").unwrap();
        uprobe
    }

    fn enable(&self) -> PathBuf {
        self.tracing
            .path()
            .join("events")
            .join(&self.event)
            .join("enable")
    }

    fn define(&self, definition: &str) -> std::io::Result<()> {
        let events = self.tracing.path().join("uprobe_events");
        let mut events = OpenOptions::new().append(true).open(events)?;
        events.write_all(definition.as_bytes())
    }

    fn hits(&self) -> u64 {
        let profile = fs::read_to_string(self.tracing.path().join("uprobe_profile")).unwrap();
        let name = self.event.split('/').next_back().unwrap();
        profile
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().rev();
                Some((words.next()?, words.next()?))
            })
            .find_map(|(hits, event)| (event == name).then(|| hits.parse().unwrap()))
            .unwrap()
    }
}

impl Drop for Uprobe {
    fn drop(&mut self) {
        let _ = fs::write(self.enable(), "0");
        if let Err(error) = self.define(&format!("-:{}", self.event)) {
            eprintln!("left behind: uprobe {}: {error}", self.event);
        }
    }
}

fn offset(library: &Library) -> u64 {
    let bytes = fs::read(library.path()).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    // Linkers put the text as far into the file as into the memory.
    let symbol = file
        .dynamic_symbols()
        .find(|symbol| symbol.name() == Ok("geophone_test_function"))
        .unwrap();
    symbol.address()
}

#[test]
fn one_key_is_one_inode_to_uprobes() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let lower = lower(&library);
    let mut scan = Scan::new(library.wanted());
    let mut mappers = [
        layered(&library, "one", Upper::Beside, ""),
        layered(&library, "two", Upper::Apart, ""),
        Mapper::mapping(Command::new(library.mapper()).arg(&lower)),
        layered(&library, "three", Upper::Beside, r#"chown 1:1 "$path""#),
    ];
    let found: Vec<_> = scan
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Found(library, file) => (library, file),
            event => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(found.len(), 2);
    for (index, (library_found, file)) in found.iter().enumerate() {
        let users = scan.users(&library_found.key);
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        let name = format!("library_{index}");
        let uprobe = Uprobe::attach(&name, path.as_ref(), offset(&library));
        let mut hits = 0;
        for mapper in &mut mappers {
            mapper.order("c");
            hits += if users.contains(&mapper.tgid()) {
                10
            } else {
                0
            };
            assert_eq!(uprobe.hits(), hits, "{} in {users:?}", mapper.tgid());
        }
    }
}
