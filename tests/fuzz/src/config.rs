use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use geophone::cli::render;
use geophone::config::{Config, Draft, FlagSetting, Overrides, Sources};
use geophone::module::Catalogue;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::mistakes;

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::builtin().expect("manifests without mistakes"));

thread_local! {
    /// Where the file of the input is put: in memory.
    static FILE: RefCell<File> = RefCell::new(
        memfd_create(c"geophone.toml", MemfdFlags::CLOEXEC)
            .expect("a file in memory")
            .into(),
    );
}

/// A configuration: the file; then, each after a zero byte, variables (`NAME=VALUE`) and flags
/// (`--flag=VALUE`).
pub fn check(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let file = written(parts.next().unwrap_or_default());
    let mut environment: Vec<(OsString, OsString)> = Vec::new();
    let mut settings: Vec<FlagSetting> = Vec::new();
    for part in parts {
        let at = part.iter().position(|byte| *byte == b'=');
        let (name, value) = part.split_at(at.unwrap_or(part.len()));
        let value = value.strip_prefix(b"=").unwrap_or(value);
        match str::from_utf8(name).map(|name| name.strip_prefix("--")) {
            Ok(Some(path)) => settings.push(FlagSetting {
                flag: format!("--{path}"),
                path: path.to_owned(),
                values: vec![String::from_utf8_lossy(value).into_owned()],
            }),
            _ => environment.push((os(name), os(value))),
        }
    }
    let overrides = Overrides {
        file: Some(file),
        settings,
    };
    let sources = Sources {
        overrides,
        environment,
        default_file: None,
    };
    match Draft::read(&sources, CATALOGUE.clone()) {
        Ok(Draft { loaded, mistakes }) => {
            mistakes::check(&mistakes);
            let Config {
                sweep, statistics, ..
            } = &loaded.config;
            if mistakes.is_empty() {
                assert!(sweep.min_interval <= sweep.interval);
                assert!(statistics.window <= statistics.period);
            }
            let _ = render::summary(&loaded.config);
        }
        Err(found) => {
            assert!(!found.is_empty(), "refused, and nothing is wrong");
            mistakes::check(&found);
        }
    }
}

fn os(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}

fn written(bytes: &[u8]) -> PathBuf {
    FILE.with_borrow_mut(|file| {
        file.set_len(0).expect("memory");
        file.rewind().expect("a file");
        file.write_all(bytes).expect("memory");
        format!("/proc/self/fd/{}", file.as_raw_fd()).into()
    })
}
