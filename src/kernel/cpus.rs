//! Lists of CPUs, as sysfs writes them.

use std::io;

/// CPUs that may ever be present: one copy of each per-CPU value exists for each of them.
pub fn possible() -> io::Result<Vec<u32>> {
    read("/sys/devices/system/cpu/possible")
}

/// CPUs that run now.
pub fn online() -> io::Result<Vec<u32>> {
    read("/sys/devices/system/cpu/online")
}

fn read(path: &str) -> io::Result<Vec<u32>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {path}: {error}")))?;
    parse(text.trim())
        .ok_or_else(|| io::Error::other(format!("{path} is not a list of CPUs: {text:?}")))
}

/// CPU numbers are below this (`CONFIG_NR_CPUS` goes up to 8,192).
const LIMIT: u32 = 1 << 16;

/// Parses a list such as `0-3,8`; none where it is anything else, or empty.
fn parse(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        if first > last || last >= LIMIT || cpus.last().is_some_and(|&before| before >= first) {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ranges() {
        assert_eq!(parse("0"), Some(vec![0]));
        assert_eq!(parse("0-3,8"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse("1,3-4,7"), Some(vec![1, 3, 4, 7]));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-",
            "3-1",
            "0,0",
            "0-3,2",
            "a",
            "0-",
            "0-4294967295",
            "0;1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_online_is_possible() {
        let possible = possible().unwrap();
        assert!(online().unwrap().iter().all(|cpu| possible.contains(cpu)));
    }
}
