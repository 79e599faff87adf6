//! Connections to endpoints.

mod codec;
mod connector;
mod files;
mod grpc;
mod gzip;
mod http;
mod retry_after;
mod signal;
mod tls;

use bytes::Bytes;
use tokio::time::Instant;

use self::files::Stamp;
use self::grpc::Grpc;
use self::http::Http;
use super::limits;
use super::outcome::Outcome;
use crate::config::{OtlpEndpoint, OtlpProtocol};

pub(crate) use signal::Signal;
pub use tls::{TlsError, check as check_tls};

/// What is said of an endpoint that did not answer.
const NO_ANSWER: &str = "no answer in time";

/// Says who we are, as the specification wants exporters to.
const USER_AGENT: &str = concat!("geophone/", env!("CARGO_PKG_VERSION"));

/// What carries requests of one signal to an endpoint. It is made when it is needed, and made anew
/// when the certificates have changed, so that they can be renewed while the daemon runs.
#[derive(Debug)]
pub(crate) struct Transport {
    endpoint: OtlpEndpoint,
    signal: Signal,
    made: Option<(Stamp, Protocol)>,
}

#[derive(Debug)]
enum Protocol {
    Http(Box<Http>),
    Grpc(Grpc),
}

impl Transport {
    pub fn new(endpoint: OtlpEndpoint, signal: Signal) -> Self {
        Self {
            endpoint,
            signal,
            made: None,
        }
    }

    /// The body as it is sent.
    pub fn pack(&self, body: Vec<u8>) -> Bytes {
        match self.endpoint.protocol {
            OtlpProtocol::HttpProtobuf => http::pack(self.endpoint.compression, body),
            // The library compresses messages as it frames them.
            OtlpProtocol::Grpc => body.into(),
        }
    }

    /// Sends a packed body and waits for the answer, until the deadline at most and no longer
    /// than the endpoint's timeout.
    pub async fn send(&mut self, body: Bytes, deadline: Instant) -> Outcome {
        let until = deadline.min(Instant::now() + self.endpoint.timeout);
        let protocol = match self.protocol() {
            Ok(protocol) => protocol,
            Err(error) => return Outcome::failed(error.to_string()),
        };
        let outcome = match protocol {
            Protocol::Http(http) => http.send(body, until).await,
            Protocol::Grpc(grpc) => grpc.send(body, until).await,
        };
        if matches!(outcome, Outcome::Failed { .. }) {
            // A connection over which nothing comes would be waited for again and again.
            self.made = None;
        }
        outcome
    }

    fn protocol(&mut self) -> Result<&Protocol, TlsError> {
        let stamp = Stamp::of(&self.endpoint);
        let made = match self.made.take() {
            Some((made_of, protocol)) if made_of == stamp => protocol,
            _ => self.make()?,
        };
        Ok(&self.made.insert((stamp, made)).1)
    }

    fn make(&self) -> Result<Protocol, TlsError> {
        let tls = tls::client_config(&self.endpoint, self.signal.url(&self.endpoint))?;
        Ok(match self.endpoint.protocol {
            OtlpProtocol::HttpProtobuf => {
                let http = Http::new(&self.endpoint, self.signal, tls)?;
                Protocol::Http(Box::new(http))
            }
            OtlpProtocol::Grpc => Protocol::Grpc(Grpc::new(&self.endpoint, self.signal, tls)?),
        })
    }
}
