//! Certificates of endpoints and of ours.

use std::path::{Path, PathBuf};
use std::time::Duration;

use geophone::config::OtlpEndpoint;
use geophone::config::OtlpProtocol::{self, Grpc, HttpProtobuf};
use geophone_test_support::wait;

use crate::counted::counted;
use crate::delivery::{accept, url};
use crate::pushing::{Pushing, config, endpoint};
use crate::python::Python;
use crate::receiver::Receiver;
use crate::telling::{all, bodies, start, telling};

/// Makes the certificates of `certificates.py` in a directory.
pub fn certificates(python: &Python) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    python.run("certificates.py", [directory.path()]);
    directory
}

pub fn serve(python: &Python, directory: &Path, server: &str, clients: bool) -> Receiver {
    let file = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (
        file(&format!("{server}.pem")),
        file(&format!("{server}-key.pem")),
    );
    let ca = file("ca.pem");
    let mut options = vec!["--certificate", &certificate, "--key", &key];
    if clients {
        options.extend(["--client-ca", &ca]);
    }
    Receiver::with(python, &accept(), &options)
}

fn secured(protocol: OtlpProtocol, receiver: &Receiver, ca: PathBuf) -> OtlpEndpoint {
    let url = url(receiver, protocol).replace("http://127.0.0.1", "https://localhost");
    OtlpEndpoint {
        certificate: Some(ca),
        ..endpoint(protocol, &url)
    }
}

fn fails(pushing: &Pushing) {
    wait::until("a failure", Duration::from_secs(30), || {
        let counted = counted(&pushing.counters, "default");
        assert_eq!(counted["requests_total accepted"], 0.0);
        Ok((counted["requests_total failed"] >= 2.0).then_some(()))
    })
    .unwrap();
}

#[test]
fn an_authority_of_ones_own_and_a_client_certificate() {
    let Some(python) = Python::find() else { return };
    let files = certificates(&python);
    let file = |name: &str| files.path().join(name);
    for protocol in [HttpProtobuf, Grpc] {
        let receiver = serve(&python, files.path(), "server", true);
        let with_client = OtlpEndpoint {
            client_certificate: Some(file("client.pem")),
            client_key: Some(file("client-key.pem")),
            ..secured(protocol, &receiver, file("ca.pem"))
        };
        let pushing = Pushing::start(&config(&[("default", with_client)]));
        assert_eq!(receiver.requests(2)[0]["errors"], serde_json::json!([]));
        pushing.stop();
        let without = secured(protocol, &receiver, file("ca.pem"));
        let pushing = Pushing::start(&config(&[("default", without)]));
        fails(&pushing);
        pushing.stop();
    }
}

#[test]
fn wrong_certificates_are_not_believed() {
    let Some(python) = Python::find() else { return };
    let files = certificates(&python);
    for protocol in [HttpProtobuf, Grpc] {
        for (server, ca) in [
            ("server", "other-ca.pem"),
            ("expired", "ca.pem"),
            ("elsewhere", "ca.pem"),
        ] {
            let receiver = serve(&python, files.path(), server, false);
            let endpoint = secured(protocol, &receiver, files.path().join(ca));
            let pushing = Pushing::start(&config(&[("default", endpoint)]));
            fails(&pushing);
            pushing.stop();
            assert_eq!(receiver.events("request").len(), 0, "{server} with {ca}");
            let said = receiver.events("handshake_failed");
            assert!(
                !said.is_empty(),
                "{server} with {ca}: no handshake was tried"
            );
        }
    }
}

#[test]
fn a_renewed_certificate_is_taken_while_the_daemon_runs() {
    let Some(python) = Python::find() else { return };
    let files = certificates(&python);
    let receiver = serve(&python, files.path(), "server", false);
    let ca = files.path().join("renewed.pem");
    std::fs::copy(files.path().join("other-ca.pem"), &ca).unwrap();
    let endpoint = secured(HttpProtobuf, &receiver, ca.clone());
    let pushing = Pushing::start(&config(&[("default", endpoint)]));
    fails(&pushing);
    std::fs::copy(files.path().join("ca.pem"), &ca).unwrap();
    receiver.requests(2);
    pushing.stop();
}

#[test]
fn messages_go_by_the_same_certificates() {
    let Some(python) = Python::find() else { return };
    let files = certificates(&python);
    let file = |name: &str| files.path().join(name);
    for protocol in [HttpProtobuf, Grpc] {
        let receiver = serve(&python, files.path(), "server", true);
        let endpoint = OtlpEndpoint {
            client_certificate: Some(file("client.pem")),
            client_key: Some(file("client-key.pem")),
            logs: true,
            ..secured(protocol, &receiver, file("ca.pem"))
        };
        let telemetry = start(&config(&[("default", endpoint)]));
        telling(&telemetry, || tracing::info!(target: "geophone", "hello"));
        telemetry.stop();
        let requests = receiver.requests(1);
        assert_eq!(bodies(&all(&requests, "logs")), ["hello"]);
        assert_eq!(requests[0]["client"], "client");
    }
}
