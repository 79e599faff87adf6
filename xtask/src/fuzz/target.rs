use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::figures::Figures;

/// Seconds that one input may take. The slowest of the seeds take some milliseconds.
const TIMEOUT: u32 = 10;
/// MiB that a target may take in all: its own counters, the sanitizer's shadow, and what it
/// remembers of memory that was freed.
const MEMORY: u32 = 1024;
/// MiB that one allocation may take: nothing that is read here is larger than the input, and
/// inputs have some kilobytes.
const ALLOCATION: u32 = 64;

/// Lines of a failed run's output that are shown: the message, and most of the back trace.
const SHOWN: usize = 60;

/// One of the programs in tests/fuzz.
pub struct Target {
    pub name: String,
    program: PathBuf,
    /// Read only: the committed seeds, and files of the tree that are good ones.
    seeds: Vec<PathBuf>,
    /// What this and earlier runs found.
    corpus: PathBuf,
    /// Where an input goes that makes it fail.
    artifacts: PathBuf,
    log: PathBuf,
}

/// What a run came to.
pub enum Outcome {
    Held(Figures),
    /// What it said, and how to see it again.
    Crashed(String),
}

/// All targets, by name.
pub fn names(root: &Path) -> Result<Vec<String>> {
    let directory = root.join("tests/fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        names.extend(stem.map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

impl Target {
    pub fn new(root: &Path, programs: &Path, name: &str) -> Self {
        let directory = root.join("target/fuzz");
        let mut seeds = vec![root.join("tests/fuzz/seeds").join(name)];
        match name {
            "manifest" => seeds.push(root.join("ebpf/modules")),
            "config" => seeds.push(root.join("config")),
            _ => {}
        }
        Self {
            name: name.to_owned(),
            program: programs.join(name),
            seeds,
            corpus: directory.join("corpus").join(name),
            artifacts: directory.join("artifacts").join(name),
            log: directory.join("logs").join(name),
        }
    }

    pub fn run(&self, seconds: u32) -> Result<Outcome> {
        let logs = self.log.parent().context("no directory of logs")?;
        for directory in [&self.corpus, &self.artifacts, logs] {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        let log = File::create(&self.log).with_context(|| self.log.display().to_string())?;
        let status = Command::new(&self.program)
            // What is new goes into the first.
            .arg(&self.corpus)
            .args(&self.seeds)
            .arg(format!("-artifact_prefix={}/", self.artifacts.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-malloc_limit_mb={ALLOCATION}"))
            // cargo-fuzz sets it too: Rust's constants are not C's.
            .env("ASAN_OPTIONS", "detect_odr_violation=0")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        // Inputs may come out in messages.
        let output = fs::read(&self.log)?;
        let output = String::from_utf8_lossy(&output);
        if let Some(figures) = Figures::read(&output).filter(|_| status.success()) {
            return Ok(Outcome::Held(figures));
        }
        Ok(Outcome::Crashed(self.report(&output)))
    }

    fn report(&self, output: &str) -> String {
        let failed = |line: &&str| line.contains("panicked at") || line.contains("ERROR: ");
        let first = output.lines().position(|line| failed(&line)).unwrap_or(0);
        let said: Vec<&str> = output.lines().skip(first).take(SHOWN).collect();
        let artifact = output
            .lines()
            .rev()
            .find_map(|line| line.split_once("Test unit written to "));
        let remedy = match artifact {
            Some((_, path)) => format!(
                "the input: {path}\nto see it again: ASAN_OPTIONS=detect_odr_violation=0 {} {path}",
                self.program.display()
            ),
            None => "it left no input".to_owned(),
        };
        let (name, log) = (&self.name, self.log.display());
        format!(
            "{name} failed:\n{}\nall of it: {log}\n{remedy}",
            said.join("\n")
        )
    }
}
