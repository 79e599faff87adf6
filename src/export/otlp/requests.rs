use std::ops::Range;
use std::sync::Arc;

use prost::Message;

use super::framing::Frame;
use super::metric::Writer;
use super::{Baseline, Resource, SCOPE, Shape};
use crate::export::check::check;
use crate::snapshot::{Family, Series, Snapshot};

/// Series that are built into one message at once, so that a large metric is not held whole.
const CHUNK: usize = 256;

/// How snapshots are encoded for one receiver.
#[derive(Debug, Clone)]
pub struct Encoding {
    pub shape: Shape,
    pub resource: Arc<Resource>,
    /// Most bytes of a request, before compression.
    pub max_request_bytes: usize,
}

/// One `ExportMetricsServiceRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Protobuf, not compressed.
    pub body: Vec<u8>,
    /// Data points in it.
    pub points: u64,
    /// What of the snapshot is in it.
    pub parts: Vec<Part>,
}

/// Series of one family, by their places in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub family: usize,
    pub series: Range<usize>,
}

/// Encodes a snapshot request by request. None is empty.
#[derive(Debug)]
pub struct Requests {
    snapshot: Arc<Snapshot>,
    /// Where the next request begins.
    family: usize,
    series: usize,
    unfit: u64,
}

impl Requests {
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            family: 0,
            series: 0,
            unfit: 0,
        }
    }

    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Points that were left out until now: larger than a request may be, or at odds with their
    /// metric's description.
    pub fn unfit(&self) -> u64 {
        self.unfit
    }

    /// Points that are in no request yet.
    pub fn left(&self) -> u64 {
        let families = self.snapshot.families.iter().skip(self.family);
        let all: usize = families.map(|family| family.series.len()).sum();
        all.saturating_sub(self.series) as u64
    }

    /// The next request; none when all of the snapshot was in one.
    pub fn next(&mut self, encoding: &Encoding, baseline: &Baseline) -> Option<Request> {
        let snapshot = Arc::clone(&self.snapshot);
        let writer = Writer {
            shape: encoding.shape,
            baseline,
            taken: snapshot.taken,
        };
        let mut frame = Frame::new(&encoding.resource);
        let mut points = 0;
        let mut parts = Vec::new();
        let mut most = CHUNK;
        while let Some(family) = snapshot.families.get(self.family) {
            let rest = family.series.get(self.series..).unwrap_or_default();
            let chunk = rest.get(..most.min(rest.len())).unwrap_or_default();
            if chunk.is_empty() {
                self.family += 1;
                self.series = 0;
                continue;
            }
            let fitting = fitting(family, chunk);
            if fitting == 0 {
                self.skip();
                continue;
            }
            let chunk = chunk.get(..fitting).unwrap_or_default();
            let metric = writer.metric(&family.descriptor, chunk);
            let scope = scope(family);
            if frame.len_with(&scope, metric.encoded_len()) <= encoding.max_request_bytes {
                frame.push(&scope, &metric);
                points += chunk.len() as u64;
                parts.push(Part {
                    family: self.family,
                    series: self.series..self.series + chunk.len(),
                });
                self.series += chunk.len();
                most = CHUNK;
            } else if chunk.len() > 1 {
                most = chunk.len() / 2;
            } else if frame.is_empty() {
                self.skip();
            } else {
                break;
            }
        }
        (points > 0).then(|| Request {
            body: frame.finish(),
            points,
            parts,
        })
    }

    /// Leaves a series out.
    fn skip(&mut self) {
        self.unfit += 1;
        self.series += 1;
    }
}

/// How many series, from the first, fit their metric's description.
fn fitting(family: &Family, series: &[Series]) -> usize {
    let fits = |series: &&Series| check(&family.descriptor, series).is_ok();
    series.iter().take_while(fits).count()
}

/// One scope for each module, and one for what Geophone tells of itself.
fn scope(family: &Family) -> String {
    match &family.descriptor.module {
        Some(module) => format!("{SCOPE}.{module}"),
        None => SCOPE.to_owned(),
    }
}
