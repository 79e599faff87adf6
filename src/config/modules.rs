use std::collections::BTreeMap;

use super::check::Checker;
use super::filter::{Filter, Pattern};
use super::load::Merged;
use super::model::{Enabled, ModuleConfig, OptionValue};
use super::schema;
use crate::document::{Origin, Problems};
use crate::module::{Attach, Catalogue, Manifest, OptionKind};

/// The settings of every module of the catalogue.
pub(super) fn read(
    merged: &Merged,
    catalogue: &Catalogue,
    problems: &Problems,
) -> BTreeMap<String, ModuleConfig> {
    let module = |manifest: &Manifest| (manifest.name.clone(), one(merged, manifest, problems));
    catalogue
        .iter()
        .map(|known| module(&known.manifest))
        .collect()
}

impl ModuleConfig {
    /// The settings of a module for which nobody has set anything.
    pub fn defaults(manifest: &Manifest) -> Self {
        let (keys, none) = (schema::module(manifest), Problems::default());
        let checker = Checker::new(&keys, Vec::new(), true, &none);
        one(&Merged::new(&[], &keys, &checker), manifest, &none)
    }
}

fn one(merged: &Merged, manifest: &Manifest, problems: &Problems) -> ModuleConfig {
    let path = |name: &str| format!("modules.{}.{name}", manifest.name);
    let enabled = merged
        .get::<String>(&path("enabled"))
        .or_else(|| merged.get("modules.default"))
        .map_or(Enabled::Auto, |text| match text.as_str() {
            "true" => Enabled::Yes,
            "false" => Enabled::No,
            _ => Enabled::Auto,
        });
    let option = |name: &str, kind: OptionKind| match kind {
        OptionKind::Bool { default } => {
            OptionValue::Bool(merged.get(&path(name)).unwrap_or(default))
        }
        OptionKind::Integer { default, .. } => {
            OptionValue::Integer(merged.get(&path(name)).unwrap_or(default))
        }
    };
    let options = manifest
        .options
        .iter()
        .map(|o| (o.name.clone(), option(&o.name, o.kind)));
    let labels = manifest.discovered().into_iter();
    let labels = labels.flat_map(|key| &key.labels);
    let filters = labels.map(|label| {
        let include = path(&format!("{label}_include"));
        let exclude = path(&format!("{label}_exclude"));
        (label.clone(), filter(merged, &include, &exclude, problems))
    });
    ModuleConfig {
        enabled,
        schema: merged.get(&path("schema")).unwrap_or(3),
        max_series: merged.get(&path("max_series")).unwrap_or(usize::MAX),
        avoid: avoid(merged),
        options: options.collect(),
        filters: filters.collect(),
    }
}

/// None for `none`.
fn avoid(merged: &Merged) -> Option<Attach> {
    let name = merged.get::<String>("hooks.avoid")?;
    let known = Attach::ALL.into_iter().find(|(known, _)| *known == name);
    known.map(|(_, kind)| kind)
}

/// What a user sets replaces the default of the other side, too: who includes some devices
/// does not mean to leave out the default ones of them.
fn filter(merged: &Merged, include: &str, exclude: &str, problems: &Problems) -> Filter {
    let read = |path: &str| {
        let pattern = merged.get::<String>(path).filter(|text| !text.is_empty());
        (
            pattern.and_then(|text| Pattern::new(&text).ok()),
            merged.origin(path),
        )
    };
    match (read(include), read(exclude)) {
        ((None, _), (None, _)) => Filter::All,
        ((Some(include), _), (None, _) | (Some(_), Origin::Default)) => Filter::Include(include),
        ((None, _) | (Some(_), Origin::Default), (Some(exclude), _)) => Filter::Exclude(exclude),
        ((Some(_), include_origin), (Some(exclude_pattern), exclude_origin)) => {
            problems.add(
                &include_origin,
                format!("{include} and {exclude} ({exclude_origin}) exclude each other; leave one of them empty"),
            );
            Filter::Exclude(exclude_pattern)
        }
    }
}
