use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;

use super::command::{CONFIG_FILE, DISABLE_DEFAULTS, RUN_STATISTICS, command};
use super::{
    CollectFormat, Command, DoctorFormat, Invocation, ModulesFormat, UsageError, module_flags,
};
use crate::config::{FlagSetting, Overrides, schema};

/// Reads the arguments, the program's name first.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let (rest, module_settings) = module_flags::take(arguments)?;
    let matches = match command().try_get_matches_from(rest) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => {
            return Err(UsageError(error.render().to_string()));
        }
        Err(shown) => {
            let command = Command::Print(shown.render().to_string());
            return Ok(Invocation {
                command,
                overrides: Overrides::default(),
            });
        }
    };
    let (command, levels) = match matches.subcommand() {
        Some((name, own)) => (subcommand(name, own), vec![&matches, own]),
        None => (Command::Run, vec![&matches]),
    };
    let mut overrides = overrides(&levels)?;
    overrides.settings.extend(module_settings);
    Ok(Invocation { command, overrides })
}

fn subcommand(name: &str, own: &ArgMatches) -> Command {
    let format = || {
        own.get_one::<String>("format")
            .map_or("text", String::as_str)
    };
    match name {
        "check" => Command::Check,
        "doctor" => Command::Doctor {
            format: if format() == "json" {
                DoctorFormat::Json
            } else {
                DoctorFormat::Text
            },
        },
        "modules" => Command::Modules {
            name: own.get_one::<String>("name").cloned(),
            format: match format() {
                "json" => ModulesFormat::Json,
                "markdown" => ModulesFormat::Markdown,
                _ => ModulesFormat::Text,
            },
        },
        "collect" => Command::Collect {
            duration: own
                .get_one("for")
                .copied()
                .unwrap_or(Duration::from_secs(5)),
            format: match format() {
                "json" => CollectFormat::Json,
                "openmetrics" => CollectFormat::OpenMetrics,
                _ => CollectFormat::Text,
            },
            run_statistics: own.get_flag(RUN_STATISTICS),
        },
        _ => Command::Run,
    }
}

/// What the shared flags say, before and after the command's name.
fn overrides(levels: &[&ArgMatches]) -> Result<Overrides, UsageError> {
    let mut settings = Vec::new();
    for key in schema::base() {
        let Some(flag) = key.flag else { continue };
        let values = values::<String>(levels, flag.name);
        if values.len() > 1 && !key.form.is_list() {
            return Err(UsageError::repeated(flag.name));
        }
        if !values.is_empty() {
            settings.push(FlagSetting {
                flag: format!("--{}", flag.name),
                path: key.path,
                values,
            });
        }
    }
    if levels
        .iter()
        .any(|matches| matches.get_flag(DISABLE_DEFAULTS))
    {
        settings.push(FlagSetting {
            flag: format!("--{DISABLE_DEFAULTS}"),
            path: "modules.default".into(),
            values: vec!["false".into()],
        });
    }
    let mut files = values::<PathBuf>(levels, CONFIG_FILE);
    let file = files.pop();
    if !files.is_empty() {
        return Err(UsageError::repeated(CONFIG_FILE));
    }
    Ok(Overrides { file, settings })
}

fn values<T: Clone + Send + Sync + 'static>(levels: &[&ArgMatches], flag: &str) -> Vec<T> {
    levels
        .iter()
        .flat_map(|matches| matches.get_many(flag).unwrap_or_default())
        .cloned()
        .collect()
}
