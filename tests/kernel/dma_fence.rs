//! Fences of whatever driver there is; of most test machines none.

use geophone_test_support::scenario;
use geophone_test_support::vgem::Vgem;

use crate::{geophone, turn};

/// Its metrics without labels of timelines, and with.
const METRICS: [&str; 7] = [
    "geophone_dma_fence_latency_seconds_count",
    "geophone_dma_fence_wait_seconds_count",
    "geophone_dma_fence_initialised_total",
    "geophone_dma_fence_in_flight",
    "geophone_dma_fence_abandoned_total",
    "geophone_dma_fence_unmatched_total",
    "geophone_dma_fence_untracked_total",
];

#[test]
fn it_counts_from_the_start_wherever_tracefs_is() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["dma_fence"]).start().unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    for metric in METRICS {
        assert!(page.sum(metric, &[]).is_some(), "no {metric}");
    }
    // No driver, no cost: some 100 kB on two CPUs.
    let cpus = geophone::kernel::cpus::possible().unwrap().len();
    let bytes = page.sum("geophone_map_bytes", &[]).unwrap();
    assert!(bytes < 96e3 + 10e3 * cpus as f64, "{bytes} bytes of maps");
}

#[test]
fn fences_and_waits_last_as_long_as_they_do() {
    let Some(_turn) = turn() else { return };
    let Some(device) = Vgem::find().unwrap() else {
        eprintln!("not tried: this kernel has no vgem; vm-test has kernels that do");
        return;
    };
    let daemon = geophone(&["dma_fence"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let (counts, times) = scenario::dma_fence::waits(&mut client, &device).unwrap();
    for count in counts {
        count.equal(1.0).unwrap();
    }
    for time in times {
        time.within(0.1).unwrap();
    }
    scenario::dma_fence::in_flight(&mut client, &device, 5).unwrap();
    scenario::dma_fence::crowd(&mut client, &device, 50, 60).unwrap();
    if let Some(abandoned) = scenario::dma_fence::abandoned(&mut client, &device, 5).unwrap() {
        abandoned.equal(1.0).unwrap();
    }
}
