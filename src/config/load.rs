use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::value::{Dict, Value};
use serde::Deserialize;

use super::check::Checker;
use super::layer::{Input, Layer, RawSetting, Setting, Text, flatten};
use super::model::{Config, Exposition, Log, Statistics, Sweep, Web};
use super::schema::{self, Key};
use super::source::{Overrides, Sources};
use super::{ConfigError, environment, modules, opentelemetry, otlp};
use crate::document::{self, Node, Origin, Problems};
use crate::module::Catalogue;
use crate::regular_file;

/// A configuration and the modules it speaks of.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// The modules given to [`Config::load`] and those of `module_dirs`.
    pub catalogue: Catalogue,
    /// Where keys were set, of those that somebody set.
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Where a key was set, for those who use what it names.
    pub fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }
}

/// What the layers come to, right or not.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The configuration without its mistakes: what is wrong is as if nobody had written it.
    pub loaded: Loaded,
    /// Every mistake, not only the first.
    pub mistakes: Vec<ConfigError>,
}

impl Draft {
    /// Merges the layers and checks everything, manifests of `module_dirs` included. `known`
    /// are the modules there are without them: [`Catalogue::builtin`].
    ///
    /// # Errors
    ///
    /// Nothing is left without the mistakes.
    pub fn read(sources: &Sources, known: Catalogue) -> Result<Self, Vec<ConfigError>> {
        let problems = Problems::default();
        let (file, in_file) = read_file(sources, &problems);
        let layers = [
            ("file", in_file),
            (
                "opentelemetry",
                opentelemetry::settings(&sources.environment, &problems),
            ),
            ("environment", of_environment(sources, &problems)),
            ("flags", of_flags(&sources.overrides)),
        ];
        let (catalogue, incomplete) = extend(known, &layers, &problems);
        let settings = layers.iter().flat_map(|(_, settings)| settings);
        let endpoints = otlp::endpoints(settings, &problems);
        let names: Vec<String> = endpoints.iter().map(|(name, _)| name.clone()).collect();
        let keys = schema::all(&catalogue, &names);
        let checker = Checker::new(&keys, catalogue.names().collect(), incomplete, &problems);
        let merged = Merged::new(&layers, &keys, &checker);
        let Some(config) = merged.config(file, &catalogue, &endpoints, &problems) else {
            return Err(problems.into_sorted());
        };
        let loaded = Loaded {
            config,
            catalogue,
            origins: merged.origins(&keys),
        };
        let mistakes = problems.into_sorted();
        Ok(Self { loaded, mistakes })
    }
}

impl Config {
    /// [Reads](Draft::read) a configuration that must be without mistakes.
    ///
    /// Returns every mistake, not only the first.
    pub fn load(sources: &Sources, known: Catalogue) -> Result<Loaded, Vec<ConfigError>> {
        let Draft { loaded, mistakes } = Draft::read(sources, known)?;
        if mistakes.is_empty() {
            Ok(loaded)
        } else {
            Err(mistakes)
        }
    }
}

/// The layers merged, which still know who set what.
pub(super) struct Merged {
    layers: Vec<Layer>,
    figment: Figment,
    /// What came of them. Figment makes it anew, all of it, whenever it is asked for one key.
    values: Value,
}

