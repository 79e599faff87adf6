use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use super::gzip::gzip;
use super::limits::{IDLE, RESPONSE_BYTES};
use super::retry_after::retry_after;
use super::{NO_ANSWER, Signal, TlsError, connector};
use crate::causes::with_causes;
use crate::config::{Compression, OtlpEndpoint};
use crate::push::outcome::{Outcome, shown};

const PROTOBUF: &str = "application/x-protobuf";

/// OTLP over HTTP/1.1 in binary protobuf.
#[derive(Debug)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    headers: HeaderMap,
}

/// The body as it is sent.
pub(super) fn pack(compression: Compression, body: Vec<u8>) -> Bytes {
    match compression {
        Compression::None => body.into(),
        Compression::Gzip => gzip(&body).unwrap_or_default().into(),
    }
}

impl Http {
    pub fn new(
        endpoint: &OtlpEndpoint,
        signal: Signal,
        tls: ClientConfig,
    ) -> Result<Self, TlsError> {
        let url = signal.url(endpoint);
        let url = url.parse().map_err(|error| TlsError::Url {
            url: url.to_owned(),
            reason: format!("{error}"),
        })?;
        let mut headers = endpoint.header_map();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        if endpoint.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(connector::http1(tls, endpoint.timeout));
        Ok(Self {
            client,
            url,
            headers,
        })
    }

    /// Once the endpoint has said what became of the request, that counts, however slow it is to
    /// say more.
    pub async fn send(&self, body: Bytes, until: Instant) -> Outcome {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        request.uri_mut().clone_from(&self.url);
        request.headers_mut().clone_from(&self.headers);
        let response = match timeout_at(until, self.client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Outcome::failed(with_causes(&error)),
            Err(_) => return Outcome::failed(NO_ANSWER),
        };
        let status = response.status();
        let after = retry_after(response.headers(), SystemTime::now());
        let is_protobuf = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(PROTOBUF.as_bytes()));
        let body = timeout_at(until, read(response.into_body())).await;
        let body = body.unwrap_or_default();
        match status {
            status if status.is_success() => {
                // Receivers that answer with something else have taken the request all the same.
                ExportMetricsServiceResponse::decode(body)
                    .unwrap_or_default()
                    .into()
            }
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Outcome::Failed {
                why: said(status, &body, is_protobuf),
                after,
            },
            status => Outcome::Refused {
                why: said(status, &body, is_protobuf),
            },
        }
    }
}

/// The body as far as it came, if it is not too long.
async fn read(body: Incoming) -> Bytes {
    let whole = Limited::new(body, RESPONSE_BYTES).collect().await;
    whole
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default()
}

/// The status, and what the endpoint says of it.
fn said(status: StatusCode, body: &[u8], is_protobuf: bool) -> String {
    let message = if is_protobuf {
        tonic_types::Status::decode(body)
            .map(|status| status.message)
            .unwrap_or_default()
    } else {
        String::from_utf8_lossy(body).into_owned()
    };
    let message = shown(&message);
    if message.is_empty() {
        format!("status {status}")
    } else {
        format!("status {status}: {message}")
    }
}
