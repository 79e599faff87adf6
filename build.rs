//! Tells the program which compiler built it.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=BUILD_REVISION");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let version = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.as_deref().map_or("", str::trim);
    let version = if version.is_empty() {
        "unknown"
    } else {
        version
    };
    println!("cargo:rustc-env=BUILD_RUSTC={version}");
}
