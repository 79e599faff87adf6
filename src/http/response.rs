use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use super::limits;

pub(super) type Reply = Response<Full<Bytes>>;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// Nothing served here loads, embeds or submits anything, nor may it be embedded.
const NOTHING_LOADED: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A response with its one content type, its length and the headers that every response has.
pub(super) fn reply(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Reply {
    let body = body.into();
    let length = HeaderValue::from(body.len());
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    set(
        &mut reply,
        CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    );
    set(&mut reply, CONTENT_LENGTH, length);
    set(
        &mut reply,
        CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    set(
        &mut reply,
        X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    set(
        &mut reply,
        REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    set(
        &mut reply,
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(NOTHING_LOADED),
    );
    reply
}

pub(super) fn set(reply: &mut Reply, name: HeaderName, value: HeaderValue) {
    reply.headers_mut().insert(name, value);
}

/// A line of plain text.
pub(super) fn text(status: StatusCode, line: impl Into<String>) -> Reply {
    let mut line = line.into();
    line.push('\n');
    reply(status, TEXT, line)
}

pub(super) fn method_not_allowed() -> Reply {
    let mut reply = text(
        StatusCode::METHOD_NOT_ALLOWED,
        "only GET and HEAD are served",
    );
    set(&mut reply, ALLOW, HeaderValue::from_static("GET, HEAD"));
    reply
}

pub(super) fn body_too_large() -> Reply {
    let mut reply = text(StatusCode::PAYLOAD_TOO_LARGE, "requests have no body here");
    set(&mut reply, CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// For scrapes that cannot be served now.
pub(super) fn busy(line: &str) -> Reply {
    let mut reply = text(StatusCode::SERVICE_UNAVAILABLE, line);
    set(
        &mut reply,
        RETRY_AFTER,
        HeaderValue::from_static(limits::RETRY_AFTER),
    );
    reply
}

/// The response to HEAD: all that GET would give but the body.
pub(super) fn without_body(reply: Reply) -> Reply {
    reply.map(|_| Full::default())
}
