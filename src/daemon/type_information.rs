use crate::config::{ConfigError, Loaded};
use crate::kernel::KernelBtf;

/// Reads the file of type information that the configuration names, if any: with one that
/// cannot be used no module would run.
///
/// # Errors
///
/// It cannot be read or understood, or is of another kernel.
pub fn check_type_information(loaded: &Loaded) -> Result<(), ConfigError> {
    let Some(file) = &loaded.config.btf else {
        return Ok(());
    };
    let remedy =
        "name a BTF file made for this kernel, or leave btf out where the kernel carries its own";
    KernelBtf::open(Some(file))
        .map(drop)
        .map_err(|error| ConfigError {
            origin: loaded.origin("btf").clone(),
            message: format!("btf: {error}; {remedy}"),
        })
}
