use std::borrow::Cow;

use geophone::cli::render;
use geophone::config::ModuleConfig;
use geophone::module::{Manifest, Module, ModuleSource};
use geophone::sweep;

use crate::mistakes;

/// Of the manifest that is the first seed.
const OBJECT: &[u8] = include_bytes!("../../../config/modules/softirq.o");

/// A user's manifest.
pub fn check(bytes: &[u8]) {
    // Other files are refused before they are read.
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let manifest = match Manifest::parse("fuzz.toml", text) {
        Ok(manifest) => manifest,
        Err(found) => {
            mistakes::check_text(&found, text);
            return;
        }
    };
    if let Err(found) = Manifest::parse_builtin("fuzz.toml", text) {
        mistakes::check_text(&found, text);
    }
    for metric in &manifest.metrics {
        for split in [false, true] {
            let descriptor = manifest.descriptor(metric, split);
            assert!(is_name(&descriptor.name), "{}", descriptor.name);
            for label in &descriptor.labels {
                assert!(is_name(label), "{label}");
            }
        }
        let _ = manifest.worst_case_series(metric);
    }
    let settings = ModuleConfig::defaults(&manifest);
    let module = Module {
        manifest,
        object: Cow::Borrowed(OBJECT),
        source: ModuleSource::Builtin,
    };
    let _ = sweep::verify(&module, &settings);
    let _ = render::modules_markdown([&module], &[]);
}

/// What every version of Prometheus takes as a name.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    first.is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
