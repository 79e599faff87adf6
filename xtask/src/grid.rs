//! Where each program attaches on each kernel, as `docs/kernels.md` has it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

const FILE: &str = "docs/kernels.md";
const BEGIN: &str = "<!-- Written by cargo xtask vm-test --write -->\n";
const END: &str = "<!-- End -->\n";

/// What became of a program on a kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attachment {
    pub module: String,
    /// Empty where none of the module was tried.
    pub program: String,
    /// Such as `tp_btf/sched_switch`, also of one that waits for a library; empty if it cannot be
    /// attached.
    pub hook: String,
    /// Why it is not attached.
    pub reason: String,
}

impl Attachment {
    /// The kind of hook.
    fn cell(&self) -> &str {
        self.hook.split_once('/').map_or("-", |(kind, _)| kind)
    }
}

/// Writes what was found on each kernel into the file, or fails where that says something else.
pub fn publish(root: &Path, found: &[(&str, Vec<Attachment>)], write: bool) -> Result<()> {
    let path = root.join(FILE);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (grid, after) = rest.split_once(END)?;
        Some((before, grid, after))
    });
    let (before, current, after) =
        parts.with_context(|| format!("{FILE}: the lines around the grid are not there"))?;
    let grid = render(found);
    if grid == current {
        return Ok(());
    }
    if !write {
        bail!("{FILE} is out of date: run `cargo xtask vm-test --write` and commit; now:\n{grid}");
    }
    fs::write(&path, [before, BEGIN, &grid, END, after].concat())
        .with_context(|| format!("writing {}", path.display()))?;
    println!("wrote {FILE}");
    Ok(())
}

fn render(found: &[(&str, Vec<Attachment>)]) -> String {
    // In the order of the manifests, which is the same on every kernel.
    let mut rows: Vec<(&str, &str)> = Vec::new();
    let mut cells = BTreeMap::new();
    for (kernel, attachments) in found {
        for it in attachments {
            let row = (&*it.module, &*it.program);
            if !rows.contains(&row) {
                rows.push(row);
            }
            cells.insert((row, *kernel), it);
        }
    }
    let mut out = String::from("\n| module | program |");
    let kernels = || found.iter().map(|(kernel, _)| *kernel);
    kernels().for_each(|kernel| _ = write!(out, " {kernel} |"));
    out.push_str("\n|---|---|");
    kernels().for_each(|_| out.push_str("---|"));
    let mut reasons = String::new();
    for row in rows {
        let (module, program) = row;
        let quoted = |name: &str| match name {
            "" => String::new(),
            name => format!("`{name}`"),
        };
        let _ = write!(out, "\n| `{module}` | {} |", quoted(program));
        for kernel in kernels() {
            let attachment = cells.get(&(row, kernel));
            let _ = write!(out, " {} |", attachment.map_or("-", |it| it.cell()));
            if let Some(missing) = attachment.filter(|it| it.cell() == "-") {
                let what = if program.is_empty() { module } else { program };
                let _ = writeln!(reasons, "- {kernel}: `{what}`: {}", missing.reason);
            }
        }
    }
    out.push('\n');
    if !reasons.is_empty() {
        let _ = write!(out, "\nWhy not:\n\n{reasons}");
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(program: &str, hook: &str, reason: &str) -> Attachment {
        Attachment {
            module: "tcp".to_owned(),
            program: program.to_owned(),
            hook: hook.to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn a_row_for_each_program_and_a_reason_for_each_gap() {
        let old = vec![
            attachment("a", "tp_btf/a", ""),
            attachment("b", "", "no such tracepoint"),
        ];
        let new = vec![
            attachment("a", "raw_tp/a", ""),
            attachment("b", "tp_btf/b", ""),
        ];
        let expected = "
| module | program | old | new |
|---|---|---|---|
| `tcp` | `a` | tp_btf | raw_tp |
| `tcp` | `b` | - | tp_btf |

Why not:

- old: `b`: no such tracepoint

";
        assert_eq!(render(&[("old", old), ("new", new)]), expected);
    }
}
