//! The daemon's entry: parse, dispatch, exit status.

use std::process::ExitCode;

use geophone::cli::{
    self, Command, DoctorFormat, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, ModulesFormat, complain, render,
};
use geophone::config::{Config, ConfigError, Loaded, Sources};
use geophone::module::Catalogue;
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
    match load(&Sources::of_process(overrides)) {
        Ok(loaded) => execute(command, &loaded),
        Err(mistakes) => {
            complain(render::mistakes(&mistakes).trim_end());
            EXIT_USAGE
        }
    }
}

fn load(sources: &Sources) -> Result<Loaded, Vec<ConfigError>> {
    let loaded = Config::load(sources, Catalogue::builtin()?)?;
    daemon::check_type_information(&loaded).map_err(|mistake| vec![mistake])?;
    Ok(loaded)
}

fn execute(command: &Command, loaded: &Loaded) -> u8 {
    match command {
        Command::Print(_) => EXIT_OK,
        Command::Check => check(loaded),
        Command::Modules { name, format } => modules(name.as_deref(), *format, loaded),
        Command::Doctor { format } => doctor(*format, loaded),
        Command::Run | Command::Collect { .. } => {
            let counts = match log::init(loaded.config.log) {
                Ok(counts) => counts,
                Err(error) => return failure(&error),
            };
            let result = match *command {
                Command::Collect {
                    duration,
                    format,
                    run_statistics,
                } => daemon::collect(loaded, duration, format, run_statistics, counts),
                _ => daemon::run(loaded, counts),
            };
            // Where the log goes, the last word goes too.
            result.map_or_else(
                |error| {
                    tracing::error!("{error}");
                    EXIT_FAILURE
                },
                |()| EXIT_OK,
            )
        }
    }
}

/// The configuration is right already; the objects must fit their manifests, too.
fn check(loaded: &Loaded) -> u8 {
    let mut status = EXIT_OK;
    for module in loaded.catalogue.iter() {
        let name = &module.manifest.name;
        let settings = loaded.config.modules.get(name);
        if let Some(Err(error)) = settings.map(|settings| verify(module, settings)) {
            complain(format_args!("module {name}: {error}"));
            status = EXIT_USAGE;
        }
    }
    if status == EXIT_OK {
        return print(&render::summary(&loaded.config));
    }
    status
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
        EXIT_OK if !diagnosis.is_healthy() => EXIT_FAILURE,
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
