//! Who pushes: attributes by the names of the semantic conventions.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

use uuid::{Uuid, uuid};

use crate::config::Otlp;
use crate::export::otlp::Resource;

/// The namespace that the semantic conventions give for identifiers made of a machine's
/// (`service.instance.id`).
const INSTANCE_NAMESPACE: Uuid = uuid!("4d63009a-8d0f-11ee-aad7-4c796ed8e320");

/// What Kubernetes' downward API can put into the environment, by the names that manifests use
/// for it.
const KUBERNETES: [(&str, &[&str]); 6] = [
    ("k8s.node.name", &["K8S_NODE_NAME", "NODE_NAME"]),
    (
        "k8s.namespace.name",
        &["K8S_NAMESPACE_NAME", "POD_NAMESPACE"],
    ),
    ("k8s.pod.name", &["K8S_POD_NAME", "POD_NAME"]),
    ("k8s.pod.uid", &["K8S_POD_UID", "POD_UID"]),
    (
        "k8s.container.name",
        &["K8S_CONTAINER_NAME", "CONTAINER_NAME"],
    ),
    ("k8s.cluster.name", &["K8S_CLUSTER_NAME", "CLUSTER_NAME"]),
];

/// Every attribute once. What the configuration says wins over what was found out, and
/// `service.name` over an attribute of that name.
pub fn resource_attributes(
    config: &Otlp,
    environment: &[(OsString, OsString)],
) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            attributes.insert(name.to_owned(), value);
        }
    };
    let machine = machine_id();
    let host = read("/proc/sys/kernel/hostname");
    // An instance is the daemon of a machine, whenever it was started.
    let instance = machine.as_ref().or(host.as_ref());
    set(
        "service.instance.id",
        instance.map(|id| Uuid::new_v5(&INSTANCE_NAMESPACE, id.as_bytes()).to_string()),
    );
    set(
        "service.version",
        Some(env!("CARGO_PKG_VERSION").to_owned()),
    );
    set("host.name", host);
    set("host.id", machine);
    set("host.arch", Some(architecture().to_owned()));
    set("os.type", Some("linux".to_owned()));
    let release = read("/etc/os-release").or_else(|| read("/usr/lib/os-release"));
    let release = release.unwrap_or_default();
    set("os.name", field(&release, "NAME"));
    set("os.version", field(&release, "VERSION_ID"));
    set("os.description", field(&release, "PRETTY_NAME"));
    set(
        "container.id",
        read("/proc/self/mountinfo").and_then(|text| container_id(&text)),
    );
    for (name, variables) in KUBERNETES {
        let found = variables.iter().find_map(|variable| {
            let (_, value) = environment.iter().find(|(name, _)| name == variable)?;
            value.to_str().map(str::to_owned)
        });
        set(name, found);
    }
    for (name, value) in &config.resource_attributes {
        set(name, Some(value.clone()));
    }
    set("service.name", Some(config.service_name.clone()));
    attributes
}

/// Those attributes, as requests have them.
pub fn resource(config: &Otlp, environment: &[(OsString, OsString)]) -> Resource {
    let attributes = resource_attributes(config, environment);
    Resource::new(attributes.iter().map(|(name, value)| (&**name, &**value)))
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// `/etc/machine-id`, which is 32 hexadecimal digits (machine-id(5)), or "uninitialized".
fn machine_id() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .filter_map(|path| read(path))
        .find(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// As `host.arch` spells it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A field of os-release(5), without its quotes.
fn field(release: &str, name: &str) -> Option<String> {
    let lines = release.lines();
    let value = lines
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .next_back()?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// The container that this process is in, by the files that its runtime binds into it, such as
/// `/var/lib/docker/containers/ID/hostname`.
fn container_id(mountinfo: &str) -> Option<String> {
    let is_id = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    mountinfo
        .lines()
        .filter(|line| line.contains("/hostname "))
        .find_map(|line| line.split('/').find(is_id))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn fields_of_a_release_are_without_quotes() {
        let release = "NAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\nID=debian\n";
        assert_eq!(field(release, "NAME").unwrap(), "Debian GNU/Linux");
        assert_eq!(field(release, "VERSION_ID").unwrap(), "12");
        assert_eq!(field(release, "ID").unwrap(), "debian");
        assert_eq!(field(release, "VERSION"), None);
    }

    #[test]
    fn a_container_is_known_by_its_files() {
        let id = "0123456789abcdef".repeat(4);
        let line = |id: &str| {
            format!(
                "700 690 8:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"
            )
        };
        assert_eq!(container_id(&line(&id)).unwrap(), id);
        assert_eq!(container_id(&line("short")), None);
        assert_eq!(container_id("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), None);
    }
}
