//! The daemon's entry: parse, dispatch, exit status.

use std::process::ExitCode;

use geophone::cli::{
    self, Command, DoctorFormat, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, ModulesFormat, complain, render,
};
use geophone::config::{Config, ConfigError, Draft, Loaded, ModuleConfig, Sources};
use geophone::module::{Catalogue, Manifest, Module};
use geophone::nearest::did_you_mean;
use geophone::sweep::verify;
use geophone::{daemon, log};

fn main() -> ExitCode {
    let status = match cli::parse(std::env::args_os()) {
        Ok(invocation) => match invocation.command {
            Command::Print(text) => print(&text),
            command => dispatch(&command, invocation.overrides),
        },
        Err(error) => {
            complain(error.to_string().trim_end());
            EXIT_USAGE
        }
    };
    ExitCode::from(status)
}

fn dispatch(command: &Command, overrides: geophone::config::Overrides) -> u8 {
    let sources = Sources::of_process(overrides);
    let status = match command {
        Command::Check => check(&sources),
        command => load(&sources).map(|loaded| execute(command, &loaded)),
    };
    status.unwrap_or_else(|mistakes| {
        complain(render::mistakes(&mistakes).trim_end());
        EXIT_USAGE
    })
}

fn load(sources: &Sources) -> Result<Loaded, Vec<ConfigError>> {
    let loaded = Config::load(sources, Catalogue::builtin()?)?;
    daemon::check_type_information(&loaded).map_err(|mistake| vec![mistake])?;
    Ok(loaded)
}

/// Looks for every mistake: none keeps others from being found.
fn check(sources: &Sources) -> Result<u8, Vec<ConfigError>> {
    let Draft {
        loaded,
        mut mistakes,
    } = Draft::read(sources, Catalogue::builtin()?)?;
    mistakes.extend(daemon::check_type_information(&loaded).err());
    mistakes.extend(daemon::check_endpoints(&loaded));
    let modules = loaded.catalogue.iter();
    mistakes.extend(modules.filter_map(|module| {
        let settings = loaded.config.modules.get(&module.manifest.name)?;
        object_mistake(module, settings)
    }));
    let namesakes = loaded.catalogue.namesakes();
    mistakes
        .extend(namesakes.filter_map(|module| {
            object_mistake(module, &ModuleConfig::defaults(&module.manifest))
        }));
    if mistakes.is_empty() {
        Ok(print(&render::summary(&loaded.config)))
    } else {
        Err(mistakes)
    }
}

/// What keeps an object from fitting its manifest.
fn object_mistake(module: &Module, settings: &ModuleConfig) -> Option<ConfigError> {
    let error = verify(module, settings).err()?;
    let Manifest { name, origin, .. } = &module.manifest;
    Some(ConfigError {
        origin: origin.clone(),
        message: format!("module {name}: {error}"),
    })
}

fn execute(command: &Command, loaded: &Loaded) -> u8 {
    match command {
        // Both are dealt with by now.
        Command::Print(_) | Command::Check => EXIT_OK,
        Command::Modules { name, format } => modules(name.as_deref(), *format, loaded),
        Command::Doctor { format } => doctor(*format, loaded),
        Command::Run => run(loaded),
        Command::Collect {
            duration,
            format,
            run_statistics,
        } => match log::init(loaded.config.log, None) {
            Ok(counts) => status(&daemon::collect(
                loaded,
                *duration,
                *format,
                *run_statistics,
                counts,
            )),
            Err(error) => failure(&error),
        },
    }
}

fn run(loaded: &Loaded) -> u8 {
    let telemetry = match daemon::telemetry(loaded) {
        Ok(telemetry) => telemetry,
        Err(error) => return failure(&error),
    };
    let counts = match log::init(loaded.config.log, telemetry.as_ref()) {
        Ok(counts) => counts,
        Err(error) => return failure(&error),
    };
    let status = status(&daemon::run(loaded, counts, telemetry.as_ref()));
    if let Some(telemetry) = telemetry {
        telemetry.stop();
    }
    status
}

/// How it went. Where the log goes, the last word goes too.
fn status(result: &Result<(), daemon::DaemonError>) -> u8 {
    match result {
        Ok(()) => EXIT_OK,
        Err(error) => {
            tracing::error!("{error}");
            match error {
                // Another start would not find another socket.
                daemon::DaemonError::Socket(_) => EXIT_USAGE,
                _ => EXIT_FAILURE,
            }
        }
    }
}

fn modules(name: Option<&str>, format: ModulesFormat, loaded: &Loaded) -> u8 {
    let catalogue = &loaded.catalogue;
    if let Some(name) = name
        && catalogue.get(name).is_none()
    {
        let known: Vec<&str> = catalogue.names().collect();
        let hint = did_you_mean(name, known.iter().copied());
        complain(format_args!(
            "geophone: there is no module {name:?}{hint}; there are {}",
            known.join(", ")
        ));
        return EXIT_USAGE;
    }
    let chosen = catalogue
        .iter()
        .filter(|module| name.is_none_or(|name| module.manifest.name == name));
    let chosen = chosen.map(AsRef::as_ref);
    let text = match format {
        ModulesFormat::Text => render::modules_text(chosen),
        ModulesFormat::Json => render::modules_json(chosen),
        ModulesFormat::Markdown => render::modules_markdown(chosen, &daemon::own_metrics()),
    };
    print(&text)
}

fn doctor(format: DoctorFormat, loaded: &Loaded) -> u8 {
    let diagnosis = daemon::diagnose(loaded);
    let text = match format {
        DoctorFormat::Text => diagnosis.to_string(),
        DoctorFormat::Json => match serde_json::to_string_pretty(&diagnosis) {
            Ok(text) => text + "\n",
            Err(error) => return failure(&error),
        },
    };
    match print(&text) {
        EXIT_OK if !diagnosis.is_healthy => EXIT_FAILURE,
        status => status,
    }
}

/// Prints a command's answer, and says how it went.
fn print(text: &str) -> u8 {
    cli::print(text.as_bytes()).map_or_else(
        |error| failure(&daemon::DaemonError::Output(error)),
        |()| EXIT_OK,
    )
}

fn failure(error: &dyn std::error::Error) -> u8 {
    complain(format_args!("geophone: {error}"));
    EXIT_FAILURE
}
