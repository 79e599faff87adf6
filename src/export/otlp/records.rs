use std::collections::VecDeque;

use bytes::Bytes;

use super::framing::Frame;
use super::{Resource, SCOPE};

/// Log records or spans of Geophone's own, each encoded, that make requests: the services of logs
/// and of traces have the same messages around them.
#[derive(Debug, Default)]
pub struct Records(VecDeque<Bytes>);

impl Records {
    /// Puts a record at the end.
    pub fn push(&mut self, record: Bytes) {
        self.0.push_back(record);
    }

    /// How many are in no request yet.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether every one was in a request.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out as many records as fit a request of so many bytes before compression, but at
    /// least one. The request, and how many are in it; none when there are no more.
    pub fn next_request(
        &mut self,
        resource: &Resource,
        max_request_bytes: usize,
    ) -> Option<(Vec<u8>, u64)> {
        let mut frame = Frame::new(resource);
        let mut taken = 0;
        while let Some(record) = self.0.front()
            && (taken == 0 || frame.len_with(SCOPE, record.len()) <= max_request_bytes)
        {
            frame.push_encoded(SCOPE, record);
            self.0.pop_front();
            taken += 1;
        }
        (taken > 0).then(|| (frame.finish(), taken))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    #[test]
    fn requests_hold_every_record_once_and_in_order() {
        let resource = Resource::new([("host.name", "a")]);
        let mut records = Records::default();
        let of = |number| LogRecord {
            time_unix_nano: number,
            ..LogRecord::default()
        };
        for number in 1..=100 {
            records.push(of(number).encode_to_vec().into());
        }
        let mut found = Vec::new();
        while let Some((request, taken)) = records.next_request(&resource, 200) {
            assert!(request.len() <= 200);
            let request = ExportLogsServiceRequest::decode(&*request).unwrap();
            let [of_resource] = &request.resource_logs[..] else {
                unreachable!("one resource")
            };
            let attributes = &of_resource.resource.as_ref().unwrap().attributes;
            assert_eq!(attributes[0].key, "host.name");
            let [of_scope] = &of_resource.scope_logs[..] else {
                unreachable!("one scope")
            };
            assert_eq!(of_scope.scope.as_ref().unwrap().name, "geophone");
            assert_eq!(of_scope.log_records.len() as u64, taken);
            found.extend(of_scope.log_records.iter().map(|it| it.time_unix_nano));
        }
        assert_eq!(found, (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn a_span_that_is_too_large_goes_alone() {
        let resource = Resource::new([]);
        let mut records = Records::default();
        let span = Span {
            name: "x".repeat(100),
            ..Span::default()
        };
        for _ in 0..2 {
            records.push(span.encode_to_vec().into());
        }
        let (request, taken) = records.next_request(&resource, 1).unwrap();
        let request = ExportTraceServiceRequest::decode(&*request).unwrap();
        assert_eq!(request.resource_spans[0].scope_spans[0].spans, [span]);
        assert_eq!((taken, records.len()), (1, 1));
    }
}
