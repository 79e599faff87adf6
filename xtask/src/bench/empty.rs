//! An empty program on a tracepoint: what the kernel charges for running any program.

use std::path::Path;

use anyhow::{Context, Result};
use aya::programs::BtfTracePoint;
use aya::{Btf, Ebpf};

/// Attached until dropped.
pub struct Empty {
    object: Ebpf,
}

impl Empty {
    pub fn attach(object: &Path, tracepoint: &str, btf: &Btf) -> Result<Self> {
        let mut object =
            Ebpf::load_file(object).with_context(|| format!("loading {}", object.display()))?;
        let program: &mut BtfTracePoint = object
            .program_mut("empty")
            .context("no program empty")?
            .try_into()?;
        program.load(tracepoint, btf)?;
        program.attach()?;
        Ok(Self { object })
    }

    pub fn id(&self) -> Result<u32> {
        Ok(self
            .object
            .program("empty")
            .context("no program empty")?
            .info()?
            .id())
    }
}
