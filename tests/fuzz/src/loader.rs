use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use aya_obj::btf::{Btf, BtfFeatures};
use aya_obj::generated::bpf_map_type;
use aya_obj::{Features, Object};
use object::Endianness;

/// What a recent kernel can, of which the loader asks the running one.
static FEATURES: LazyLock<Features> = LazyLock::new(|| {
    let btf = BtfFeatures::new(true, true, true, true, true, true, true, true);
    Features::new(true, true, true, true, true, true, true, Some(btf))
});

/// And what an old one can.
static FEW: LazyLock<Features> = LazyLock::new(|| {
    let btf = BtfFeatures::new(false, false, false, false, false, false, false, false);
    Features::new(false, false, false, false, false, false, false, Some(btf))
});

/// A small kernel's type information.
static KERNEL: LazyLock<Btf> = LazyLock::new(|| {
    let bytes = include_bytes!("../seeds/btf/kernel");
    Btf::parse(bytes, Endianness::Little).expect("type information")
});

/// What the loader does with an object until it asks the kernel for something, on a recent kernel
/// and on an old one: `aya::EbpfLoader::load()`.
pub fn check(bytes: &[u8]) {
    for features in [&*FEATURES, &*FEW] {
        let _ = relocate(bytes, features);
    }
}

fn relocate(bytes: &[u8], features: &Features) -> Option<()> {
    let mut object = Object::parse(bytes).ok()?;
    object.patch_map_data(HashMap::new()).ok()?;
    if let Some(btf) = object.fixup_and_sanitize_btf(features.btf()?).ok()? {
        let _ = btf.to_bytes();
    }
    object.relocate_btf(&KERNEL).ok()?;
    let maps = object.maps.clone();
    for map in maps.values() {
        bpf_map_type::try_from(map.map_type()).ok()?;
    }
    let text: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    let descriptors = maps.iter().map(|(name, map)| (name.as_str(), 1, map));
    object.relocate_maps(descriptors, &text).ok()?;
    object.relocate_calls(&text).ok()?;
    object.sanitize_functions(features);
    for program in object.programs.values() {
        assert!(object.functions.contains_key(&program.function_key()));
    }
    Some(())
}
