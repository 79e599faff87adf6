use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

use super::media_range::{Quality, parse_list};

/// Whether the client takes gzip, and likes it no less than the plain body.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None::<Quality>, None::<Quality>, None::<Quality>);
    for header in headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
    {
        for coding in parse_list(header) {
            match coding.name.as_str() {
                "gzip" | "x-gzip" => gzip = Some(coding.quality),
                "identity" => identity = Some(coding.quality),
                "*" => any = Some(coding.quality),
                _ => {}
            }
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_where_it_is_welcome() {
        for (header, expected) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("x-gzip", true),
            ("*", true),
            ("identity", false),
            ("", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("gzip;q=0.5, identity", false),
            ("gzip;q=0.5, identity;q=0.5", true),
            ("*;q=0", false),
            ("gzip;q=1.5", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, header.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), expected, "{header}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
