use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};

use super::queue::{Queue, offer};

/// Puts every message that is logged into the queues.
#[derive(Debug)]
struct Messages(Vec<Queue>);

impl LogProcessor for Messages {
    fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
        let mut record = LogRecord::from(&*record);
        // What is logged is observed as it happens.
        record.time_unix_nano = record.observed_time_unix_nano;
        // The bridge has a line of the source code for it.
        record.event_name.clear();
        offer(&self.0, &record);
    }

    /// What is in the queues is flushed by whoever empties them.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What makes records of messages. Scope and resource are those of the requests.
pub(super) fn provider(queues: Vec<Queue>) -> SdkLoggerProvider {
    SdkLoggerProvider::builder()
        .with_resource(opentelemetry_sdk::Resource::builder_empty().build())
        .with_log_processor(Messages(queues))
        .build()
}
