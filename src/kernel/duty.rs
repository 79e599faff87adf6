//! What each thread may ask of the kernel: what its work takes, and no more.

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use tracing::warn;

use super::sys::may_use_maps;
use super::sys::perf::may_open_events;
use super::tracefs;

/// What a thread does for the rest of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Serves, sends, waits: nothing that takes a capability.
    Serve,
    /// Uses maps whose descriptors it has.
    Sweep,
    /// Switches the kernel's run-time statistics on and off.
    Measure,
    /// Loads modules.
    Load,
    /// Looks for libraries, and attaches programs to their functions: by perf events, where the
    /// kernel has no better way.
    Attach { events: bool },
}

/// What tracing takes where the kernel has divided `CAP_SYS_ADMIN`.
const TO_TRACE: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_PERFMON];

/// What loading takes besides: records of tracepoints are closed to others than root, and before
/// kernel 5.11 maps count as locked memory.
const TO_LOAD: [Capability; 2] = [
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_SYS_RESOURCE,
];

/// What libraries take besides: those that processes of other users have mapped, also where their
/// files were replaced.
const TO_ATTACH: [Capability; 3] = [
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_CHECKPOINT_RESTORE,
    Capability::CAP_DAC_READ_SEARCH,
];

/// Gives up every capability that the duty does not take, and every way to a new one, for the
/// calling thread and those that it starts.
pub fn confine(duty: Duty) {
    if let Err(error) = keep(duty) {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        warn!(thread, reason = %error, "this thread keeps capabilities that it does not need");
    }
}

fn keep(duty: Duty) -> Result<(), CapsError> {
    let held = caps::read(None, CapSet::Permitted)?;
    if held.contains(&Capability::CAP_SETPCAP) {
        caps::clear(None, CapSet::Bounding)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    let keep = match duty {
        Duty::Serve => CapsHashSet::new(),
        Duty::Sweep => to_sweep(&held)?,
        Duty::Measure => CapsHashSet::from([Capability::CAP_SYS_ADMIN]),
        Duty::Load => to_load(&held, tracefs::is_mounted()),
        Duty::Attach { .. } => to_trace(&held, TO_ATTACH),
    };
    let mut keep = &keep & &held;
    caps::set(None, CapSet::Effective, &keep)?;
    let opens_events = matches!(duty, Duty::Load | Duty::Attach { events: true });
    if opens_events && held.contains(&Capability::CAP_SYS_ADMIN) && !may_open_events() {
        keep.insert(Capability::CAP_SYS_ADMIN);
        caps::set(None, CapSet::Effective, &keep)?;
    }
    caps::set(None, CapSet::Permitted, &keep)?;
    // Last, to show that all is done. Refused by no kernel that runs eBPF.
    let _ = rustix::thread::set_no_new_privs(true);
    Ok(())
}

/// Nothing since kernel 5.19, where a descriptor is enough. Before, nothing may be asked of
/// bpf(2) without `CAP_BPF` where `kernel.unprivileged_bpf_disabled` is set.
fn to_sweep(held: &CapsHashSet) -> Result<CapsHashSet, CapsError> {
    caps::clear(None, CapSet::Effective)?;
    Ok(if may_use_maps() {
        CapsHashSet::new()
    } else {
        or_wholes(held, [Capability::CAP_BPF])
    })
}

fn to_load(held: &CapsHashSet, tracefs_is_mounted: bool) -> CapsHashSet {
    let mut keep = to_trace(held, TO_LOAD);
    // Without a mount, tracefs is read by way of one that is made for that.
    if !tracefs_is_mounted {
        keep.insert(Capability::CAP_SYS_ADMIN);
    }
    keep
}

fn to_trace(held: &CapsHashSet, besides: impl IntoIterator<Item = Capability>) -> CapsHashSet {
    or_wholes(held, TO_TRACE.into_iter().chain(besides))
}

/// With those that are not held, what they are parts of.
fn or_wholes(held: &CapsHashSet, parts: impl IntoIterator<Item = Capability>) -> CapsHashSet {
    let parts: CapsHashSet = parts.into_iter().collect();
    let wholes = parts.difference(held).filter_map(|part| whole(*part));
    let wholes: CapsHashSet = wholes.collect();
    &parts | &wholes
}

/// The older capability that gives the same right among others.
fn whole(part: Capability) -> Option<Capability> {
    match part {
        Capability::CAP_BPF | Capability::CAP_PERFMON | Capability::CAP_CHECKPOINT_RESTORE => {
            Some(Capability::CAP_SYS_ADMIN)
        }
        Capability::CAP_DAC_READ_SEARCH => Some(Capability::CAP_DAC_OVERRIDE),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is left of everything in a thread of that duty, and in one that it starts.
    fn left(duty: Duty) -> [CapsHashSet; 2] {
        let read = || caps::read(None, CapSet::Permitted).unwrap();
        let thread = std::thread::spawn(move || {
            confine(duty);
            let child = std::thread::spawn(read);
            [read(), child.join().unwrap()]
        });
        thread.join().unwrap()
    }

    #[test]
    fn who_serves_keeps_nothing() {
        assert_eq!(left(Duty::Serve), [CapsHashSet::new(), CapsHashSet::new()]);
    }

    #[test]
    fn every_duty_can_be_had_and_is_inherited() {
        let all = caps::read(None, CapSet::Permitted).unwrap();
        for duty in [
            Duty::Serve,
            Duty::Sweep,
            Duty::Measure,
            Duty::Load,
            Duty::Attach { events: true },
        ] {
            let [own, inherited] = left(duty);
            let kept = std::thread::spawn(move || keep(duty)).join().unwrap();
            kept.unwrap();
            assert!(own.is_subset(&all), "{duty:?}: {own:?}");
            assert_eq!(own, inherited, "{duty:?}");
        }
    }

    #[test]
    fn administrators_of_all_keep_the_parts_that_attaching_takes() {
        let all = caps::all();
        let whole = Capability::CAP_SYS_ADMIN;
        assert!(!to_trace(&all, TO_ATTACH).contains(&whole));
        assert!(!to_load(&all, true).contains(&whole));
        assert!(to_load(&all, false).contains(&whole));
        let some = CapsHashSet::from([
            whole,
            Capability::CAP_BPF,
            Capability::CAP_PERFMON,
            Capability::CAP_DAC_OVERRIDE,
        ]);
        let kept = &to_trace(&some, TO_ATTACH) & &some;
        assert_eq!(kept, some, "deleted libraries, and files of others");
        let only = CapsHashSet::from([whole]);
        assert!(to_trace(&only, TO_ATTACH).contains(&whole));
        assert!(to_load(&only, true).contains(&whole));
        assert_eq!(&or_wholes(&only, [Capability::CAP_BPF]) & &only, only);
    }
}
