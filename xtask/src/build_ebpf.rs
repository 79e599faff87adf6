//! `cargo xtask build-ebpf`: compiles the probes and records what they were made with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Debian's compiler, whose LLVM is the one that `ebpf/setup-debian.sh` links bpf-linker to.
/// Elsewhere a nightly toolchain with rust-src serves: name it by `EBPF_RUSTC` and
/// `EBPF_CARGO`.
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LLVM_OBJCOPY: &str = "/usr/lib/llvm-22/bin/llvm-objcopy";

/// Architectures whose registers `ebpf/src/registers.rs` knows.
const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];

/// The one that the examples are built for. They attach to tracepoints only, whose arguments
/// are the same on every architecture.
const OF_EXAMPLES: &str = "x86_64";

/// Where the examples' objects lie, each beside its manifest.
const EXAMPLES: &str = "config/modules";

/// What the committed objects were built with, in `ebpf/prebuilt/build.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    rustc: String,
    bpf_linker: String,
    rustflags: String,
    /// SHA-256 over names and contents of the sources.
    sources: String,
    /// SHA-256 of each object, by path in the repository.
    objects: BTreeMap<String, String>,
}

/// Rebuilds the objects in place, or with `check` in a scratch directory and compares.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let ebpf = root.join("ebpf");
    let prebuilt = ebpf.join("prebuilt");
    let sources = hash_sources(&ebpf)?;
    let toolchain = Toolchain::find()?;
    let scratch = root.join("target/ebpf-objects");
    let mut objects = BTreeMap::new();
    for arch in ARCHITECTURES {
        for Built { linked, object } in toolchain.build(root, arch, check)? {
            let destination = if check { &scratch } else { root }.join(&object);
            fs::create_dir_all(destination.parent().context("no parent")?)?;
            strip(&linked, &destination)?;
            objects.insert(object, sha256(&fs::read(&destination)?));
        }
    }
    let record = Record {
        rustc: toolchain.version,
        bpf_linker: toolchain.linker,
        rustflags: RUSTFLAGS.join(" "),
        sources,
        objects,
    };
    let path = prebuilt.join("build.json");
    if !check {
        fs::write(&path, serde_json::to_string_pretty(&record)? + "\n")?;
        println!(
            "built {} objects with {}",
            record.objects.len(),
            record.rustc
        );
        return Ok(());
    }
    let committed: Record = serde_json::from_str(&fs::read_to_string(&path)?)
        .with_context(|| format!("reading {}", path.display()))?;
    compare(&committed, &record)
}

/// Fails when the committed objects do not come from the committed sources.
fn compare(committed: &Record, rebuilt: &Record) -> Result<()> {
    ensure!(
        committed.sources == rebuilt.sources,
        "the probes' sources changed after the objects were built: run `cargo xtask build-ebpf` \
         and commit ebpf/prebuilt and {EXAMPLES}"
    );
    if (&committed.rustc, &committed.bpf_linker) != (&rebuilt.rustc, &rebuilt.bpf_linker) {
        println!(
            "not compared byte for byte: the objects were built with {} and {}, here are {} and {}.\n\
             The rebuilt objects are in target/ebpf-objects: test them with \
             `cp -r target/ebpf-objects/. . && cargo test`.",
            committed.rustc, committed.bpf_linker, rebuilt.rustc, rebuilt.bpf_linker
        );
        return Ok(());
    }
    let differing: Vec<_> = rebuilt
        .objects
        .iter()
        .filter(|(name, hash)| committed.objects.get(*name) != Some(hash))
        .map(|(name, _)| name.as_str())
        .chain(
            committed
                .objects
                .keys()
                .filter(|n| !rebuilt.objects.contains_key(*n))
                .map(String::as_str),
        )
        .collect();
    if !differing.is_empty() {
        bail!(
            "built anew, these objects differ from the committed ones: {}",
            differing.join(", ")
        );
    }
    println!(
        "{} objects are what their sources give with {}",
        rebuilt.objects.len(),
        rebuilt.rustc
    );
    Ok(())
}

const RUSTFLAGS: [&str; 4] = [
    "-C linker=bpf-linker",
    "-C link-arg=--btf",
    "-C debuginfo=2",
    "-C target-cpu=v3",
];

