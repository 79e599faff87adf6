//! Requests by partition against the partition's line in `/proc/diskstats`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use geophone_test_support::bracket::{Comparison, Reading};
use geophone_test_support::client::Client;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::oracle::disk::Disk;
use geophone_test_support::wait;
use tempfile::NamedTempFile;

use crate::{geophone, turn};

const COUNT: &str = "geophone_block_io_partition_duration_seconds_count";
const LIMIT: Duration = Duration::from_secs(20);
const SECTOR: u64 = 512;
/// Of each partition, in sectors.
const LENGTH: u64 = 16 << 10;
const BLOCKS: usize = 300;

/// A loop device with two partitions; gone with its value.
struct Disks {
    path: PathBuf,
    _image: NamedTempFile,
}

impl Disks {
    /// Told to the kernel by `addpart`: it may have been built without any format of
    /// partition tables.
    fn new() -> Result<Self> {
        let image = NamedTempFile::new()?;
        image.as_file().set_len(SECTOR * LENGTH * 4)?;
        let mut losetup = Command::new("losetup");
        losetup.args(["--find", "--partscan", "--show"]);
        let path = PathBuf::from(output(losetup.arg(image.path()))?.trim());
        let disks = Self {
            path,
            _image: image,
        };
        for number in [1, 2] {
            let mut addpart = Command::new("addpart");
            let [number_text, start, length] =
                [number, number * LENGTH, LENGTH].map(|number| number.to_string());
            output(addpart.arg(&disks.path).args([number_text, start, length]))?;
            let path = Path::new("/dev").join(disks.partition(number));
            let node = || Ok(path.exists().then_some(()));
            wait::until("a partition's node", LIMIT, node)?;
        }
        Ok(disks)
    }

    /// Kernel name of a partition.
    fn partition(&self, number: u64) -> String {
        let disk = self.path.file_name().unwrap_or_default();
        format!("{}p{number}", disk.to_string_lossy())
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        let ended = Command::new("losetup")
            .arg("--detach")
            .arg(&self.path)
            .status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("left behind: {}", self.path.display());
        }
    }
}

/// What a command of util-linux says.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {error}");
    Ok(String::from_utf8(output.stdout)?)
}

/// Loads `partition` and compares the requests counted under the label `counted`.
fn compare(client: &mut Client, partition: &str, counted: &str) -> [Comparison; 2] {
    let read = || Disk::read(partition);
    let from = Reading::take(client, read).unwrap();
    let path = Path::new("/dev").join(partition);
    write_and_read(&path, BLOCKS, 16 << 10, 2).unwrap();
    let to = Reading::take(client, read).unwrap();
    ["read", "write"].map(|operation| {
        let labels = [("partition", counted), ("operation", operation)];
        let requests = |disk: &Disk| match operation {
            "read" => disk.read.requests as f64,
            _ => disk.write.requests as f64,
        };
        Comparison::between(
            &format!("{operation} requests of {partition} in {counted}"),
            "block_io",
            (&from, &to),
            |page| page.sum(COUNT, &labels),
            |earlier, later| requests(later) - requests(earlier),
        )
        .unwrap()
    })
}

#[test]
fn requests_of_partitions_equal_the_kernels() {
    let Some(_turn) = turn() else { return };
    let disks = Disks::new().unwrap();
    let [one, two] = [1, 2].map(|number| disks.partition(number));
    let exclude = format!("partition_exclude = \"{two}\"");
    let section = format!("[modules.block_io]\npartitions = true\n{exclude}\n");
    let daemon = geophone(&["block_io"]).configuration(&section);
    let daemon = daemon.start().unwrap();
    let mut client = daemon.client().unwrap();
    wait::until("the partition's series", LIMIT, || {
        Ok(client.metrics()?.sum(COUNT, &[("partition", &one)]))
    })
    .unwrap();
    // What has no series of its own is in other, with the machine's other partitions.
    for (partition, counted) in [(&one, &*one), (&two, "other")] {
        for comparison in compare(&mut client, partition, counted) {
            println!("{comparison}");
            if counted == "other" {
                assert!(comparison.ours + comparison.missed >= comparison.kernel.0);
            } else {
                comparison.equal(1.0).unwrap();
            }
        }
    }
    let page = client.metrics().unwrap();
    assert_eq!(page.sum(COUNT, &[("partition", &two)]), None);
    let whole = disks.path.file_name().unwrap().to_string_lossy();
    assert_eq!(page.sum(COUNT, &[("partition", &whole)]), None);
}
