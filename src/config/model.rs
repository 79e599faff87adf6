use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{Filter, ListenAddress, Otlp};
use crate::module::Attach;

/// Everything the daemon is told, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// A BTF file to use instead of `/sys/kernel/btf/vmlinux`.
    pub btf: Option<PathBuf>,
    pub module_dirs: Vec<PathBuf>,
    pub web: Web,
    pub log: Log,
    pub sweep: Sweep,
    pub exposition: Exposition,
    pub statistics: Statistics,
    pub otlp: Otlp,
    /// Every module of the catalogue, by name.
    pub modules: BTreeMap<String, ModuleConfig>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Web {
    /// Never empty.
    pub listen_addresses: Vec<ListenAddress>,
    /// Begins with `/`.
    pub telemetry_path: String,
    /// Scrapes served at once.
    pub max_requests: usize,
    /// Whether to listen on what the service manager hands over, instead of the addresses.
    pub systemd_socket: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Logfmt,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Sweep {
    #[serde(deserialize_with = "duration")]
    pub interval: Duration,
    /// At most `interval`.
    #[serde(deserialize_with = "duration")]
    pub min_interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Exposition {
    pub classic_buckets: bool,
}

/// When the kernel measures the run time of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Statistics {
    /// How long in each period; zero is never. At most `period`.
    #[serde(deserialize_with = "duration")]
    pub window: Duration,
    #[serde(deserialize_with = "duration")]
    pub period: Duration,
}

/// One module's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ModuleConfig {
    pub enabled: Enabled,
    /// Resolution of its histograms, 0 to 3: `2^schema` buckets per octave.
    pub schema: u32,
    /// Bound on the series of each metric.
    pub max_series: usize,
    /// A kind of hook that is the last resort.
    pub avoid: Option<Attach>,
    /// Every option of the manifest, by name.
    pub options: BTreeMap<String, OptionValue>,
    /// By discovered label, every one of the manifest's.
    pub filters: BTreeMap<String, Filter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabled {
    /// The module must run: `run` logs an error if it is not active, and `collect` fails.
    Yes,
    No,
    /// The module runs if this kernel lets it.
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionValue {
    Bool(bool),
    Integer(u64),
}

impl ModuleConfig {
    /// Whether a bool option is true; false for an option that is not there.
    pub fn is_on(&self, option: &str) -> bool {
        self.options.get(option) == Some(&OptionValue::Bool(true))
    }

    /// The value of an integer option.
    pub fn integer(&self, option: &str) -> Option<u64> {
        match self.options.get(option)? {
            OptionValue::Integer(value) => Some(*value),
            OptionValue::Bool(_) => None,
        }
    }

    /// Whether something conditional on an option (`when`) is wanted; true without a condition.
    pub fn wants(&self, when: Option<&str>) -> bool {
        when.is_none_or(|option| self.is_on(option))
    }
}

impl OptionValue {
    /// The value as a read-only global takes it.
    pub fn as_u64(self) -> u64 {
        match self {
            Self::Bool(value) => u64::from(value),
            Self::Integer(value) => value,
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    humantime::parse_duration(&text).map_err(serde::de::Error::custom)
}
