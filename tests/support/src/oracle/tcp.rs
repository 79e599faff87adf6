//! `/proc/net/snmp` and `/proc/net/netstat` of every network namespace
//! (`Documentation/networking/snmp_counter.rst`).

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::network::Namespace;

/// Counters as `Tcp.ActiveOpens` or `TcpExt.TCPTimeouts`, summed over namespaces.
#[derive(Debug, Clone, Default)]
pub struct Tcp {
    counters: BTreeMap<String, i64>,
}

impl Tcp {
    /// The sum over the namespaces of all processes and of `others`, which may have none.
    pub fn read(others: &[&Namespace]) -> Result<Self> {
        let mut total = Self::default();
        let mut seen = HashSet::new();
        for entry in fs::read_dir("/proc").context("/proc")? {
            let directory = entry?.path();
            // Not a process, or one that has just ended.
            let Ok(namespace) = fs::read_link(directory.join("ns/net")) else {
                continue;
            };
            if !seen.insert(namespace) {
                continue;
            }
            for file in ["net/snmp", "net/netstat"] {
                total.add(&fs::read_to_string(directory.join(file)).unwrap_or_default());
            }
        }
        for namespace in others {
            let (link, text) = of(namespace)?;
            if seen.insert(link) {
                total.add(&text);
            }
        }
        Ok(total)
    }

    /// What counter `name` stands at; 0 for one this kernel lacks.
    pub fn value(&self, name: &str) -> f64 {
        self.counters.get(name).copied().unwrap_or(0) as f64
    }

    /// Those of one namespace.
    pub fn within(namespace: &Namespace) -> Result<Self> {
        let mut tcp = Self::default();
        tcp.add(&of(namespace)?.1);
        Ok(tcp)
    }

    /// How much counter `name` has grown since `earlier`; 0 for one this kernel lacks.
    pub fn since(&self, earlier: &Self, name: &str) -> f64 {
        self.value(name) - earlier.value(name)
    }

    /// Both files are pairs of lines: names, then values, after the same prefix.
    fn add(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks_exact(2) {
            let (Some((group, names)), Some((_, values))) =
                (pair[0].split_once(": "), pair[1].split_once(": "))
            else {
                continue;
            };
            for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                // `Tcp.MaxConn` may be -1; the others are unsigned.
                let value: i64 = value.parse().unwrap_or(0);
                *self.counters.entry(format!("{group}.{name}")).or_default() += value;
            }
        }
    }
}

/// What a namespace is known by, and the text of its files.
fn of(namespace: &Namespace) -> Result<(PathBuf, String)> {
    namespace.within(|| {
        let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}"));
        let link = fs::read_link("/proc/thread-self/ns/net")?;
        Ok((link, [read("snmp")?, read("netstat")?].concat()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "Ip: Forwarding\nIp: 1\nTcp: MaxConn ActiveOpens\nTcp: -1 7\n";

    #[test]
    fn names_and_values_are_paired_and_summed() {
        let mut tcp = Tcp::default();
        tcp.add(SNMP);
        tcp.add(SNMP);
        assert!((tcp.since(&Tcp::default(), "Tcp.ActiveOpens") - 14.0).abs() < f64::EPSILON);
        assert!(tcp.since(&Tcp::default(), "Tcp.NoSuch").abs() < f64::EPSILON);
    }
}
