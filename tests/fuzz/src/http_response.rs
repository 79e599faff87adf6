use std::io::Read as _;

use flate2::read::GzDecoder;
use geophone::http::fuzzing::negotiate;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};

use crate::page;

/// What the server may answer with, by itself or by its library of HTTP.
const CODES: [u16; 9] = [100, 200, 400, 404, 405, 413, 431, 500, 503];

/// Reads responses one after the other, up to the end or to one that was cut. Gives how many
/// there are.
pub fn check_all(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(bytes).expect("HTTP") else {
            panic!("the head of a response is cut");
        };
        let code = response.code.expect("a status");
        assert!(CODES.contains(&code), "status {code}");
        count += 1;
        let rest = &bytes[length..];
        let header = |name: &str| {
            let mut headers = response.headers.iter();
            let found = headers.find(|it| it.name.eq_ignore_ascii_case(name));
            found.map(|it| str::from_utf8(it.value).expect("text"))
        };
        // Who asks for the head alone is told the length of what does not follow.
        let size = match header("content-length") {
            Some(_) if rest.is_empty() || rest.starts_with(b"HTTP/1.") => 0,
            Some(length) => length.parse().expect("a number"),
            None => 0,
        };
        let (body, rest) = rest.split_at_checked(size).expect("a body of that length");
        if code == 200 && size > 0 {
            check_body(body, header("content-type"), header("content-encoding"));
        }
        bytes = rest;
    }
    count
}

fn check_body(body: &[u8], kind: Option<&str>, coding: Option<&str>) {
    let kind = kind.expect("a content type");
    let mut plain = Vec::new();
    match coding {
        Some("gzip") => drop(GzDecoder::new(body).read_to_end(&mut plain).expect("gzip")),
        None => plain.extend_from_slice(body),
        Some(other) => panic!("coded as {other}"),
    }
    let accept = HeaderValue::from_str(kind).expect("a header");
    let (format, _) = negotiate(&HeaderMap::from_iter([(ACCEPT, accept)]));
    if kind == format.content_type() {
        page::check_valid(format, &plain);
    } else {
        str::from_utf8(&plain).expect("UTF-8");
    }
}
