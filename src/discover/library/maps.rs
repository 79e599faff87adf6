use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use super::mapping::Mapping;
use super::wanted::{Wanted, wants};

/// Mappings of a process that are read: the kernel's default limit
/// (`vm.max_map_count`, 65,530) and what some programs ask to raise it to.
const MAPPINGS: usize = 262_144;
/// Libraries of one process that are looked at.
const LIBRARIES_PER_PROCESS: usize = 64;

/// The wanted libraries among the mappings of one process.
#[derive(Debug, Default)]
pub(super) struct Maps {
    pub libraries: Vec<(Mapping<'static>, Vec<Arc<str>>)>,
    /// None at all: a kernel thread, or one that has exited.
    pub is_empty: bool,
    pub is_cut_short: bool,
}

impl Maps {
    /// Those that the thread `id` shares with its process.
    pub fn read(id: u32, wanted: &[Wanted]) -> io::Result<Self> {
        Self::parse(
            BufReader::new(File::open(format!("/proc/{id}/maps"))?),
            wanted,
        )
    }

    fn parse(mut text: impl BufRead, wanted: &[Wanted]) -> io::Result<Self> {
        let mut maps = Self {
            is_empty: true,
            ..Self::default()
        };
        let mut line = Vec::new();
        for _ in 0..MAPPINGS {
            line.clear();
            if text.read_until(b'\n', &mut line)? == 0 {
                return Ok(maps);
            }
            maps.is_empty = false;
            let Some(mapping) = Mapping::parse(line.strip_suffix(b"\n").unwrap_or(&line)) else {
                continue;
            };
            let wants = wants(wanted, mapping.name());
            if wants.is_empty() || maps.has(&mapping) {
                continue;
            }
            if maps.libraries.len() == LIBRARIES_PER_PROCESS {
                break;
            }
            maps.libraries.push((mapping.into_owned(), wants));
        }
        maps.is_cut_short = true;
        Ok(maps)
    }

    /// Whether another part of the same file is known.
    fn has(&self, mapping: &Mapping<'_>) -> bool {
        self.libraries.iter().any(|(known, _)| {
            (known.device, known.inode, &known.path)
                == (mapping.device, mapping.inode, &mapping.path)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wanted() -> Vec<Wanted> {
        let wanted = |name: &str, files: &[&str]| Wanted {
            name: name.into(),
            files: files.iter().map(|file| file.parse().unwrap()).collect(),
            places: Vec::new(),
        };
        vec![
            wanted("cuda", &["libcuda.so.*"]),
            wanted("all", &["libcuda*", "libnccl.so.*"]),
        ]
    }

    fn parse(text: &str) -> Maps {
        Maps::parse(text.as_bytes(), &wanted()).unwrap()
    }

    fn line(number: usize, inode: u64, path: &str) -> String {
        format!("{number:x}000-{number:x}fff r-xp 00001000 08:01 {inode} {path}\n")
    }

    #[test]
    fn libraries_are_told_by_name_and_each_once() {
        let text = [
            line(1, 7, "/usr/bin/python3"),
            line(2, 8, "/lib/libcuda.so.1"),
            line(3, 8, "/lib/libcuda.so.1"),
            line(4, 9, "/lib/libcuda.so.1 (deleted)"),
            line(5, 10, "/lib/libnccl.so.2 "),
        ];
        let maps = parse(&text.concat());
        let found: Vec<_> = maps
            .libraries
            .iter()
            .map(|(mapping, wants)| (mapping.inode, wants.iter().map(|name| &**name).collect()))
            .collect::<Vec<(u64, Vec<&str>)>>();
        assert_eq!(
            found,
            [
                (8, vec!["cuda", "all"]),
                (9, vec!["cuda", "all"]),
                (10, vec!["all"])
            ]
        );
        assert!(!maps.is_empty && !maps.is_cut_short);
    }

    #[test]
    fn a_process_without_memory_is_empty() {
        assert!(parse("").is_empty);
        assert!(!parse(&line(1, 7, "/bin/sh")).is_empty);
    }

    #[test]
    fn more_libraries_than_the_limit_are_told() {
        let text: String = (1..=65)
            .map(|n| line(n, 8, &format!("/{n}/libcuda.so.1")))
            .collect();
        let maps = parse(&text);
        assert_eq!(maps.libraries.len(), LIBRARIES_PER_PROCESS);
        assert!(maps.is_cut_short);
    }

    #[test]
    fn more_mappings_than_the_limit_are_told() {
        let text = "1-2 r--p 0 08:01 7 /a\n".repeat(MAPPINGS);
        assert!(parse(&text).is_cut_short);
        assert!(!parse(&text[22..]).is_cut_short);
    }
}
