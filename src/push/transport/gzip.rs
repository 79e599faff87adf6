use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The body in gzip; none if it cannot be, which a vector never gives reason for.
pub(super) fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
