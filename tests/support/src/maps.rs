//! Words in the maps of a daemon under test.

use anyhow::{Context, Result};
use aya::maps::{Array, Map, MapData, MapInfo};

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
