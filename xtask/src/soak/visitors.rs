//! What comes and goes under the daemon.

use std::time::Duration;

use anyhow::Result;
use geophone_test_support::client::Client;
use geophone_test_support::control_group::Group;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::load::ring::Ring;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::scenario::block_io;
use geophone_test_support::wait;

const GROUPS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(30);
const WAITS: &str = "geophone_runqueue_cgroup_wait_seconds_count";

/// A device with requests, and groups whose tasks wake each other.
pub struct Visitors {
    device: LoopDevice,
    labels: Vec<String>,
    ring: Ring,
}

impl Visitors {
    /// Returns when the daemon knows them and they have done something.
    pub fn come(client: &mut Client) -> Result<Self> {
        let device = LoopDevice::new(1 << 20)?;
        let groups = Group::several(GROUPS)?;
        let labels = groups.iter().map(|group| group.label().to_owned());
        let mut visitors = Self {
            device,
            labels: labels.collect(),
            ring: Ring::new(groups)?,
        };
        block_io::until_exported(client, &visitors.device.name())?;
        until_groups_are(GROUPS, &visitors.labels, client)?;
        write_and_read(&visitors.device.path(), 16, 4096, 1)?;
        visitors.ring.start(1)?;
        visitors.ring.stop(1)?;
        Ok(visitors)
    }

    /// Returns when the daemon knows, so that what bears a name later is something else.
    pub fn go(self, client: &mut Client) -> Result<()> {
        let Self {
            device,
            labels,
            ring,
        } = self;
        let name = device.name();
        drop((device, ring));
        block_io::until_gone(client, &name)?;
        until_groups_are(0, &labels, client)
    }
}

/// Waits until so many of them have series.
fn until_groups_are(count: usize, labels: &[String], client: &mut Client) -> Result<()> {
    wait::until("the series of groups to come or go", PATIENCE, || {
        let page = client.metrics()?;
        let known = page
            .select(WAITS, &[])
            .filter_map(|sample| sample.label("cgroup"));
        let ours = known.filter(|label| labels.iter().any(|own| own == label));
        Ok((ours.count() == count).then_some(()))
    })
}
