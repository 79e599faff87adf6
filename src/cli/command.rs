//! clap's view of the command line. Everything about flags that set configuration keys comes
//! from the configuration's own list.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};

use super::{help, version};
use crate::config::schema;

pub(super) const CONFIG_FILE: &str = "config.file";
pub(super) const RUN_STATISTICS: &str = "run-statistics";
pub(super) const DISABLE_DEFAULTS: &str = "module.disable-defaults";

pub(super) fn command() -> Command {
    let sub = |name: &'static str| {
        shared().into_iter().fold(
            Command::new(name)
                .override_usage(help::usage(Some(name)))
                .override_help(help::sub(name)),
            Command::arg,
        )
    };
    let top = Command::new("geophone")
        .bin_name("geophone")
        .version(version::text())
        .override_usage(help::usage(None))
        .override_help(help::top())
        .subcommand(sub("run"))
        .subcommand(sub("check"))
        .subcommand(sub("doctor").arg(format(&["text", "json"])))
        .subcommand(
            sub("modules")
                .arg(Arg::new("name").value_name("NAME"))
                .arg(format(&["text", "json", "markdown"])),
        )
        .subcommand(
            sub("collect")
                .arg(
                    Arg::new("for")
                        .long("for")
                        .value_name("DURATION")
                        .default_value("5s")
                        .value_parser(duration),
                )
                .arg(
                    Arg::new(RUN_STATISTICS)
                        .long(RUN_STATISTICS)
                        .action(ArgAction::SetTrue),
                )
                .arg(format(&["text", "openmetrics", "json"])),
        );
    shared().into_iter().fold(top, Command::arg)
}

/// The flags that may stand before and after the command's name. clap's own global arguments
/// would silently drop one of two values given in both places.
fn shared() -> Vec<Arg> {
    let file = Arg::new(CONFIG_FILE)
        .long(CONFIG_FILE)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf));
    let disable = Arg::new(DISABLE_DEFAULTS)
        .long(DISABLE_DEFAULTS)
        .action(ArgAction::SetTrue);
    let mut flags = vec![file, disable];
    for key in schema::base() {
        let Some(flag) = key.flag else { continue };
        let action = if key.form.is_list() {
            ArgAction::Append
        } else {
            ArgAction::Set
        };
        let mut argument = Arg::new(flag.name)
            .long(flag.name)
            .value_name(flag.value)
            .action(action);
        if flag.is_switch() {
            argument = argument
                .value_name("BOOL")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true");
        }
        flags.push(argument);
    }
    flags
}

fn format(formats: &'static [&'static str]) -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .default_value("text")
        .value_parser(PossibleValuesParser::new(formats))
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number with a unit, such as 5s"))?;
    if parsed.is_zero() || parsed.as_secs() > 3600 {
        return Err("it must be more than 0s and at most 1h".into());
    }
    Ok(parsed)
}
