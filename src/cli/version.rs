/// The version of the package.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The git revision that was built, where the builder says it.
pub(super) const REVISION: Option<&str> = option_env!("BUILD_REVISION");

/// The compiler, as `rustc --version` calls itself; set by the build script.
pub(super) const RUSTC: &str = env!("BUILD_RUSTC");

/// What follows the name in `--version`.
pub(super) fn text() -> String {
    let revision = REVISION.map_or(String::new(), |revision| format!("revision: {revision}\n"));
    format!(
        "{VERSION}\n{revision}compiler: {RUSTC}\nplatform: linux/{}",
        std::env::consts::ARCH
    )
}
