//! Maps of a daemon under test, and of one's own.

use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;

use anyhow::{Context, Result, bail};
use aya::Ebpf;
use aya::maps::{Array, Map, MapData, MapInfo};
use caps::CapSet;

use crate::object::Builder;
use crate::process;

/// What the kernel keeps of a map's name.
const NAME: usize = 15;

/// Writes the first element of the array of u64 that process `pid` holds as `name`.
pub fn set_word(pid: u32, name: &str, value: u64) -> Result<()> {
    let name = &name.as_bytes()[..name.len().min(NAME)];
    for id in process::held(pid, "map_id:")? {
        if MapInfo::from_id(id)?.name() == name {
            let map = Map::Array(MapData::from_id(id)?);
            let mut array = Array::<_, u64>::try_from(map)?;
            return Ok(array.set(0, value, 0)?);
        }
    }
    None.with_context(|| format!("process {pid} has no map {}", String::from_utf8_lossy(name)))
}

/// Whether the kernel lets a thread without privileges use a map that it has a descriptor of.
pub fn usable_by_all() -> Result<bool> {
    let map = per_cpu_hash(8, 1)?;
    let ask = move || {
        caps::clear(None, CapSet::Effective)?;
        Ok(MapData::from_fd(map).is_ok())
    };
    match thread::spawn(ask).join() {
        Ok(asked) => asked,
        Err(_) => bail!("the thread that asks has panicked"),
    }
}

/// A hash map with keys of four bytes and a value for each CPU.
pub fn per_cpu_hash(value_size: u32, entries: u32) -> Result<OwnedFd> {
    const PERCPU_HASH: u32 = 5;
    let mut object = Builder::default();
    object.map("ENTRIES", PERCPU_HASH, value_size, entries);
    let loaded = Ebpf::load(&object.finish()?)?;
    match loaded.map("ENTRIES") {
        Some(Map::PerCpuHashMap(map)) => Ok(map.fd().as_fd().try_clone_to_owned()?),
        _ => None.context("the map was not made"),
    }
}
