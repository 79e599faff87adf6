use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use geophone::{cli::render, config, daemon, module::Catalogue};

/// Write what is generated from the manifests: config/geophone.toml and docs/metrics.md
#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing, and fail if a file is not as it would be written
    #[arg(long)]
    check: bool,
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let catalogue = match Catalogue::builtin() {
        Ok(catalogue) => catalogue,
        Err(problems) => bail!(render::mistakes(&problems)),
    };
    let own = daemon::own_metrics();
    let modules = catalogue.iter().map(|module| &**module);
    let files = [
        ("config/geophone.toml", config::reference(&catalogue)),
        ("docs/metrics.md", render::modules_markdown(modules, &own)),
    ];
    let mut stale = Vec::new();
    for (name, text) in files {
        let path = root.join(name);
        if fs::read_to_string(&path).is_ok_and(|current| current == text) {
            continue;
        }
        if arguments.check {
            stale.push(name);
            continue;
        }
        let directory = path.parent().context("no parent")?;
        fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        println!("wrote {name}");
    }
    if !stale.is_empty() {
        bail!(
            "{} out of date: run `cargo xtask docs` and commit",
            stale.join(" and ")
        );
    }
    Ok(())
}
