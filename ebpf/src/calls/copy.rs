//! Copies of which an argument says where from and where to.

use aya_ebpf::programs::ProbeContext;

use super::Call;

/// A direction that the library finds by the addresses (`cudaMemcpyDefault`).
const BY_ADDRESS: u64 = 4;

/// Position in the label `direction`, whose first are as `cudaMemcpyKind` and `hipMemcpyKind`
/// count: host to host, host to device, device to host, device to device, by the addresses.
#[inline(always)]
pub fn direction(call: Call, context: &ProbeContext) -> u64 {
    match call.qualifier(context) {
        None => call.direction(),
        Some(kind @ 0..=3) => u64::from(kind),
        // hipMemcpyDeviceToDeviceNoCU
        Some(1024) => 3,
        Some(_) => BY_ADDRESS,
    }
}
