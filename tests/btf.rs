//! Geophone's reading of the running kernel's BTF against bpftool's.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::process::Command;

use geophone::kernel::KernelBtf;
use geophone::kernel::btf::Btf;
use geophone::kernel::facts::Facts;
use geophone::kernel::resolve::resolve;
use geophone_test_support::requirement::Requirement;
use serde::Deserialize;

/// Structures whose every member is compared: those that probes read, and large ones.
const STRUCTURES: [&str; 16] = [
    "task_struct",
    "sched_entity",
    "cfs_rq",
    "rq",
    "request",
    "request_queue",
    "bio",
    "gendisk",
    "block_device",
    "sock",
    "sock_common",
    "tcp_sock",
    "sk_buff",
    "skb_shared_info",
    "css_set",
    "kernfs_node",
];

#[derive(Deserialize)]
struct Dump {
    types: Vec<Described>,
}

/// A type as bpftool describes it.
#[derive(Deserialize)]
struct Described {
    id: u32,
    kind: String,
    name: String,
    #[serde(default)]
    type_id: u32,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    nr_elems: u64,
    #[serde(default)]
    members: Vec<Member>,
    #[serde(default)]
    values: Vec<Value>,
    #[serde(default)]
    params: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    type_id: u32,
    bits_offset: u64,
    #[serde(default)]
    bitfield_size: u64,
}

#[derive(Deserialize)]
struct Value {
    name: String,
    val: i128,
}

#[derive(Deserialize)]
struct Parameter {
    type_id: u32,
}

struct Oracle(HashMap<u32, Described>);

impl Oracle {
    /// What bpftool reads of the running kernel. Without it the test is skipped.
    fn read(test: &str) -> Option<Self> {
        let arguments = [
            "btf",
            "dump",
            "file",
            "/sys/kernel/btf/vmlinux",
            "format",
            "raw",
            "-j",
        ];
        let output = ["bpftool", "/usr/sbin/bpftool"]
            .iter()
            .find_map(|program| Command::new(program).args(arguments).output().ok())
            .filter(|output| output.status.success());
        let Some(output) = output else {
            let reason = format!("{test}: bpftool does not run here (apt install bpftool)");
            Requirement::Bpf.skip(&reason);
            return None;
        };
        let dump: Dump = serde_json::from_slice(&output.stdout).unwrap();
        Some(Self(
            dump.types.into_iter().map(|each| (each.id, each)).collect(),
        ))
    }

    fn composite(&self, name: &str) -> Option<&Described> {
        let kinds = ["STRUCT", "UNION"];
        self.0
            .values()
            .find(|it| it.name == name && kinds.contains(&it.kind.as_str()))
    }

    /// The type behind typedefs and qualifiers.
    fn plain(&self, mut id: u32) -> Option<&Described> {
        const ALIASES: [&str; 5] = ["TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG"];
        while let Some(found) = self.0.get(&id) {
            if !ALIASES.contains(&found.kind.as_str()) {
                return Some(found);
            }
            id = found.type_id;
        }
        None
    }

    fn size(&self, id: u32) -> u64 {
        match self.plain(id) {
            None => 0,
            Some(found) => match found.kind.as_str() {
                "PTR" => 8,
                "ARRAY" => found.nr_elems * self.size(found.type_id),
                _ => found.size,
            },
        }
    }

    /// Members by name with offset, width and size, those of anonymous members included.
    fn members(&self, of: &Described, base: u64, found: &mut Vec<(String, u64, u64, u64)>) {
        for member in &of.members {
            let offset = base + member.bits_offset;
            if member.name == "(anon)" {
                if let Some(inner) = self.plain(member.type_id) {
                    self.members(inner, offset, found);
                }
            } else {
                let size = self.size(member.type_id);
                found.push((member.name.clone(), offset, member.bitfield_size, size));
            }
        }
    }
}

fn ask(btf: &Btf, request: &str) -> [u32; 2] {
    resolve(&request.parse().unwrap(), &Facts::running(btf)).unwrap()
}

#[test]
fn members_lie_where_bpftool_sees_them() {
    let Some(oracle) = Oracle::read("members_lie_where_bpftool_sees_them") else {
        return;
    };
    let kernel = KernelBtf::open(None).unwrap();
    let btf = kernel.reader();
    let mut compared = 0;
    let mut bit_fields = 0;
    for structure in STRUCTURES {
        let Some(described) = oracle.composite(structure) else {
            continue;
        };
        let mut members = Vec::new();
        oracle.members(described, 0, &mut members);
        for (name, bit_offset, width, size) in members {
            let place = btf.member(structure, &[&name]).unwrap();
            let what = format!("{structure}.{name}");
            assert_eq!(place.bit_offset, bit_offset, "{what}");
            assert_eq!(place.bit_width.map_or(0, u64::from), width, "{what}");
            if width == 0 {
                assert_eq!(place.byte_offset(), Some(bit_offset / 8), "{what}");
                assert_eq!(btf.size_of(place.type_id).unwrap(), size, "{what}");
            } else {
                bit_fields += 1;
            }
            compared += 1;
        }
    }
    println!("{compared} members, {bit_fields} of them bit fields");
    assert!(
        compared > 500 && bit_fields > 30,
        "only {compared}, {bit_fields}"
    );
}

