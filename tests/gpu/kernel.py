"""What the modules of NVIDIA's kernel driver see of work that is known."""

import subprocess

from driver import LAUNCHES, MANAGED, ROUNDS, work
from outcome import Outcome, skipped

XIDS = "geophone_nvidia_xid_errors_total"
IOCTLS = "geophone_nvidia_ioctls_total"
OPENS = "geophone_nvidia_opens_total"
FAULTS = "geophone_nvidia_uvm_faults_total"
MIGRATED = "geophone_nvidia_uvm_migrated_bytes_total"
UNREADABLE = "geophone_nvidia_uvm_unreadable_events_total"


def check_hooks(geophone):
    """Not what passes or fails, but what this machine has."""
    for program, hook in sorted(geophone.hooks("nvidia") + geophone.hooks("nvidia_uvm")):
        print(f"info  {program}: {hook or 'not attached'}")
    return iter(())


def check_ioctls(geophone):
    what = "ioctls of many launches are few"
    if not geophone.has(IOCTLS):
        yield skipped(what, "the program for ioctls is not attached")
        return
    _, [few, opens] = geophone.gains(work("launches", 10), (IOCTLS, {}), (OPENS, {}))
    yield Outcome("a process with a context asks the driver for something", True, few > 0)
    if geophone.has(OPENS):
        yield Outcome("and opens its devices", True, opens > 0)
    _, [many] = geophone.gains(work("launches", LAUNCHES), (IOCTLS, {}))
    yield Outcome(what, True, many - few < LAUNCHES / 100)


def check_managed(geophone):
    """A buffer that the GPU and the host write to in turns."""
    if not geophone.has(MIGRATED):
        yield skipped("migrations of managed memory", "the program for them is not attached")
        return
    wanted = [(MIGRATED, {"direction": way}) for way in ["host_to_device", "device_to_host"]]
    wanted += [(FAULTS, {"processor": "cpu"}), (UNREADABLE, {})]
    _, [down, up, faults, unreadable] = geophone.gains(work("managed", ROUNDS), *wanted)
    # The first round populates; each other moves what the one before has written.
    most = 2 * ROUNDS * MANAGED
    least = (ROUNDS - 1) * MANAGED / 2
    yield Outcome("bytes that moved to the GPU", True, least <= down <= most)
    yield Outcome("bytes that moved to the host", True, least <= up <= most)
    yield Outcome("page faults of the host", True, faults > 0)
    yield Outcome("events that could not be read", 0, unreadable)


def check_xid(geophone):
    """The same fault as the driver's last check, by what the kernel reports."""
    what = "XIDs counted as the kernel's log has them"
    if not geophone.has(XIDS):
        yield skipped(what, "no program for XIDs is attached")
        return
    before = logged()
    _, [counted] = geophone.gains(work("fault"), (XIDS, {}))
    if before is None:
        yield skipped(what, "dmesg cannot be read")
    else:
        yield Outcome(what, logged() - before, counted)
    yield Outcome("a write to nowhere is an XID", True, counted >= 1)


def logged():
    done = subprocess.run(["dmesg"], capture_output=True, text=True, check=False)
    return done.stdout.count("NVRM: Xid (PCI:") if done.returncode == 0 else None


CHECKS = [check_hooks, check_ioctls, check_managed]
