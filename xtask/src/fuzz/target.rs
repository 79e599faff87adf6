use std::ffi::{OsStr, OsString};
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

/// Bytes that an input may have: enough to be beyond the bounds of its reader that can be reached
/// at a rate that finds anything. libFuzzer would take 4 KiB, or the longest seed.
const LONGEST: [(&str, usize); 8] = [
    ("accept", 4 << 10),
    ("btf", 16 << 10),
    // Each key is merged from all layers: of four times as much a third less is run.
    ("config", 4 << 10),
    ("elf", 20 << 10),
    // The head of a request may have 16 KiB.
    ("http", 24 << 10),
    ("instructions", 4 << 10),
    ("labels", 4 << 10),
    ("manifest", 20 << 10),
];

/// Runs for each input that a target begins with. One is that input itself.
const LEAST: u64 = 3;

/// Lines of a failed run's output that are shown: the message, and most of the back trace.
const SHOWN: usize = 60;

/// One of the programs in tests/fuzz.
pub struct Target {
    pub name: String,
    program: PathBuf,
    /// The committed ones. Read only.
    seeds: PathBuf,
    /// Files of the tree that are good inputs, by the directory that they are in.
    examples: Option<PathBuf>,
    longest: usize,
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
    Failed(String),
}

/// All targets, by name.
pub fn names(root: &Path) -> Result<Vec<String>> {
    let files = files(&root.join("tests/fuzz/fuzz_targets"))?;
    let stems = files.iter().filter_map(|path| path.file_stem()?.to_str());
    let mut names: Vec<String> = stems.map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

/// The files in a directory, without those in directories of it.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        files.push(entry?.path());
    }
    files.retain(|path| path.is_file());
    Ok(files)
}

impl Target {
    pub fn new(root: &Path, programs: &Path, name: &str) -> Result<Self> {
        let directory = root.join("target/fuzz");
        let examples = match name {
            "manifest" => Some(root.join("ebpf/modules")),
            "config" => Some(root.join("config")),
            _ => None,
        };
        let longest = LONGEST.iter().find(|(target, _)| *target == name);
        let (_, longest) = longest.with_context(|| format!("no length of inputs for {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            program: programs.join(name),
            seeds: root.join("tests/fuzz/seeds").join(name),
            examples,
            longest: *longest,
            corpus: directory.join("corpus").join(name),
            artifacts: directory.join("artifacts").join(name),
            log: directory.join("logs").join(name),
        })
    }

    pub fn run(&self, seconds: u32) -> Result<Outcome> {
        let logs = self.log.parent().context("no directory of logs")?;
        for directory in [&self.corpus, &self.artifacts, logs] {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        let mut begin = files(&self.seeds)?.len() + files(&self.corpus)?.len();
        let mut command = Command::new(&self.program);
        // What is new goes into the first.
        command.args([&self.corpus, &self.seeds]);
        if let Some(directory) = &self.examples {
            // What libFuzzer is given as a directory it reads with all that is below.
            let mut examples = files(directory)?;
            examples.retain(|file| file.extension().is_some_and(|it| it == "toml"));
            begin += examples.len();
            let mut list = OsString::from("-seed_inputs=");
            let examples: Vec<_> = examples.iter().map(|file| file.as_os_str()).collect();
            list.push(examples.join(OsStr::new(",")));
            command.arg(list);
        }
        let log = File::create(&self.log).with_context(|| self.log.display().to_string())?;
        let status = command
            .arg(format!("-artifact_prefix={}/", self.artifacts.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", self.longest))
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
        let Some(figures) = Figures::read(&output).filter(|_| status.success()) else {
            return Ok(Outcome::Failed(self.report(&output)));
        };
        let least = LEAST * begin as u64;
        if figures.runs < least {
            return Ok(Outcome::Failed(format!(
                "{} ran {} inputs, of which {begin} are those that it began with, and shall run \
                 {least}: give it more seconds, or see what makes it slow",
                self.name, figures.runs
            )));
        }
        Ok(Outcome::Held(figures))
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
