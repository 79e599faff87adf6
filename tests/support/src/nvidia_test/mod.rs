//! The stubs of NVIDIA's modules in `tests/drivers/nvidia_test`.

mod node;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::kernel_module;

pub use node::{Node, Open};

const CONTROL: &str = "/dev/nvidia_test";
const UVM_CONTROL: &str = "/dev/nvidia_uvm_test";

/// The modules `nvidia` and `nvidia_uvm`, and the nodes of their devices, until dropped.
pub struct NvidiaTest {
    is_loaded: bool,
}

/// Which driver the module `nvidia` looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// An open one, with the tracepoint `nvidia:nvidia_dev_xid`.
    Full,
    /// One without the tracepoint, with the names of file operations before 545.
    Kprobe,
    /// One without the functions that are known.
    Log,
}

impl NvidiaTest {
    /// A PCI device that qemu's machines have, and that is no GPU.
    pub const SLOT: &str = "0000:00:01.0";

    /// Loads both modules from `directory`, which has them in `nvidia_test/`, and makes the
    /// nodes, as NVIDIA's tools would.
    pub fn load(directory: &Path, variant: Variant) -> Result<Self> {
        let directory = directory.join("nvidia_test");
        let variant = match variant {
            Variant::Full => "full",
            Variant::Kprobe => "kprobe",
            Variant::Log => "log",
        };
        kernel_module::load(&directory.join(variant).join("nvidia.ko"))?;
        // From here on it goes when this is dropped.
        let loaded = Self { is_loaded: true };
        kernel_module::load(&directory.join("uvm/nvidia_uvm.ko"))?;
        for node in Node::ALL {
            node.make()?;
        }
        Ok(loaded)
    }

    /// Takes all of it away. Nobody may have a node open.
    pub fn unload(mut self) -> Result<()> {
        self.remove()
    }

    /// Has the driver report error `code` of the PCI device at `slot`.
    pub fn xid(&self, slot: &str, code: u32, message: &str) -> Result<()> {
        command(CONTROL, &format!("xid {slot} {code} {message}"))
    }

    /// A page fault of unified memory. Processor 0 is the CPU.
    pub fn fault(&self, processor: u32) -> Result<()> {
        command(UVM_CONTROL, &format!("fault {processor}"))
    }

    /// A migration of unified memory between processors.
    pub fn migrate(&self, destination: u32, source: u32, bytes: u64) -> Result<()> {
        let text = format!("migrate {destination} {source} {bytes}");
        command(UVM_CONTROL, &text)
    }

    /// A round of the thread that takes a GPU's faults from it.
    pub fn service(&self) -> Result<()> {
        command(UVM_CONTROL, "service")
    }

    /// Opens a node as an application does.
    pub fn open(&self, node: Node) -> Result<Open> {
        node.open()
    }

    fn remove(&mut self) -> Result<()> {
        self.is_loaded = false;
        for node in Node::ALL {
            node.remove();
        }
        if kernel_module::is_loaded("nvidia_uvm") {
            kernel_module::unload("nvidia_uvm")?;
        }
        kernel_module::unload("nvidia")
    }
}

impl Drop for NvidiaTest {
    fn drop(&mut self) {
        if self.is_loaded
            && let Err(error) = self.remove()
        {
            eprintln!("left behind: the stubs of NVIDIA's modules: {error:#}");
        }
    }
}

fn command(device: &str, text: &str) -> Result<()> {
    fs::write(device, text).with_context(|| format!("{device}: {text}"))
}
