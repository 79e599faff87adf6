//! A Prometheus that receives OTLP, which Debian's does not.
//!
//! Debian patches the receiver out, as it lacks a package that it needs, and gives what it
//! builds from as a package of its own. Into that the receiver's files are put back as they were
//! released, and a patch of ours connects them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::go::Go;
use crate::apt::Suite;
use crate::command::output;

const MODULE: &str = "github.com/prometheus/prometheus";

/// The tool chain, Debian's sources, and what only the receiver needs.
const PACKAGES: [&str; 4] = [
    "golang-go",
    "golang-github-prometheus-prometheus-dev",
    "golang-github-prometheus-otlptranslator-dev",
    "golang-opentelemetry-collector-dev",
];

/// Packages that others ask for, but that nothing is compiled of: most are for the discovery of
/// targets in clouds. With what only they ask for they are more than half of the download.
const UNUSED: [&str; 8] = [
    "golang-github-aws-aws-sdk-go-dev",
    "golang-github-docker-docker-dev",
    "golang-github-pierrec-lz4-dev",
    "golang-golang-x-tools",
    "golang-gonum-v1-plot-dev",
    "golang-google-api-dev",
    "golang-google-cloud-dev",
    "golang-grpc-gateway",
];

/// What is taken from the release in place of Debian's.
const RELEASED: [&str; 5] = [
    "VERSION",
    "storage/remote/codec.go",
    "storage/remote/otlptranslator",
    "storage/remote/write_handler.go",
    "web/api/v1/api.go",
];

/// The program, which is kept below `fetched`. It is built anew when `patch` is no longer the
/// one that it was built with.
pub fn program(patch: &Path, fetched: &Path) -> Result<PathBuf> {
    let wanted = fs::read(patch).with_context(|| format!("{} cannot be read", patch.display()))?;
    let directory = fetched.join("prometheus-otlp");
    let program = directory.join("prometheus");
    // Written last, so that what was interrupted is not taken for whole.
    let built_with = directory.join("receiver.patch");
    if program.exists() && fs::read(&built_with).is_ok_and(|built_with| built_with == wanted) {
        return Ok(program);
    }
    fs::create_dir_all(&directory)?;
    let scratch = fetched.join("prometheus-otlp.partial");
    fs::remove_dir_all(&scratch).ok();
    build(patch, &fetched.join("sid"), &scratch, &program).with_context(|| {
        format!(
            "no Prometheus could be built from Debian's sid: where its packages have moved on, {} \
             or the lists in {} must follow; what was unpacked is in {}",
            patch.display(),
            file!(),
            scratch.display()
        )
    })?;
    fs::remove_dir_all(&scratch)?;
    fs::write(&built_with, wanted)?;
    Ok(program)
}

fn build(patch: &Path, lists: &Path, scratch: &Path, program: &Path) -> Result<()> {
    let suite = Suite::open_with_sources("sid", lists)?;
    suite.unpack(&packages(&suite)?, scratch)?;
    let release = suite.release("prometheus", &scratch.join("release"))?;

    let go = Go::at(scratch);
    let sources = go.sources(MODULE);
    let mut extract = Command::new("tar");
    extract
        .args(["--extract", "--strip-components=1", "--wildcards"])
        .arg("--file")
        .arg(release)
        .arg("--directory")
        .arg(&sources)
        .args(RELEASED.map(|file| format!("*/{file}")));
    output(&mut extract).context("taking the receiver from the release")?;
    let mut connect = Command::new("patch");
    connect
        .args(["--strip=1", "--forward", "--input"])
        .arg(patch)
        .arg("--directory")
        .arg(&sources);
    output(&mut connect).context("connecting the receiver")?;

    let version = fs::read_to_string(sources.join("VERSION"))?;
    let version = version.trim();
    // Without symbols (-s -w) it is a third smaller.
    let linker_flags = format!("-s -w -X github.com/prometheus/common/version.Version={version}");
    go.build(&format!("{MODULE}/cmd/prometheus"), &linker_flags, program)
}

/// What has to be unpacked: Go's packages alone, since others are for C.
fn packages(suite: &Suite) -> Result<Vec<String>> {
    let mut found = PACKAGES.map(str::to_owned).to_vec();
    let mut pending = found.clone();
    while !pending.is_empty() {
        let mut next = suite.dependencies(&pending)?;
        next.sort();
        next.dedup();
        next.retain(|name| {
            let unused = UNUSED.contains(&name.as_str());
            name.starts_with("golang-") && !unused && !found.contains(name)
        });
        found.extend_from_slice(&next);
        pending = next;
    }
    Ok(found)
}
