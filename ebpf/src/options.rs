//! Read-only globals that the loader sets before the verifier sees them: frozen constants,
//! so that what an option switches off is not even verified.

/// Declares an option of a module: `option!(SPLIT: u32 = 1);`. The manifest names the symbol.
#[macro_export]
macro_rules! option {
    ($name:ident: $type:ty = $default:expr) => {
        #[unsafe(no_mangle)]
        pub static $name: ::aya_ebpf::Global<$type> = ::aya_ebpf::Global::new($default);
    };
}
