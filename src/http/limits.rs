//! Every bound of the server, with its reason.

use std::time::Duration;

/// Bounds on what clients may cost. The defaults are meant for everybody; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A scraper sends its request at once; who needs longer holds a connection open.
    pub header_timeout: Duration,
    /// Long enough for a scraper with the common interval of a minute to keep its connection,
    /// even if it misses one round.
    pub idle_timeout: Duration,
    /// A client that takes no byte for this long is gone or hostile.
    pub stall_timeout: Duration,
    /// Nor may a response trickle: no scraper waits this long.
    pub write_timeout: Duration,
    /// How long a scrape without a timeout header may wait for its snapshot. Longer than any
    /// sweep, and shorter than for ever.
    pub scrape_timeout: Duration,
    /// What a shutdown waits for running responses. Where nothing is pushed, the whole exit shall
    /// take under a second.
    pub shutdown_grace: Duration,
    /// A fleet's servers, some browsers and health checks need a few dozen connections; the
    /// usual limit of 1,024 descriptors must leave room for maps and programs.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(150),
            stall_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_mins(1),
            scrape_timeout: Duration::from_mins(1),
            shutdown_grace: Duration::from_millis(700),
            connections: 512,
        }
    }
}

/// Request line and headers together: Prometheus sends under 1 KiB, browsers with cookies a
/// few; a query that names every module fits.
pub(super) const HEADER_BYTES: usize = 16 * 1024;

/// Scrapers send about 10 headers, browsers about 20.
pub(super) const HEADER_COUNT: usize = 64;

/// No route reads a body. A small one is passed over, so that clients which send `{}` with a
/// GET keep working; a larger one ends the connection.
pub(super) const BODY_BYTES: u64 = 1024;

/// Below this a response fits into one packet as it is, and packing it gains nothing.
pub(super) const GZIP_FROM_BYTES: usize = 1400;

/// gzip's fastest level: a metrics page comes out a ninth larger than at the default level, in
/// a seventh of the time.
pub(super) const GZIP_LEVEL: u32 = 1;

/// When a scrape that found all places taken should come again. Sweeps are shared, so
/// places come free within a second.
pub(super) const RETRY_AFTER: &str = "1";

/// Kept from a scraper's timeout for encoding, packing and the way back.
pub(super) const SCRAPE_MARGIN: Duration = Duration::from_millis(500);

/// The share of a short timeout that the margin may take at most.
pub(super) const SCRAPE_MARGIN_SHARE: f64 = 0.2;

/// Connections the kernel holds until they are accepted: what a burst of scrapers opens.
pub(super) const BACKLOG: i32 = 1024;

/// After `accept` fails for want of descriptors or memory, trying again at once would only
/// spin.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
