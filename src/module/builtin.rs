//! The modules inside the binary.

/// A built-in module as it is embedded.
pub(super) struct Embedded {
    /// Name for errors: the manifest's path in the source tree.
    pub file: &'static str,
    pub manifest: &'static str,
    pub object: &'static [u8],
}

/// The object for this architecture: tracepoint arguments are the same everywhere, the
/// registers of user and kernel functions are not. Aligned as ELF readers want it.
#[cfg(target_arch = "x86_64")]
macro_rules! object {
    ($name:literal) => {
        aya::include_bytes_aligned!(concat!("../../ebpf/prebuilt/x86_64/", $name, ".o"))
    };
}

#[cfg(target_arch = "aarch64")]
macro_rules! object {
    ($name:literal) => {
        aya::include_bytes_aligned!(concat!("../../ebpf/prebuilt/aarch64/", $name, ".o"))
    };
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
compile_error!(
    "no eBPF objects for this architecture: tell ebpf/src/registers.rs its registers, and \
     xtask/src/build_ebpf.rs its name, and run `cargo xtask build-ebpf`"
);

macro_rules! embedded {
    ($name:literal) => {
        Embedded {
            file: concat!("ebpf/modules/", $name, ".toml"),
            manifest: include_str!(concat!("../../ebpf/modules/", $name, ".toml")),
            object: object!($name),
        }
    };
}

/// Built-in modules, in the order in which they are loaded and exposed.
pub(super) const MODULES: &[Embedded] = &[
    embedded!("runqueue"),
    embedded!("block_io"),
    embedded!("tcp"),
    embedded!("cuda"),
    embedded!("cudart"),
    embedded!("hip"),
    embedded!("nccl"),
    embedded!("dma_fence"),
    embedded!("gpu_scheduler"),
    embedded!("nvidia"),
    embedded!("nvidia_uvm"),
];
