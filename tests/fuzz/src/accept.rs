use std::sync::{Arc, LazyLock};

use geophone::export::prometheus::{Exposition, encode};
use geophone::http::fuzzing::negotiate;
use geophone::snapshot::{Family, Kind};
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::{page, sample};

/// Small ones, since what is asked for is of interest and not what comes out.
static FAMILIES: LazyLock<Vec<Arc<Family>>> = LazyLock::new(|| {
    let mut families = sample::families(0);
    families.retain(|family| family.descriptor.kind != Kind::Histogram);
    families
});

/// `Accept`, and after a zero byte `Accept-Encoding`: a header on each line.
pub fn check(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let mut headers = HeaderMap::new();
    for name in [ACCEPT, ACCEPT_ENCODING] {
        append(&mut headers, &name, parts.next().unwrap_or_default());
    }
    let (format, _) = negotiate(&headers);
    let answer = HeaderValue::from_str(format.content_type()).expect("a header");
    let again = HeaderMap::from_iter([(ACCEPT, answer)]);
    assert_eq!(negotiate(&again).0, format, "asked for what was answered");
    let page = encode(format, &FAMILIES, &Exposition::default()).expect("the sample");
    page::check_valid(format, &page);
}

fn append(headers: &mut HeaderMap, name: &HeaderName, lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            let _ = headers.try_append(name, value);
        }
    }
}
