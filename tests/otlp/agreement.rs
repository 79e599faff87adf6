//! One snapshot, encoded for OTLP and for Prometheus, says the same.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use geophone::export::otlp::{
    Baseline, Encoding, HistogramAggregation, Requests, Shape, Temporality,
};
use geophone::export::prometheus::{Escaping, Exposition, Format, encode};
use geophone::push::resource;
use geophone::snapshot::Snapshot;

use crate::pushing::config;
use crate::python::Python;
use crate::sample;

fn write_requests(
    snapshot: &Arc<Snapshot>,
    histograms: HistogramAggregation,
    most: usize,
    directory: &Path,
) -> Vec<std::path::PathBuf> {
    let encoding = Encoding {
        shape: Shape {
            temporality: Temporality::Cumulative,
            histograms,
        },
        resource: Arc::new(resource(&config(&[]), &[])),
        max_request_bytes: most,
    };
    let mut requests = Requests::new(Arc::clone(snapshot));
    let baseline = Baseline::default();
    let all = std::iter::from_fn(|| requests.next(&encoding, &baseline));
    let written = all.enumerate().map(|(number, request)| {
        let path = directory.join(format!("{number}.bin"));
        fs::write(&path, request.body).unwrap();
        path
    });
    written.collect()
}

#[test]
fn every_series_and_bucket_is_the_same() {
    let Some(python) = Python::find() else { return };
    let snapshot = Arc::new(sample::snapshot(20_000));
    let page = |format| encode(format, &snapshot.families, &Exposition::default()).unwrap();
    for histograms in [
        HistogramAggregation::Exponential,
        HistogramAggregation::Explicit,
    ] {
        for most in [1 << 22, 4000] {
            let directory = tempfile::tempdir().unwrap();
            let file = |name: &str, bytes: Vec<u8>| {
                let path = directory.path().join(name);
                fs::write(&path, bytes).unwrap();
                path.into_os_string()
            };
            let openmetrics = file("page", page(Format::OpenMetrics100(Escaping::Underscores)));
            // The sample's names are all made by the rule.
            let reference = file("reference", Vec::new());
            let mut arguments = vec!["--reference".into(), reference];
            arguments.extend(["--page".into(), openmetrics]);
            if histograms == HistogramAggregation::Exponential {
                let protobuf = page(Format::Protobuf(None));
                arguments.extend(["--protobuf".into(), file("protobuf", protobuf)]);
            }
            let requests = write_requests(&snapshot, histograms, most, directory.path());
            arguments.extend(requests.into_iter().map(Into::into));
            python.run("compare.py", arguments);
        }
    }
}
