use std::sync::atomic::Ordering::SeqCst;

use geophone_test_support::client::Client;

use crate::server::{Fake, Running, get};

#[test]
fn every_route_answers_get_and_head_alike() {
    let server = Running::start(Fake::default(), |_| {});
    let mut client = Client::connect(server.address).unwrap();
    for (target, status, content_type) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        (
            "/metrics?collect[]=tcp",
            200,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        ("/-/healthy", 200, "text/plain; charset=utf-8"),
        ("/-/ready", 200, "text/plain; charset=utf-8"),
        ("/status", 200, "application/json"),
        ("/metrics/", 404, "text/plain; charset=utf-8"),
        ("/favicon.ico", 404, "text/plain; charset=utf-8"),
        ("http://x/-/healthy", 200, "text/plain; charset=utf-8"),
    ] {
        let got = client.get(target, "").unwrap();
        assert_eq!(
            (got.status, got.header("content-type")),
            (status, Some(content_type)),
            "{target}"
        );
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("cache-control"), Some("no-store"));
        assert!(
            got.header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert!(!got.body.is_empty());

        let head = client.request("HEAD", target, "").unwrap();
        assert_eq!(head.status, status);
        let headers = |headers: &[(String, String)]| {
            let same = headers.iter().filter(|(name, _)| name != "date");
            same.cloned().collect::<Vec<_>>()
        };
        assert_eq!(headers(&head.headers), headers(&got.headers), "{target}");
    }
}

#[test]
fn other_methods_learn_which_are_served() {
    let server = Running::start(Fake::default(), |_| {});
    let mut client = Client::connect(server.address).unwrap();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        for target in ["/metrics", "/", "/nowhere"] {
            let response = client
                .request(method, target, "Content-Length: 0\r\n")
                .unwrap();
            assert_eq!(response.status, 405, "{method}");
            assert_eq!(response.header("allow"), Some("GET, HEAD"));
        }
    }
}

#[test]
fn readiness_waits_for_the_first_sweep() {
    let server = Running::start(Fake::default(), |_| {});
    server.source.ready.store(false, SeqCst);
    let waiting = get(server.address, "/-/ready", "").unwrap();
    assert_eq!(waiting.status, 503);
    assert!(waiting.text().contains("first sweep"), "{}", waiting.text());
    assert_eq!(get(server.address, "/-/healthy", "").unwrap().status, 200);
    server.source.ready.store(true, SeqCst);
    assert_eq!(get(server.address, "/-/ready", "").unwrap().status, 200);
}

#[test]
fn the_landing_page_shows_modules_as_text_and_loads_nothing() {
    let server = Running::start(Fake::default(), |config| {
        config.telemetry_path = "/m".to_owned();
    });
    server.source.status.lock().unwrap().modules[0].name = "<script>alert(1)</script>".to_owned();
    let page = get(server.address, "/", "").unwrap();
    let html = page.text();
    assert!(
        html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{html}"
    );
    assert!(
        html.contains("Latency &amp; size of &lt;block&gt; requests"),
        "{html}"
    );
    assert!(html.contains("no field &quot;x&quot;"), "{html}");
    assert!(html.contains("tp_btf/block_rq_complete"), "{html}");
    assert!(html.contains("href=\"/m\""), "{html}");
    for loading in [
        "<script", "<link", "<img", "src=", "url(", "http://", "https://",
    ] {
        assert!(!html.contains(loading), "{loading} in {html}");
    }
}

#[test]
fn the_status_is_json() {
    let server = Running::start(Fake::default(), |_| {});
    let status: serde_json::Value =
        serde_json::from_slice(&get(server.address, "/status", "").unwrap().body).unwrap();
    assert_eq!(status["version"], "0.1.0");
    let module = &status["modules"][0];
    assert_eq!(module["state"], "degraded");
    assert_eq!(module["reason"], "no field \"x\"");
    assert_eq!(module["programs"][0]["hook"], "tp_btf/block_rq_complete");
    assert_eq!(module["maps"][0]["entries"], 5);
}

#[test]
fn the_telemetry_path_may_be_the_root() {
    let server = Running::start(Fake::default(), |config| {
        config.telemetry_path = "/".to_owned();
    });
    assert!(
        get(server.address, "/", "")
            .unwrap()
            .text()
            .starts_with("# HELP")
    );
}
