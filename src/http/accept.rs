//! Which format a client wants, by Prometheus' rules for content negotiation.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

use super::media_range::{MediaRange, parse_list};
use crate::export::prometheus::{Escaping, Format};

/// The known format with the highest weight; of equals the one named first, and a format
/// named before a wildcard. Text 0.0.4, the last resort by the rules, where none is known.
pub(super) fn negotiate(headers: &HeaderMap) -> Format {
    let mut best = (0, false, Format::default());
    for header in headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
    {
        for range in parse_list(header) {
            let Some(format) = format(&range) else {
                continue;
            };
            let named = !range.name.ends_with('*');
            if (range.quality, named) > (best.0, best.1) && range.quality > 0 {
                best = (range.quality, named, format);
            }
        }
    }
    best.2
}

fn format(range: &MediaRange) -> Option<Format> {
    let version = range.parameter("version");
    let escaping = range.parameter("escaping").map(Escaping::from_parameter);
    match range.name.as_str() {
        "*/*" | "text/*" => Some(Format::Text004),
        "text/plain" => match version {
            None | Some("0.0.4") => Some(Format::Text004),
            Some("1.0.0") => Some(Format::Text100(escaping.unwrap_or_default())),
            Some(_) => None,
        },
        "application/openmetrics-text" => match version {
            None | Some("1.0.0") => Some(Format::OpenMetrics100(escaping.unwrap_or_default())),
            Some("0.0.1") => Some(Format::OpenMetrics001),
            Some(_) => None,
        },
        "application/vnd.google.protobuf" => {
            let family = range.parameter("proto") == Some("io.prometheus.client.MetricFamily");
            let delimited = range.parameter("encoding") == Some("delimited");
            (family && delimited).then_some(Format::Protobuf(escaping))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn negotiated(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers)
    }

    const PROTOBUF: &str = "application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited";

    #[test]
    fn servers_get_what_they_prefer() {
        let cases = [
            // Prometheus 3 by default.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics100(Escaping::AllowUtf8),
            ),
            // Prometheus 2.
            (
                "application/openmetrics-text;version=1.0.0,\
                 application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics100(Escaping::Underscores),
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                 encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5",
                Format::Protobuf(None),
            ),
            // curl, and a browser.
            ("*/*", Format::Text004),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Format::Text004,
            ),
        ];
        for (accept, format) in cases {
            assert_eq!(negotiated(accept), format, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), Format::Text004);
    }

    #[test]
    fn weights_beat_order_and_order_breaks_ties() {
        let open = Format::OpenMetrics001;
        for (accept, format) in [
            (
                "text/plain;q=0.4,application/openmetrics-text;version=0.0.1;q=0.5",
                open,
            ),
            (
                "application/openmetrics-text;version=0.0.1,text/plain",
                open,
            ),
            (
                "text/plain,application/openmetrics-text;version=0.0.1",
                Format::Text004,
            ),
            ("*/*,application/openmetrics-text;version=0.0.1", open),
            (
                "application/openmetrics-text;version=0.0.1;q=0",
                Format::Text004,
            ),
            (
                "text/plain;version=1.0.0;escaping=dots",
                Format::Text100(Escaping::Dots),
            ),
            ("text/plain;version=2.0.0", Format::Text004),
            (
                "application/openmetrics-text;version=2.0.0,text/plain;version=1.0.0;q=0.1",
                Format::Text100(Escaping::Underscores),
            ),
        ] {
            assert_eq!(negotiated(accept), format, "{accept}");
        }
    }

    #[test]
    fn protobuf_needs_its_message_and_framing() {
        assert_eq!(negotiated(PROTOBUF), Format::Protobuf(None));
        assert_eq!(
            negotiated(&format!("{PROTOBUF};escaping=values")),
            Format::Protobuf(Some(Escaping::Values))
        );
        for accept in [
            "application/vnd.google.protobuf",
            &PROTOBUF.replace("delimited", "text"),
        ] {
            assert_eq!(negotiated(accept), Format::Text004, "{accept}");
        }
    }

    #[test]
    fn a_false_escaping_is_never_echoed() {
        let format = negotiated("application/openmetrics-text;version=1.0.0;escaping=\"a b\"");
        assert_eq!(
            format.content_type(),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
        );
    }

    proptest! {
        #[test]
        fn no_header_fails(accept in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&accept) {
                headers.insert(ACCEPT, value);
            }
            let content_type = negotiate(&headers).content_type();
            prop_assert!(HeaderValue::from_str(content_type).is_ok());
        }
    }
}