/// A compiled program file.
struct Built {
    /// The object as linked.
    linked: PathBuf,
    /// Where it belongs in the repository.
    object: String,
}

struct Toolchain {
    rustc: String,
    cargo: String,
    version: String,
    linker: String,
}

impl Toolchain {
    fn find() -> Result<Self> {
        let rustc = std::env::var("EBPF_RUSTC").unwrap_or_else(|_| RUSTC.into());
        let cargo = std::env::var("EBPF_CARGO").unwrap_or_else(|_| CARGO.into());
        let version = first_line(Command::new(&rustc).arg("--version")).with_context(|| {
            format!("no eBPF compiler at {rustc}: run `ebpf/setup-debian.sh` (Debian 12)")
        })?;
        let linker = first_line(Command::new("bpf-linker").arg("--version"))
            .context("no bpf-linker: run `ebpf/setup-debian.sh` (Debian 12)")?;
        Ok(Self {
            rustc,
            cargo,
            version,
            linker,
        })
    }

    /// Compiles every program file of `ebpf/src/bin` and `ebpf/examples`.
    fn build(&self, root: &Path, arch: &str, fresh: bool) -> Result<Vec<Built>> {
        let ebpf = root.join("ebpf");
        let target = root
            .join(if fresh {
                "target/ebpf-check"
            } else {
                "target/ebpf"
            })
            .join(arch);
        let with_examples = arch == OF_EXAMPLES;
        if fresh && target.exists() {
            fs::remove_dir_all(&target)?;
        }
        let home = std::env::var("CARGO_HOME")
            .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
            .context("neither CARGO_HOME nor HOME is set")?;
        // Paths reach the object through BTF line information; none of a machine may.
        let flags = format!(
            "{} --remap-path-prefix={}=ebpf --remap-path-prefix={home}=cargo --cfg=bpf_target_arch=\"{arch}\"",
            RUSTFLAGS.join(" "),
            ebpf.display()
        );
        let status = Command::new(&self.cargo)
            .current_dir(&ebpf)
            .args([
                "build",
                "--release",
                "--locked",
                "-Z",
                "build-std=core",
                "--bins",
            ])
            .args(with_examples.then_some("--examples"))
            .args(["--target", "bpfel-unknown-none", "--target-dir"])
            .arg(&target)
            .env("RUSTC", &self.rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", flags)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .status()
            .with_context(|| format!("running {}", self.cargo))?;
        ensure!(status.success(), "the probes do not compile");
        let release = target.join("bpfel-unknown-none/release");
        let programs = stems(&ebpf.join("src/bin"))?.into_iter().map(|stem| Built {
            linked: release.join(&stem),
            object: format!("ebpf/prebuilt/{arch}/{stem}.o"),
        });
        let examples = if with_examples {
            stems(&ebpf.join("examples"))?
        } else {
            Vec::new()
        };
        let examples = examples.into_iter().map(|stem| Built {
            linked: release.join("examples").join(&stem),
            object: format!("{EXAMPLES}/{stem}.o"),
        });
        Ok(programs.chain(examples).collect())
    }
}

/// What cargo calls the program files of a directory.
fn stems(directory: &Path) -> Result<Vec<String>> {
    let mut stems = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some(stem) = path.file_stem() {
            stems.push(stem.to_string_lossy().into_owned());
        }
    }
    stems.sort();
    Ok(stems)
}

/// Leaves out DWARF, which the kernel does not read; BTF stays.
fn strip(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new(LLVM_OBJCOPY)
        .arg("--strip-debug")
        .args([from, to])
        .status()
        .with_context(|| format!("running {LLVM_OBJCOPY}"))?;
    ensure!(
        status.success(),
        "{LLVM_OBJCOPY} failed on {}",
        from.display()
    );
    Ok(())
}

fn first_line(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}

fn hash_sources(ebpf: &Path) -> Result<String> {
    let mut files = Vec::new();
    for place in [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "examples",
        "histogram",
        "names",
    ] {
        collect(&ebpf.join(place), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.strip_prefix(ebpf)?.to_string_lossy().as_bytes());
        hash.update([0]);
        hash.update(fs::read(&file)?);
        hash.update([0]);
    }
    Ok(format!("{:x}", hash.finalize()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
