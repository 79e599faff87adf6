//! The modules inside the binary.

/// A built-in module as it is embedded.
pub(super) struct Embedded {
    /// Name for errors: the manifest's path in the source tree.
    pub file: &'static str,
    pub manifest: &'static str,
    pub object: &'static [u8],
}

/// Built-in modules, in the order in which they are loaded and exposed.
pub(super) const MODULES: &[Embedded] = &[];