#[test]
fn nested_paths_add_up() {
    let Some(oracle) = Oracle::read("nested_paths_add_up") else {
        return;
    };
    let kernel = KernelBtf::open(None).unwrap();
    let described = oracle.composite("task_struct").unwrap();
    let mut members = Vec::new();
    oracle.members(described, 0, &mut members);
    let offsets: HashMap<_, _> = members.into_iter().map(|it| (it.0.clone(), it)).collect();
    let mut compared = 0;
    for (member, within) in [
        ("se", "sched_entity"),
        ("rt", "sched_rt_entity"),
        ("thread", "thread_struct"),
    ] {
        let Some((_, base, ..)) = offsets.get(member) else {
            continue;
        };
        let mut inner = Vec::new();
        oracle.members(oracle.composite(within).unwrap(), *base, &mut inner);
        for (name, bit_offset, ..) in inner {
            let place = kernel
                .reader()
                .member("task_struct", &[member, &name])
                .unwrap();
            assert_eq!(place.bit_offset, bit_offset, "task_struct.{member}.{name}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared}");
}

#[test]
fn every_type_has_the_kind_name_and_size_that_bpftool_sees() {
    let Some(oracle) = Oracle::read("every_type_has_the_kind_name_and_size_that_bpftool_sees")
    else {
        return;
    };
    let kernel = KernelBtf::open(None).unwrap();
    let btf = kernel.reader();
    assert_eq!(btf.len() as usize, oracle.0.len());
    for found in btf.iter() {
        let described = &oracle.0[&found.id];
        let kind = format!("{:?}", found.kind).to_uppercase();
        assert_eq!(kind, described.kind.replace('_', ""), "{}", found.id);
        let name = Some(btf.name(&found))
            .filter(|name| !name.is_empty())
            .unwrap_or("(anon)");
        assert_eq!(name, described.name, "{}", found.id);
        if let (Some(size), true) = (found.size(), described.kind != "DATASEC") {
            assert_eq!(u64::from(size), described.size, "{}", found.id);
        }
        assert_eq!(
            found.members().count(),
            described.members.len(),
            "{}",
            found.id
        );
        for (member, theirs) in found.members().zip(&described.members) {
            assert_eq!(
                u64::from(member.bit_offset),
                theirs.bits_offset,
                "{}",
                found.id
            );
            assert_eq!(member.type_id, theirs.type_id, "{}", found.id);
        }
    }
}

#[test]
fn enumerators_have_the_values_that_bpftool_sees() {
    let Some(oracle) = Oracle::read("enumerators_have_the_values_that_bpftool_sees") else {
        return;
    };
    let kernel = KernelBtf::open(None).unwrap();
    let mut compared = 0;
    for found in kernel.reader().iter() {
        let described = &oracle.0[&found.id];
        assert_eq!(
            found.enumerators().count(),
            described.values.len(),
            "{}",
            found.id
        );
        let narrow = described.kind == "ENUM";
        for (ours, theirs) in found.enumerators().zip(&described.values) {
            assert_eq!(kernel.reader().enumerator_name(&ours), theirs.name);
            // bpftool shows some 32-bit values without their sign.
            let mask = if narrow {
                u64::from(u32::MAX)
            } else {
                u64::MAX
            };
            let value = u64::try_from(theirs.val & i128::from(mask)).unwrap();
            assert_eq!(ours.value & mask, value, "{}", theirs.name);
            compared += 1;
        }
    }
    assert!(compared > 1000, "only {compared}");
}

#[test]
fn tracepoints_have_the_arguments_that_bpftool_sees() {
    let Some(oracle) = Oracle::read("tracepoints_have_the_arguments_that_bpftool_sees") else {
        return;
    };
    let kernel = KernelBtf::open(None).unwrap();
    let btf = kernel.reader();
    let mut compared = 0;
    for (tracepoint, structure) in [
        ("sched_switch", "task_struct"),
        ("sched_migrate_task", "task_struct"),
        ("block_rq_complete", "request"),
        ("block_rq_issue", "request"),
        ("tcp_retransmit_skb", "sk_buff"),
        ("inet_sock_set_state", "sock"),
    ] {
        let name = format!("btf_trace_{tracepoint}");
        let typedef = oracle
            .0
            .values()
            .find(|it| it.kind == "TYPEDEF" && it.name == name);
        let pointer = typedef.and_then(|it| oracle.plain(it.type_id));
        let Some(prototype) = pointer.and_then(|it| oracle.plain(it.type_id)) else {
            continue;
        };
        let is_wanted = |parameter: &Parameter| {
            let pointer = oracle
                .plain(parameter.type_id)
                .filter(|it| it.kind == "PTR");
            let target = pointer.and_then(|it| oracle.plain(it.type_id));
            target.is_some_and(|it| it.name == structure)
        };
        let theirs = prototype.params.iter().skip(1).position(is_wanted).unwrap();
        let ours = ask(btf, &format!("argument {tracepoint} {structure}"));
        assert_eq!(ours[0] as usize, theirs, "{tracepoint}");
        assert_eq!(ask(btf, &format!("exists tracepoint {tracepoint}")), [1, 0]);
        compared += 1;
    }
    assert!(compared >= 4, "only {compared}");
}