impl Merged {
    pub(super) fn new(
        layers: &[(&'static str, Vec<Setting>)],
        keys: &[Key],
        checker: &Checker<'_>,
    ) -> Self {
        let mut merged = vec![checker.layer("defaults", &defaults(keys))];
        merged.extend(
            layers
                .iter()
                .map(|(name, settings)| checker.layer(name, settings)),
        );
        let figment = merged.iter().fold(Figment::new(), Figment::merge);
        let values = figment.find_value("");
        Self {
            layers: merged,
            figment,
            values: values.unwrap_or_else(|_| Dict::new().into()),
        }
    }

    /// The value of a key, or none if nobody set it.
    pub(super) fn get<'de, T: Deserialize<'de>>(&self, path: &str) -> Option<T> {
        self.values.find_ref(path)?.deserialize().ok()
    }

    /// Who set the key that won.
    pub(super) fn origin(&self, path: &str) -> Origin {
        let winner = self.winner(path);
        self.layers
            .iter()
            .filter(|layer| Some(layer.name) == winner)
            .flat_map(|layer| &layer.entries)
            .find(|entry| entry.path == path)
            .map_or(Origin::Default, |entry| entry.origin.clone())
    }

    /// Which layer's value of a key won: later ones rank higher.
    pub(super) fn rank(&self, path: &str) -> usize {
        let winner = self.winner(path);
        let is_winner = |layer: &Layer| Some(layer.name) == winner;
        self.layers.iter().position(is_winner).unwrap_or(0)
    }

    /// The layer whose value of a key won.
    fn winner(&self, path: &str) -> Option<&str> {
        let tag = self.values.find_ref(path)?.tag();
        let metadata = self.figment.get_metadata(tag)?;
        Some(&metadata.name)
    }

    /// Where somebody set a key whose path begins so.
    pub(super) fn origin_below(&self, prefix: &str) -> Origin {
        let entries = self.layers.iter().flat_map(|layer| &layer.entries);
        entries
            .filter(|entry| entry.path.starts_with(prefix) && entry.origin != Origin::Default)
            .map(|entry| entry.origin.clone())
            .next()
            .unwrap_or(Origin::Default)
    }

    fn origins(&self, keys: &[Key]) -> BTreeMap<String, Origin> {
        let origins = keys
            .iter()
            .map(|key| (key.path.clone(), self.origin(&key.path)));
        origins
            .filter(|(_, origin)| *origin != Origin::Default)
            .collect()
    }

    fn config(
        &self,
        file: Option<PathBuf>,
        catalogue: &Catalogue,
        endpoints: &[(String, Origin)],
        problems: &Problems,
    ) -> Option<Config> {
        let base: Base = match self.figment.extract() {
            Ok(base) => base,
            Err(errors) => {
                for error in errors {
                    let place = self.origin(&error.path.join("."));
                    problems.add(&place, format!("{}: {}", error.path.join("."), error.kind));
                }
                return None;
            }
        };
        self.at_most(
            "sweep.min_interval",
            "sweep.interval",
            base.sweep.min_interval <= base.sweep.interval,
            problems,
        );
        self.at_most(
            "statistics.window",
            "statistics.period",
            base.statistics.window <= base.statistics.period,
            problems,
        );
        let modules = modules::read(self, catalogue, problems);
        Some(Config {
            file,
            btf: (!base.btf.as_os_str().is_empty()).then_some(base.btf),
            module_dirs: base.module_dirs,
            web: base.web,
            log: base.log,
            sweep: base.sweep,
            exposition: base.exposition,
            statistics: base.statistics,
            otlp: otlp::read(self, endpoints, problems),
            modules,
        })
    }

    /// Notes a key whose value exceeds another's.
    fn at_most(&self, lesser: &str, greater: &str, holds: bool, problems: &Problems) {
        if holds {
            return;
        }
        let value = |path: &str| self.get::<String>(path).unwrap_or_default();
        let (origin, limit_origin) = (self.origin(lesser), self.origin(greater));
        // Point at something a person wrote.
        let place = if origin == Origin::Default {
            &limit_origin
        } else {
            &origin
        };
        problems.add(
            place,
            format!(
                "{lesser} ({}, {origin}) must be at most {greater} ({}, {limit_origin})",
                value(lesser),
                value(greater)
            ),
        );
    }
}

#[derive(Deserialize)]
struct Base {
    btf: PathBuf,
    module_dirs: Vec<PathBuf>,
    web: Web,
    log: Log,
    sweep: Sweep,
    exposition: Exposition,
    statistics: Statistics,
}

/// The file that was read, and what is in it.
fn read_file(sources: &Sources, problems: &Problems) -> (Option<PathBuf>, Vec<Setting>) {
    let variable = sources
        .environment
        .iter()
        .find(|(name, path)| *name == *environment::FILE && !path.is_empty());
    let (path, chosen_by) = match (&sources.overrides.file, variable) {
        (Some(path), _) => (path.clone(), Some(Origin::Flag("--config.file".into()))),
        (None, Some((name, path))) => (
            path.into(),
            Some(Origin::Variable(name.to_string_lossy().into_owned())),
        ),
        (None, None) => match &sources.default_file {
            Some(path) => (path.clone(), None),
            None => return (None, Vec::new()),
        },
    };
    match regular_file::read_to_string(&path) {
        Ok(text) => {
            let settings = parse(&path, &text, problems);
            (Some(path), settings)
        }
        Err(error) => {
            let is_absent = error.kind() == std::io::ErrorKind::NotFound;
            match chosen_by {
                None if is_absent => {}
                None => problems.add(
                    &place(&path),
                    format!("cannot read the configuration: {error}"),
                ),
                Some(origin) => {
                    let remedy = "name a configuration file that can be read, or none";
                    let path = path.display();
                    problems.add(&origin, format!("cannot read {path}: {error}; {remedy}"));
                }
            }
            (None, Vec::new())
        }
    }
}

fn parse(path: &Path, text: &str, problems: &Problems) -> Vec<Setting> {
    match document::parse(&path.display().to_string(), text) {
        Ok(table) => flatten(&table, problems),
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    }
}

fn place(path: &Path) -> Origin {
    Origin::Path(path.display().to_string().into())
}

fn of_environment(sources: &Sources, problems: &Problems) -> Vec<Setting> {
    let settings = environment::settings(&sources.environment, problems);
    settings.into_iter().map(Setting::from).collect()
}

fn of_flags(overrides: &Overrides) -> Vec<Setting> {
    let setting = |flag: &super::FlagSetting| RawSetting {
        path: flag.path.clone(),
        text: Text::Many(flag.values.clone()),
        origin: Origin::Flag(flag.flag.clone()),
    };
    overrides
        .settings
        .iter()
        .map(setting)
        .map(Setting::from)
        .collect()
}

fn defaults(keys: &[Key]) -> Vec<Setting> {
    let setting = |key: &Key| {
        let value = key.default.clone()?;
        let origin = Origin::Default;
        let input = Input::Node(Node {
            origin: origin.clone(),
            value,
        });
        Some(Setting {
            path: key.path.clone(),
            origin,
            input,
        })
    };
    keys.iter().filter_map(setting).collect()
}

/// Adds the modules of `module_dirs` to the catalogue. Also says whether some are missing
/// because they could not be read.
fn extend(
    mut catalogue: Catalogue,
    layers: &[(&'static str, Vec<Setting>)],
    problems: &Problems,
) -> (Catalogue, bool) {
    let keys: Vec<Key> = schema::base()
        .into_iter()
        .filter(|key| key.path == "module_dirs")
        .collect();
    // What is wrong with the key itself is found again, and reported, with all others.
    let ignored = Problems::default();
    let own: Vec<_> = layers
        .iter()
        .map(|(name, settings)| {
            let own = settings
                .iter()
                .filter(|setting| setting.path == "module_dirs");
            (*name, own.cloned().collect())
        })
        .collect();
    let merged = Merged::new(
        &own,
        &keys,
        &Checker::new(&keys, Vec::new(), true, &ignored),
    );
    let origin = merged.origin("module_dirs");
    let mut incomplete = !ignored.is_empty();
    for directory in merged
        .get::<Vec<PathBuf>>("module_dirs")
        .unwrap_or_default()
    {
        let found = catalogue.add_directory(&directory, &origin);
        incomplete |= !found.is_empty();
        problems.extend(found);
    }
    (catalogue, incomplete)
}
