//! `--module.NAME` and `--no-module.NAME`, whose names clap cannot know: some modules come
//! from directories that the configuration names.

use std::ffi::OsString;

use super::UsageError;
use super::command::DISABLE_DEFAULTS;
use crate::config::FlagSetting;

/// Takes the module flags out of the arguments and returns the rest with the settings that
/// they mean. Whether such a module exists is checked with the configuration.
pub(super) fn take(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Vec<OsString>, Vec<FlagSetting>), UsageError> {
    let mut rest = Vec::new();
    let mut settings: Vec<FlagSetting> = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            rest.push(argument);
            rest.extend(arguments);
            break;
        }
        let Some((name, on)) = argument.to_str().and_then(module_flag) else {
            rest.push(argument);
            continue;
        };
        let setting = setting(name, on)?;
        if settings
            .iter()
            .any(|other| other.path == setting.path && *other != setting)
        {
            return Err(UsageError::new(&format!(
                "--module.{name} and --no-module.{name} contradict each other; keep one"
            )));
        }
        settings.push(setting);
    }
    settings.dedup();
    Ok((rest, settings))
}

/// The name and whether it is to run, if the argument is such a flag.
fn module_flag(argument: &str) -> Option<(&str, bool)> {
    let flag = argument.strip_prefix("--")?;
    if flag == DISABLE_DEFAULTS {
        return None;
    }
    flag.strip_prefix("module.")
        .map(|name| (name, true))
        .or_else(|| flag.strip_prefix("no-module.").map(|name| (name, false)))
}

fn setting(name: &str, on: bool) -> Result<FlagSetting, UsageError> {
    let prefix = if on { "--module." } else { "--no-module." };
    if let Some((name, _)) = name.split_once('=') {
        let other = if on { "--no-module." } else { "--module." };
        let effect = if on { "off" } else { "on" };
        return Err(UsageError::new(&format!(
            "{prefix}{name} takes no value; {other}{name} switches the module {effect}"
        )));
    }
    if name.is_empty() || name.contains('.') {
        return Err(UsageError::new(&format!(
            "{prefix}{name} must name a module; its options are set in the configuration file or by environment variables"
        )));
    }
    Ok(FlagSetting {
        flag: format!("{prefix}{name}"),
        path: format!("modules.{name}.enabled"),
        values: vec![on.to_string()],
    })
}
