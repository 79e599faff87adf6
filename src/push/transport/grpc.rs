use std::error::Error;

use bytes::Bytes;
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::codec::EncodedCodec;
use super::limits::RESPONSE_BYTES;
use super::{NO_ANSWER, Signal, TlsError, USER_AGENT, connector};
use crate::causes::with_causes;
use crate::config::{Compression, OtlpEndpoint};
use crate::push::outcome::{Outcome, shown};

/// OTLP over gRPC.
#[derive(Debug)]
pub(super) struct Grpc {
    channel: Channel,
    method: PathAndQuery,
    metadata: MetadataMap,
    compression: Compression,
}

impl Grpc {
    pub fn new(
        endpoint: &OtlpEndpoint,
        signal: Signal,
        tls: ClientConfig,
    ) -> Result<Self, TlsError> {
        let url = signal.url(endpoint);
        let unusable = |error: tonic::transport::Error| TlsError::Url {
            url: url.to_owned(),
            reason: with_causes(&error),
        };
        let channel = Endpoint::from_shared(url.to_owned())
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(unusable)?
            // Of the whole connection, TLS included.
            .connect_timeout(endpoint.timeout)
            .connect_with_connector_lazy(connector::http2(tls, endpoint.timeout));
        Ok(Self {
            channel,
            method: PathAndQuery::from_static(signal.method()),
            metadata: MetadataMap::from_headers(endpoint.header_map()),
            compression: endpoint.compression,
        })
    }

    pub async fn send(&self, message: Bytes, until: Instant) -> Outcome {
        match timeout_at(until, self.call(message, until)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::failed(NO_ANSWER),
        }
    }

    async fn call(&self, message: Bytes, until: Instant) -> Outcome {
        let mut client = tonic::client::Grpc::new(self.channel.clone())
            .max_decoding_message_size(RESPONSE_BYTES);
        if self.compression == Compression::Gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        if let Err(error) = client.ready().await {
            return Outcome::failed(with_causes(&error));
        }
        let mut request = Request::new(message);
        request.metadata_mut().clone_from(&self.metadata);
        request.set_timeout(until.saturating_duration_since(Instant::now()));
        let sent = client.unary(request, self.method.clone(), EncodedCodec);
        match sent.await {
            Ok(response) => response.into_inner().into(),
            Err(status) if is_too_long_an_answer(&status) => {
                ExportMetricsServiceResponse::default().into()
            }
            Err(status) => failure(&status),
        }
    }
}

/// Whether the library refused to read an answer, which only a success has. It tells so by a code
/// that an endpoint may send, too.
fn is_too_long_an_answer(status: &Status) -> bool {
    let limit = format!("the limit is: {RESPONSE_BYTES} bytes");
    status.code() == Code::OutOfRange && status.message().ends_with(&limit)
}

/// What the protocol's table of codes says of a failure.
fn failure(status: &Status) -> Outcome {
    let retry = status.get_details_retry_info();
    let after = retry.as_ref().and_then(|info| info.retry_delay);
    let may_retry = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => retry.is_some(),
        // Without a source the status is the endpoint's own; with one the connection failed.
        _ => status.source().is_some(),
    };
    let why = match status.source() {
        Some(source) => with_causes(source),
        None => format!("{:?}: {}", status.code(), shown(status.message())),
    };
    if may_retry {
        Outcome::Failed { why, after }
    } else {
        Outcome::Refused { why }
    }
}
