//! The maps of a module that counts calls: every module has its own, by its own names.

use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::{HashMap, PerCpuArray, PerCpuHashMap};

use crate::attention::Attention;

pub use super::in_flight::{InFlight, Thread};
pub use super::lost::Lost;
pub use super::memory::{Allocation, Held};
pub use super::workload::{Calls, Counters, Errors, Names, Timed, TimedKey, WorkloadKey};

/// Of maps that are empty where nobody has the library. Programs at functions of processes run
/// where memory can be had, so that none is lost for want of a reserve.
pub const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

/// Which workload each process belongs to. User space fills it.
pub type Processes = HashMap<u32, u32, 1, NO_PREALLOC>;

/// Timed calls between entry and return.
///
/// Without memory until there are calls; user space takes out those of threads that have
/// ended. Not an array of places by thread: a call may last as long as the GPU computes, and
/// of two in one place the longer would be lost.
pub type CallsInFlight = HashMap<Thread, InFlight, 1, NO_PREALLOC>;

/// Memory that processes hold: what they allocated since the probe came and have not freed.
/// User space sums it up, and takes out what belonged to processes that have ended.
pub type Allocations = HashMap<Allocation, Held, 1, NO_PREALLOC>;

pub type LostCounts = PerCpuArray<Lost, 1>;

/// Counters by workload, or by workload and something else.
pub type ByWorkload<K, V> = PerCpuHashMap<K, V, 1, NO_PREALLOC>;

/// Where a module has its maps, and what the loader told it. Declared by
/// [`call_maps!`](crate::call_maps).
pub trait Maps: 'static {
    type Calls: Counters + 'static;
    type Errors: Names + 'static;

    /// Resolution of the histograms.
    fn schema() -> u32;
    /// When the thread that runs was started: its number may have been another's before.
    fn thread_start() -> u64;
    /// The same of its process.
    fn process_start() -> u64;

    fn processes() -> &'static Processes;
    /// Where processes go that are not there.
    fn strangers() -> &'static Attention;
    fn in_flight() -> &'static CallsInFlight;
    /// None where nothing is allocated.
    fn allocations() -> Option<&'static Allocations>;
    fn lost() -> &'static LostCounts;
    fn calls() -> &'static ByWorkload<WorkloadKey, Self::Calls>;
    fn errors() -> &'static ByWorkload<WorkloadKey, Self::Errors>;
    fn timed() -> &'static ByWorkload<TimedKey, Timed>;
}

/// Declares the maps of an [`Api`](super::Api), in this order: processes, strangers, calls in flight, what
/// is lost, calls, errors, timed calls, and allocations where there are any. The numbers are
/// those of the labels' values in the manifest: operations, directions, kinds of memory, errors.
#[macro_export]
macro_rules! call_maps {
    (
        $api:ident: [$operations:literal, $directions:literal, $kinds:literal, $errors:literal],
        $processes:ident, $strangers:ident, $in_flight:ident, $lost:ident, $calls:ident, $errors_map:ident,
        $timed:ident $(, $allocations:ident)?
    ) => {
        #[::aya_ebpf::macros::btf_map]
        static $processes: $crate::calls::maps::Processes =
            $crate::calls::maps::Processes::new();

        #[::aya_ebpf::macros::btf_map]
        static $strangers: $crate::attention::Attention = $crate::attention::Attention::new();

        #[::aya_ebpf::macros::btf_map]
        static $in_flight: $crate::calls::maps::CallsInFlight =
            $crate::calls::maps::CallsInFlight::new();

        $(
            #[::aya_ebpf::macros::btf_map]
            static $allocations: $crate::calls::maps::Allocations =
                $crate::calls::maps::Allocations::new();
        )?

        #[::aya_ebpf::macros::btf_map]
        static $lost: $crate::calls::maps::LostCounts = $crate::calls::maps::LostCounts::new();

        #[::aya_ebpf::macros::btf_map]
        static $calls: $crate::calls::maps::ByWorkload<
            $crate::calls::maps::WorkloadKey,
            $crate::calls::maps::Calls<$operations, $directions, $kinds>,
        > = $crate::calls::maps::ByWorkload::new();

        #[::aya_ebpf::macros::btf_map]
        static $errors_map: $crate::calls::maps::ByWorkload<
            $crate::calls::maps::WorkloadKey,
            $crate::calls::maps::Errors<$errors>,
        > = $crate::calls::maps::ByWorkload::new();

        #[::aya_ebpf::macros::btf_map]
        static $timed: $crate::calls::maps::ByWorkload<
            $crate::calls::maps::TimedKey,
            $crate::calls::maps::Timed,
        > = $crate::calls::maps::ByWorkload::new();

        $crate::option!(SCHEMA: u32 = 3);

        $crate::declare! {
            // As /proc/PID/stat has it, in clock ticks.
            STARTED: u64 = "field task_struct.start_boottime | task_struct.real_start_time";
            LEADER: u64 = "field task_struct.group_leader";
        }

        impl $crate::calls::Maps for $api {
            type Calls = $crate::calls::maps::Calls<$operations, $directions, $kinds>;
            type Errors = $crate::calls::maps::Errors<$errors>;

            #[inline(always)]
            fn schema() -> u32 {
                SCHEMA.load()
            }

            #[inline(always)]
            fn thread_start() -> u64 {
                $crate::calls::task::thread_start(&STARTED)
            }

            #[inline(always)]
            fn process_start() -> u64 {
                $crate::calls::task::process_start(&STARTED, &LEADER)
            }

            #[inline(always)]
            fn processes() -> &'static $crate::calls::maps::Processes {
                &$processes
            }

            #[inline(always)]
            fn strangers() -> &'static $crate::attention::Attention {
                &$strangers
            }

            #[inline(always)]
            fn in_flight() -> &'static $crate::calls::maps::CallsInFlight {
                &$in_flight
            }

            #[inline(always)]
            fn allocations() -> Option<&'static $crate::calls::maps::Allocations> {
                $(return Some(&$allocations);)?
                #[allow(unreachable_code)]
                None
            }

            #[inline(always)]
            fn lost() -> &'static $crate::calls::maps::LostCounts {
                &$lost
            }

            #[inline(always)]
            fn calls() -> &'static $crate::calls::maps::ByWorkload<
                $crate::calls::maps::WorkloadKey,
                Self::Calls,
            > {
                &$calls
            }

            #[inline(always)]
            fn errors() -> &'static $crate::calls::maps::ByWorkload<
                $crate::calls::maps::WorkloadKey,
                Self::Errors,
            > {
                &$errors_map
            }

            #[inline(always)]
            fn timed() -> &'static $crate::calls::maps::ByWorkload<
                $crate::calls::maps::TimedKey,
                $crate::calls::maps::Timed,
            > {
                &$timed
            }
        }
    };
}
