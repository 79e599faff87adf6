//! The drivers to test with do what they are told to.

mod jobs;
mod nvidia;

use anyhow::{Result, ensure};
use geophone_test_support::nvidia_test::Variant;
use geophone_test_support::oracle::kernel_log::KernelLog;

pub fn check() -> Result<String> {
    let mut log = KernelLog::open()?;
    let mut details = vec![jobs::check()?];
    quiet(&log.messages()?)?;
    for variant in [Variant::Full, Variant::Kprobe, Variant::Log] {
        details.push(nvidia::check(variant)?);
        let messages = log.messages()?;
        quiet(&messages)?;
        let xids = messages.iter().filter(|message| {
            message.starts_with("NVRM: Xid (PCI:0000:00:01): 31, pid=")
                && message.ends_with(", MMU Fault: of the test")
        });
        let xids = xids.count();
        ensure!(xids == 1, "{xids} errors logged by {variant:?}");
    }
    Ok(details.join("; "))
}

/// The kernel has found nothing wrong with the drivers.
fn quiet(messages: &[String]) -> Result<()> {
    let is_complaint = |message: &&String| {
        let complaints = ["WARNING:", "BUG:", "Call Trace:", "Oops:", "refcount_t:"];
        complaints.iter().any(|begin| message.contains(begin))
    };
    let complaint = messages.iter().find(is_complaint);
    ensure!(complaint.is_none(), "{}", messages.join(" / "));
    Ok(())
}
