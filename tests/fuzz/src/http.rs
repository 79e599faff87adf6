use std::sync::{Arc, LazyLock};
use std::time::Instant;

use geophone::export::prometheus::Exposition;
use geophone::http::{Counters, Limits, ServerConfig, Source, Status, fuzzing};
use geophone::snapshot::{Family, Kind, Snapshot, SnapshotSource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split};
use tokio::runtime::{Builder, Runtime};

use crate::{http_response, sample};

/// Bytes that are on their way in one direction: room for all responses to the longest inputs.
/// Who sends what is no HTTP behind a good request, and does not take the response to that, has
/// hyper put its 400 before the body of that response; where its assertions are on, it panics.
const PIPE: usize = 1 << 20;

/// The shortest request that is answered with 200 or 400.
const SHORTEST: usize = 2;

thread_local! {
    /// Its clock goes on when everybody waits, so that time limits cost no time.
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
}

static SAMPLE: LazyLock<Arc<Sample>> = LazyLock::new(|| {
    let mut snapshot = sample::snapshot(0);
    // Small, since there may be dozens of requests in an input.
    let is_small = |family: &Arc<Family>| family.descriptor.kind != Kind::Histogram;
    snapshot.families.retain(is_small);
    let snapshot = Arc::new(snapshot);
    Arc::new(Sample { snapshot })
});

struct Sample {
    snapshot: Arc<Snapshot>,
}

impl SnapshotSource for Sample {
    async fn snapshot(&self, _: Option<Instant>) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }
}

impl Source for Sample {
    fn modules(&self) -> Vec<String> {
        sample::MODULES.map(str::to_owned).to_vec()
    }

    fn ready(&self) -> bool {
        true
    }

    fn status(&self) -> Status {
        Status::default()
    }
}

/// All that a client sends over one connection.
pub fn check(bytes: &[u8]) {
    let config = ServerConfig {
        telemetry_path: "/metrics".to_owned(),
        max_requests: 40,
        exposition: Exposition::default(),
        limits: Limits::default(),
        counters: Arc::new(Counters::default()),
    };
    let mut answer = Vec::new();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (near, far) = duplex(PIPE);
            let (mut from, mut to) = split(near);
            let asks = async {
                // The server may hang up before.
                let _ = to.write_all(bytes).await;
                let _ = to.shutdown().await;
            };
            let reads = from.read_to_end(&mut answer);
            let serves = fuzzing::serve(&config, Arc::clone(&SAMPLE), far);
            let ((), read, ()) = tokio::join!(asks, reads, serves);
            read.expect("an end");
        });
    });
    let responses = http_response::check_all(&answer);
    assert!(responses <= bytes.len() / SHORTEST + 1);
}
