use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use prost::Message;

use crate::export::otlp::{
    Baseline, Encoding, HistogramAggregation, Request, Requests, Resource, Shape, Temporality,
};
use crate::snapshot::{
    Descriptor, Family, Histogram, Kind, Number, OtlpName, Series, Snapshot, Stability, Unit, Value,
};

pub fn second(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

pub fn descriptor(name: &str, kind: Kind, module: Option<&str>) -> Descriptor {
    Descriptor {
        name: name.to_owned(),
        help: format!("What {name} says."),
        kind,
        unit: Unit::None,
        labels: vec!["device".to_owned()],
        module: module.map(str::to_owned),
        otlp: OtlpName {
            name: name.replace('_', "."),
            unit: "{thing}".to_owned(),
        },
        stability: Stability::Stable,
        classic: (-1, 2),
    }
}

pub fn family(about: Descriptor, series: Vec<(&str, u64, Value)>) -> Arc<Family> {
    let series = series.into_iter().map(|(label, since, value)| Series {
        labels: vec![label.into()],
        since: second(since),
        value,
    });
    Arc::new(Family {
        descriptor: Arc::new(about),
        series: series.collect(),
    })
}

pub fn counter(value: u64) -> Value {
    Value::Counter(Number::Integer(value))
}

/// Of schema 0, so that the buckets are those of powers of two.
pub fn histogram(offset: i32, buckets: &[u64], sum: f64) -> Value {
    Value::Histogram(Histogram {
        schema: 0,
        zero_threshold: 2f64.powi(-30),
        zero_count: 1,
        offset,
        buckets: buckets.to_vec(),
        sum,
        count: 1 + buckets.iter().sum::<u64>(),
    })
}

pub fn snapshot(taken: u64, families: Vec<Arc<Family>>) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        taken: second(taken),
        families,
        late: Vec::new(),
    })
}

pub fn encoding(temporality: Temporality, histograms: HistogramAggregation) -> Encoding {
    Encoding {
        shape: Shape {
            temporality,
            histograms,
        },
        resource: Arc::new(Resource::new([("host.name", "h")])),
        max_request_bytes: 1 << 20,
    }
}

/// Every request of a snapshot, and how many points were unfit.
pub fn encode(
    snapshot: &Arc<Snapshot>,
    encoding: &Encoding,
    baseline: &Baseline,
) -> (Vec<Request>, u64) {
    let mut requests = Requests::new(Arc::clone(snapshot));
    let all = std::iter::from_fn(|| requests.next(encoding, baseline)).collect();
    assert_eq!(requests.left(), 0);
    (all, requests.unfit())
}

pub fn decode(request: &Request) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest::decode(&*request.body).expect("must be a request")
}

/// The metrics of a request with the names of their scopes.
pub fn metrics(request: &Request) -> Vec<(String, Metric)> {
    let message = decode(request);
    assert_eq!(message.resource_metrics.len(), 1);
    let resource = message.resource_metrics.into_iter().next().unwrap();
    assert_eq!(resource.resource.unwrap().attributes.len(), 1);
    let scopes = resource.scope_metrics.into_iter();
    scopes
        .flat_map(|scope| {
            let about = scope.scope.unwrap();
            assert_eq!(about.version, env!("CARGO_PKG_VERSION"));
            let name = about.name;
            scope.metrics.into_iter().map(move |it| (name.clone(), it))
        })
        .collect()
}
