use std::sync::Arc;
use std::time::SystemTime;

use super::statistics::OnTime;
use crate::attach::Scans;
use crate::http::Counters;
use crate::introspect::{
    BUILD_INFO, Families, LOG_MESSAGES, RUN_STATISTICS_SECONDS, process_families,
};
use crate::log::LogCounts;
use crate::push::PushCounters;
use crate::sweep::Extra;
use crate::telemetry::TelemetryCounters;

/// Who counts what no sweep does.
pub(super) struct Counted {
    /// Where there is a server.
    pub server: Option<Arc<Counters>>,
    /// Where something is pushed.
    pub push: Option<PushCounters>,
    /// Where own messages or spans are sent.
    pub telemetry: Option<TelemetryCounters>,
    pub log: Arc<LogCounts>,
    pub on: Arc<OnTime>,
    pub scans: Scans,
}

/// The metrics that no sweep gives.
pub(super) fn extra(counted: Counted) -> Extra {
    let since = SystemTime::now();
    Box::new(move || {
        let mut own = Families::new(since);
        let build = [
            env!("CARGO_PKG_VERSION"),
            option_env!("BUILD_REVISION").unwrap_or(""),
            option_env!("BUILD_RUSTC").unwrap_or(""),
            std::env::consts::ARCH,
        ];
        own.info(&BUILD_INFO, &build);
        own.seconds_counter(
            &RUN_STATISTICS_SECONDS,
            &[],
            counted.on.total().as_secs_f64(),
        );
        for (level, count) in counted.log.by_level() {
            own.counter(&LOG_MESSAGES, &[level], count);
        }
        counted.scans.introspect(&mut own);
        if let Some(push) = &counted.push {
            push.introspect(&mut own);
        }
        if let Some(telemetry) = &counted.telemetry {
            telemetry.introspect(&mut own);
        }
        process_families(&mut own);
        let mut families = own.finish();
        families.extend(
            counted
                .server
                .iter()
                .flat_map(|counters| counters.families()),
        );
        families
    })
}
