//! Errors of a GPU, by the number that NVIDIA gives them (XID).

use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::names::Name;
use geophone_ebpf::observe::preemptible::add;
use geophone_ebpf::tally;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct XidNames {
    pci_bus_id: Name,
    xid: Name,
}

#[repr(C)]
pub struct Xids {
    errors: u64,
}

#[btf_map]
static NVIDIA_XID: HashMap<XidNames, Xids, 1> = HashMap::new();

/// An error of the GPU at a PCI address, such as `0000:3b:00.0`.
#[inline(always)]
pub fn reported(pci_bus_id: Name, code: u32) {
    const NO_ROOM: Name = Name::of("other");
    let names = XidNames {
        pci_bus_id,
        xid: Name::decimal(code),
    };
    let other = XidNames {
        pci_bus_id: NO_ROOM,
        xid: NO_ROOM,
    };
    if let Some(record) = tally::record(&NVIDIA_XID, &names, &other, &Xids { errors: 0 }) {
        // SAFETY: in the map, and added to in one instruction.
        add(unsafe { &mut (*record).errors }, 1);
    }
}
