//! The daemon itself, with its real metrics.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use geophone_test_support::daemon::Options;
use geophone_test_support::privileges;
use geophone_test_support::process::unconfigured;
use rustix::process::Signal;
use serde_json::json;

use crate::delivery::accept;
use crate::python::Python;
use crate::receiver::Receiver;
use crate::tls::{certificates, serve};

const BINARY: &str = env!("CARGO_BIN_EXE_geophone");

/// A daemon of which every scrape and every export is of the same snapshot.
fn of_one_snapshot(section: &str) -> Options {
    let environment = ["env", "GEOPHONE_SWEEP__MIN_INTERVAL=1h"].map(Into::into);
    let section = format!("sweep.interval = \"1h\"\n[otlp]\ninterval = \"1s\"\n{section}");
    Options::new(BINARY)
        .launched_by(environment)
        .configuration(&section)
}

#[test]
fn what_is_pushed_is_what_is_served() {
    let Some(python) = Python::find() else { return };
    if !privileges::present() {
        return;
    }
    for histograms in [
        "base2_exponential_bucket_histogram",
        "explicit_bucket_histogram",
    ] {
        let receiver = Receiver::start(&python, &accept());
        let section = format!(
            "[otlp.endpoints.default]\nendpoint = \"{}\"\nhistograms = \"{histograms}\"\n",
            receiver.http()
        );
        let daemon = of_one_snapshot(&section).start().unwrap();
        let request = receiver.requests(1).remove(0);
        assert_eq!(request["errors"], json!([]));
        let mut client = daemon.client().unwrap();
        let page = |name: &str, body: &[u8]| {
            let path = receiver.directory().join(name);
            fs::write(&path, body).unwrap();
            path.into_os_string()
        };
        let text = client
            .get("/metrics", "Accept: text/plain;version=0.0.4\r\n")
            .unwrap();
        let mut arguments = vec!["--page".into(), page("text", &text.body)];
        if histograms.starts_with("base2") {
            let accept = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n";
            let protobuf = client.get("/metrics", accept).unwrap();
            arguments.extend(["--protobuf".into(), page("protobuf", &protobuf.body)]);
        }
        arguments.extend(Receiver::files(&[request]).into_iter().map(Into::into));
        python.run("compare.py", arguments);
    }
}

#[test]
fn a_dead_collector_delays_neither_a_scrape_nor_the_end() {
    let Some(python) = Python::find() else { return };
    if !privileges::present() {
        return;
    }
    let receiver = Receiver::start(&python, &json!([{"do": "hang"}]));
    let section = format!(
        "[otlp]\ninterval = \"1s\"\nflush_timeout = \"1s\"\n[otlp.endpoints.default]\nendpoint = \"{}\"\n",
        receiver.http()
    );
    let mut daemon = Options::new(BINARY)
        .configuration(&section)
        .start()
        .unwrap();
    receiver.requests(1);
    let mut client = daemon.client().unwrap();
    for _ in 0..20 {
        let began = Instant::now();
        let page = client.metrics().unwrap();
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
        let length = page.sum("geophone_otlp_queue_length", &[]).unwrap();
        assert!(length <= 5.0, "{length}");
    }
    let (status, took) = daemon.stop(Signal::TERM).unwrap();
    assert!(status.success(), "{status}: {}", daemon.log());
    assert!(took < Duration::from_secs(8), "{took:?}");
    let log = daemon.log();
    assert!(
        log.contains("stopped before every OTLP endpoint had taken the last metrics"),
        "{log}"
    );
}

#[test]
fn certificates_that_cannot_be_used_are_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("geophone.toml");
    let check = |key: &str, value: &str| {
        let section =
            format!("[otlp.endpoints.default]\nendpoint = \"https://h\"\n{key} = \"{value}\"\n");
        fs::write(&file, section).unwrap();
        let mut command: Command = unconfigured(BINARY);
        let output = command
            .args(["check", "--config.file"])
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = check("certificate", "/nonexistent");
    let expected = format!(
        "{}:3:15: otlp.endpoints.default.certificate: cannot read",
        file.display()
    );
    assert!(said.starts_with(&expected), "{said}");
    let empty = directory.path().join("empty.pem");
    fs::write(&empty, "nothing").unwrap();
    let said = check("certificate", empty.to_str().unwrap());
    assert!(
        said.contains("otlp.endpoints.default.certificate: certificates of authorities in"),
        "{said}"
    );
}

#[test]
fn a_certificate_that_comes_late_keeps_nobody_from_scraping() {
    let Some(python) = Python::find() else { return };
    if !privileges::present() {
        return;
    }
    let files = certificates(&python);
    let receiver = serve(&python, files.path(), "server", false);
    let late = files.path().join("late.pem");
    let section = format!(
        "[otlp]\ninterval = \"1s\"\n[otlp.endpoints.default]\nendpoint = \"{}\"\ncertificate = \"{}\"\n",
        receiver
            .http()
            .replace("http://127.0.0.1", "https://localhost"),
        late.display()
    );
    let daemon = Options::new(BINARY)
        .configuration(&section)
        .start()
        .unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    assert!(page.sum("geophone_build_info", &[]).is_some());
    let log = daemon.log();
    assert!(
        log.contains("otlp.endpoints.default.certificate: cannot read certificates"),
        "{log}"
    );
    fs::copy(files.path().join("ca.pem"), &late).unwrap();
    receiver.requests(1);
}
