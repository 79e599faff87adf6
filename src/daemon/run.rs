use std::net::SocketAddr;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::bring_up::{bring_up, check_privileges};
use super::endpoints::check_endpoints;
use super::extra::{Counted, extra};
use super::source::SweepSource;
use super::statistics::{OnTime, Sampler};
use super::telemetry::for_metrics;
use super::{DaemonError, threads};
use crate::attach::Scans;
use crate::config::{Config, ListenAddress, Loaded};
use crate::discover::Drivers;
use crate::export::prometheus::Exposition;
use crate::http::{Counters, Limits, Listeners, Server, ServerConfig};
use crate::kernel::{Duty, confine};
use crate::log::LogCounts;
use crate::push::{self, Endpoints};
use crate::service::{Manager, are_handed_over, attend, listeners};
use crate::sweep::Pace;
use crate::telemetry::Telemetry;

/// Loads the modules and serves until SIGTERM or SIGINT. A module that must run and cannot is
/// an error in the log and in `geophone_module_state`, but does not end the others: a daemon
/// that has gone tells nobody what it lacks.
///
/// # Errors
///
/// It cannot begin: no privileges, a port in use, no module enabled.
pub fn run(
    loaded: &Loaded,
    log: Arc<LogCounts>,
    telemetry: Option<&Telemetry>,
) -> Result<(), DaemonError> {
    check_privileges()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    runtime.block_on(serve(loaded, log, telemetry))
}

async fn serve(
    loaded: &Loaded,
    log: Arc<LogCounts>,
    telemetry: Option<&Telemetry>,
) -> Result<(), DaemonError> {
    let config = &loaded.config;
    // A port in use shall be known before anything is attached.
    let listeners = listen(config)?;
    if let Some(telemetry) = telemetry {
        telemetry.announce();
    }
    // They may come later, or be mended; who scrapes shall not miss anything meanwhile.
    for mistake in check_endpoints(loaded) {
        error!("{mistake}; nothing is pushed there until it can be used");
    }
    let drivers = Drivers::of_kernel();
    let modules = bring_up(loaded, &drivers)?;
    let counters = Arc::new(Counters::default());
    let on = Arc::new(OnTime::default());
    let scans = Scans::default();
    let environment: Vec<_> = std::env::vars_os().collect();
    let otlp = for_metrics(&config.otlp, telemetry);
    let endpoints = Endpoints::new(&otlp, &environment, push::Limits::default());
    let extra = extra(Counted {
        server: Some(Arc::clone(&counters)),
        push: endpoints.as_ref().map(Endpoints::counters),
        telemetry: telemetry.map(Telemetry::counters),
        log,
        on: Arc::clone(&on),
        scans: scans.clone(),
    });
    let pace = Pace {
        min_interval: config.sweep.min_interval,
        interval: config.sweep.interval,
    };
    let (sweeper, _searches) = threads::start(modules, drivers, config, pace, (scans, extra))?;
    for address in listeners.addresses() {
        info!(url = %format_args!("http://{address}{}", config.web.telemetry_path), "serving");
    }
    let source = Arc::new(SweepSource::new(sweeper));
    let pushing = endpoints.map(|endpoints| endpoints.start(Arc::clone(&source)));
    let pushing = pushing.transpose().map_err(DaemonError::Runtime)?;
    let attended = Arc::clone(&source);
    let server = Server::new(listeners, &server_config(config, counters), source);
    let _sampler = Sampler::start(config.statistics, on).map_err(DaemonError::Runtime)?;
    // All that is left for this thread.
    confine(Duty::Serve);
    let manager = Manager::of_environment();
    let attending = async {
        if let Some(manager) = &manager {
            attend(manager, &*attended).await;
        }
        std::future::pending::<()>().await;
    };
    // Responses end while the last metrics are pushed.
    let (stop, mut stopping) = tokio::sync::oneshot::channel();
    let serving = server.run(async {
        tokio::select! {
            () = stopped() => {}
            () = attending => {}
        }
        if let Some(manager) = &manager {
            manager.stopping().await;
        }
        if let Some(telemetry) = telemetry {
            telemetry.stopping();
        }
        let _ = stop.send(());
    });
    let flushing = async {
        let _ = (&mut stopping).await;
        if let Some(pushing) = pushing {
            pushing.stop().await;
        }
    };
    let (served, ()) = tokio::join!(serving, flushing);
    served.map_err(DaemonError::Runtime)?;
    info!("stopped");
    Ok(())
}

fn listen(config: &Config) -> Result<Listeners, DaemonError> {
    if config.web.systemd_socket {
        return Listeners::of(listeners()?).map_err(DaemonError::Runtime);
    }
    if are_handed_over() {
        warn!(
            "the service manager has handed over sockets that nobody takes: set web.systemd_socket = true, or stop geophone.socket"
        );
    }
    let addresses = config.web.listen_addresses.iter();
    let addresses: Vec<SocketAddr> = addresses.flat_map(ListenAddress::sockets).collect();
    Ok(Listeners::bind(&addresses)?)
}

fn server_config(config: &Config, counters: Arc<Counters>) -> ServerConfig {
    ServerConfig {
        telemetry_path: config.web.telemetry_path.clone(),
        max_requests: config.web.max_requests,
        exposition: Exposition {
            classic_buckets: config.exposition.classic_buckets,
        },
        limits: Limits::default(),
        counters,
    }
}

/// Returns when the daemon shall stop.
async fn stopped() {
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    ) else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = term.recv() => return info!(signal = "SIGTERM", "stopping"),
            _ = int.recv() => return info!(signal = "SIGINT", "stopping"),
            _ = hup.recv() => warn!("SIGHUP ignored: restart to use a changed configuration"),
        }
    }
}
