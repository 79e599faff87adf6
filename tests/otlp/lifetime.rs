//! What a daemon tells of itself, from its start to its end.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use geophone::config::{
    Config, Enabled, Host, ListenAddress, Otlp, OtlpProtocol, Overrides, Sources,
};
use geophone::daemon;
use geophone::log::LogCounts;
use geophone::module::Catalogue;
use geophone::telemetry::Telemetry;
use geophone_test_support::{client::Client, privileges, wait};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

use crate::child::{DEAD, run};
use crate::delivery::accept;
use crate::python::Python;
use crate::receiver::Receiver;
use crate::telling::{all, attributes, bodies};

/// What the child runs: one module, until it was scraped once.
pub fn serve(otlp: &Otlp, log: Arc<LogCounts>, telemetry: &Telemetry) {
    let sources = Sources {
        overrides: Overrides::default(),
        environment: Vec::new(),
        default_file: None,
    };
    let mut loaded = Config::load(&sources, Catalogue::builtin().unwrap()).unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = &mut loaded.config;
    config.otlp = otlp.clone();
    config.web.listen_addresses = vec![ListenAddress {
        host: Host::Ip(address.ip()),
        port: address.port(),
    }];
    for (name, module) in &mut config.modules {
        module.enabled = if name == "tcp" {
            Enabled::Yes
        } else {
            Enabled::No
        };
    }
    thread::spawn(move || {
        let scraped = || {
            Ok(Client::connect(address)
                .and_then(|mut it| it.metrics())
                .ok())
        };
        wait::until("a scrape", Duration::from_mins(1), scraped).unwrap();
        kill_process(getpid(), Signal::TERM).unwrap();
    });
    daemon::run(&loaded, log, Some(telemetry)).unwrap();
}

#[test]
fn a_daemon_tells_of_its_start_its_work_and_its_end() {
    let Some(python) = Python::find() else { return };
    if !privileges::present() {
        return;
    }
    let receiver = Receiver::start(&python, &accept());
    run(&receiver, OtlpProtocol::HttpProtobuf, "serve", &[]);
    let requests = receiver.events("request");
    let messages = all(&requests, "logs");
    let messages = bodies(&messages);
    for expected in [
        "sending log messages over OTLP",
        "module active",
        "serving",
        "stopping",
    ] {
        assert!(messages.contains(&expected), "{expected}: {messages:?}");
    }
    // The last word is the child's own.
    assert_eq!(messages[messages.len() - 2..], ["stopped", "goodbye"]);
    let spans = all(&requests, "traces");
    let named =
        |name: &str| -> Vec<&Value> { spans.iter().filter(|it| it["name"] == name).collect() };
    let parents = |name: &str, parent: &str| {
        let parents = named(parent);
        let is_parent = |span: &Value| {
            parents
                .iter()
                .any(|it| it["spanId"] == span["parentSpanId"])
        };
        let children = named(name);
        assert!(!children.is_empty(), "{name}: {spans:?}");
        for child in &children {
            assert!(is_parent(child), "{child}");
        }
        attributes(children[0])
    };
    let of_tcp = json!({"module": {"stringValue": "tcp"}});
    assert_eq!(parents("attach", "bring_up"), of_tcp);
    assert_eq!(parents("module", "sweep"), of_tcp);
    assert_eq!(
        attributes(named("bring_up")[0]),
        json!({"modules": {"intValue": "1"}})
    );
    assert_eq!(
        attributes(named("sweep")[0]),
        json!({"modules": {"intValue": "1"}})
    );
    let scrape = attributes(named("scrape")[0]);
    let format = scrape["format"]["stringValue"].as_str().unwrap();
    assert!(format.starts_with("text/plain"), "{scrape}");
    let bytes: u64 = scrape["bytes"]["intValue"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(bytes > 1000, "{scrape}");
    assert!(!named("export").is_empty(), "{spans:?}");
    // The last metrics went before the last message.
    let last = |signal: &str| requests.iter().rposition(|it| it["signal"] == signal);
    assert!(last("metrics") < last("logs"), "{requests:?}");
}

#[test]
fn an_endpoint_that_does_not_take_the_last_metrics_is_told_to_the_others() {
    let Some(python) = Python::find() else { return };
    if !privileges::present() {
        return;
    }
    let receiver = Receiver::start(&python, &accept());
    let dead = Receiver::start(&python, &json!([{"do": "hang"}]));
    let environment = [(DEAD, &*dead.http())];
    run(&receiver, OtlpProtocol::HttpProtobuf, "serve", &environment);
    let messages = all(&receiver.events("request"), "logs");
    let messages = bodies(&messages);
    assert_eq!(
        messages[messages.len() - 3..],
        [
            "stopped before every OTLP endpoint had taken the last metrics",
            "stopped",
            "goodbye"
        ]
    );
}
