use std::path::Path;
use std::time::SystemTime;

use crate::config::OtlpEndpoint;

/// When the files of certificates and keys were written last, as far as they are there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    pub fn of(endpoint: &OtlpEndpoint) -> Self {
        let files = [
            &endpoint.certificate,
            &endpoint.client_certificate,
            &endpoint.client_key,
        ];
        Self(
            files
                .into_iter()
                .flatten()
                .map(|file| written(file))
                .collect(),
        )
    }
}

fn written(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = file.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
