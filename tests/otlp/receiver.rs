use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use geophone_test_support::wait;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::python::Python;

/// How long a receiver may take for what it does at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver in a process of its own, which answers as a script says. Ended when dropped.
pub struct Receiver {
    child: Child,
    commands: Mutex<ChildStdin>,
    said: Arc<Mutex<Vec<Value>>>,
    ports: Value,
    directory: TempDir,
}

impl Receiver {
    pub fn start(python: &Python, script: &Value) -> Self {
        Self::with(python, script, &[])
    }

    pub fn with(python: &Python, script: &Value, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = python
            .script("receiver.py")
            .arg("--script")
            .arg(script.to_string())
            .arg("--save")
            .arg(directory.path())
            .arg("--messages")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = Mutex::new(child.stdin.take().unwrap());
        let output = BufReader::new(child.stdout.take().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                heard
                    .lock()
                    .unwrap()
                    .push(serde_json::from_str(&line).unwrap());
            }
        });
        let mut receiver = Self {
            child,
            commands,
            said,
            ports: Value::Null,
            directory,
        };
        receiver.ports = receiver.event("ready");
        receiver
    }

    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports["http"])
    }

    pub fn grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports["grpc"])
    }

    /// Everything of a kind that has happened until now.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        // What it says comes in order, so that what it said before is heard with this.
        self.command(&json!({"command": "sync"}));
        self.heard(kind)
    }

    /// Everything of a kind that was heard of until now.
    fn heard(&self, kind: &str) -> Vec<Value> {
        let said = self.said.lock().unwrap();
        said.iter()
            .filter(|each| each["event"] == kind)
            .cloned()
            .collect()
    }

    /// The first event of a kind.
    pub fn event(&self, kind: &str) -> Value {
        self.at_least(kind, 1).remove(0)
    }

    /// The events of a kind, once there are so many.
    pub fn at_least(&self, kind: &str, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} events {kind}"), PATIENCE, || {
            let events = self.heard(kind);
            Ok((events.len() >= count).then_some(events))
        })
        .unwrap()
    }

    /// The requests that came in whole, once there are so many.
    pub fn requests(&self, count: usize) -> Vec<Value> {
        self.at_least("request", count)
    }

    /// The bodies of requests, as files.
    pub fn files(requests: &[Value]) -> Vec<PathBuf> {
        requests
            .iter()
            .map(|request| request["file"].as_str().unwrap().into())
            .collect()
    }

    pub fn command(&self, command: &Value) {
        let mut commands = self.commands.lock().unwrap();
        let before = self.heard("done").len();
        writeln!(commands, "{command}").unwrap();
        let done = || {
            assert_eq!(self.heard("refused"), Vec::<Value>::new());
            Ok((self.heard("done").len() > before).then_some(()))
        };
        wait::until("a command to be obeyed", PATIENCE, done).unwrap();
    }

    /// A directory that lives as long as the receiver.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
