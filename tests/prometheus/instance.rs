use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context as _;
use geophone_test_support::client::Client;
use geophone_test_support::wait;
use serde_json::Value;
use tempfile::TempDir;

/// How long Prometheus may take for what it does every second.
const PATIENCE: Duration = Duration::from_mins(1);

/// A Prometheus server with its own directory, ended when it is dropped.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// One job: its name, and lines of configuration beyond the target.
pub type Job<'a> = (&'a str, &'a str);

impl Prometheus {
    /// Starts scraping a target once a second in every job.
    pub fn start(program: &Path, flags: &[&str], target: SocketAddr, jobs: &[Job<'_>]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = "global: {scrape_interval: 1s}\nscrape_configs:\n".to_owned();
        for (name, options) in jobs {
            writeln!(config, "- job_name: {name}").unwrap();
            for option in options.lines() {
                writeln!(config, "  {option}").unwrap();
            }
            writeln!(config, "  static_configs: [{{targets: ['{target}']}}]").unwrap();
        }
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let log = File::create(directory.path().join("log")).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            directory,
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// Waits until every target has been scraped twice, and returns them as the API lists
    /// them.
    pub fn scraped_targets(&self, jobs: usize) -> Vec<Value> {
        wait::until("every target to be scraped", PATIENCE, || {
            let counts = self.query("count_over_time(up[1h])").unwrap_or_default();
            let twice = counts.iter().filter(|(_, count)| *count >= 2.0).count();
            Ok((twice == jobs).then_some(()))
        })
        .with_context(|| self.log())
        .unwrap();
        let targets = self.get("/api/v1/targets").expect("an answer");
        targets["data"]["activeTargets"].as_array().unwrap().clone()
    }

    /// An instant query: labels and value of every series. None while the server starts.
    pub fn query(&self, query: &str) -> Option<Vec<(Value, f64)>> {
        let answer = self.answer(query)?;
        let series = answer["data"]["result"].as_array().unwrap();
        let parse = |value: &Value| value["value"][1].as_str().unwrap().parse().unwrap();
        Some(
            series
                .iter()
                .map(|value| (value["metric"].clone(), parse(value)))
                .collect(),
        )
    }

    /// Where it takes metrics over OTLP, if its flags let it.
    pub fn otlp(&self) -> String {
        format!("http://{}/api/v1/otlp", self.address)
    }

    /// An instant query for native histograms: labels and histogram of every series.
    pub fn histograms(&self, query: &str) -> Vec<(Value, Value)> {
        let answer = self.answer(query).expect("an answer");
        let series = answer["data"]["result"].as_array().unwrap().iter();
        series
            .map(|value| (value["metric"].clone(), value["histogram"][1].clone()))
            .collect()
    }

    /// The one value of a query.
    pub fn value(&self, query: &str) -> f64 {
        let series = self.query(query).expect("an answer");
        assert_eq!(series.len(), 1, "{query}: {series:?}");
        series[0].1
    }

    fn answer(&self, query: &str) -> Option<Value> {
        let mut encoded = String::new();
        for byte in query.bytes() {
            write!(encoded, "%{byte:02x}").unwrap();
        }
        let answer = self.get(&format!("/api/v1/query?query={encoded}"))?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        assert_eq!(answer.get("warnings"), None, "{query}: {answer}");
        Some(answer)
    }

    fn get(&self, path: &str) -> Option<Value> {
        let response = Client::connect(self.address).ok()?.get(path, "").ok()?;
        // It answers 503 until it is ready.
        if response.status == 503 {
            return None;
        }
        let text = response.text();
        Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
