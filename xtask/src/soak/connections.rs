//! 100,000 connections that are open at once.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use geophone_test_support::network::Namespace;
use geophone_test_support::{open_files, wait};

use super::held::{Held, Span};
use super::load::{Counters, Load};

const CONNECTIONS: usize = 100_000;
/// Fewer than a port has others to connect to, by default; two files are open for each.
const EACH: usize = 8000;
const FILES: u64 = 2 * EACH as u64 + 64;
const PROCESSES: usize = CONNECTIONS.div_ceil(EACH);
const TOTAL: usize = PROCESSES * EACH;

/// For the kernel to open or close one.
const PATIENCE: Duration = Duration::from_secs(30);

const OPENED: &str = "geophone_tcp_connections_opened_total";
const CLOSED: &str = "geophone_tcp_connections_closed_total";

/// Of several processes, for one may not have so many files, in a namespace of their own.
pub struct Connections(Namespace);

impl Connections {
    pub fn new() -> Result<Self> {
        Namespace::new().map(Self)
    }
}

impl Load for Connections {
    fn what(&self) -> &'static str {
        "104,000 connections, all open at once"
    }

    fn unit(&self) -> &'static str {
        "connections"
    }

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.0)
    }

    fn work(&mut self) -> Result<u64> {
        let holders = self.0.within(|| {
            (0..PROCESSES)
                .map(|_| Holder::start())
                .collect::<Result<Vec<_>>>()
        });
        let mut holders = holders?;
        holders.iter_mut().try_for_each(Holder::opened)?;
        holders.into_iter().try_for_each(Holder::close)?;
        Ok(TOTAL as u64)
    }

    /// The second of two ends is closed a little later.
    fn part(&self) -> Result<()> {
        wait::until("the ends of all connections", PATIENCE, || {
            Ok((self.0.within(in_use)? == 0).then_some(()))
        })
    }

    fn compare(&self, span: &Span<Counters>) -> Result<Vec<Held>> {
        let counter = |name: &'static str| {
            move |earlier: &Counters, later: &Counters| later.tcp.since(&earlier.tcp, name)
        };
        let direction = |which: &'static str| [("direction", which)];
        let (active, passive) = (direction("active"), direction("passive"));
        let opens = [
            ("active opens", (OPENED, &active[..]), "Tcp.ActiveOpens"),
            ("passive opens", (OPENED, &passive[..]), "Tcp.PassiveOpens"),
        ];
        let mut held = Vec::new();
        for (what, metric, name) in opens {
            let same = span.same(what, "tcp", metric, counter(name))?;
            held.push(same.but_untold());
        }
        // The kernel does not count them: at least ours, at most all that were or became open.
        let (before, after) = (&span.from.before.tcp, &span.to.after.tcp);
        let most = ["Tcp.ActiveOpens", "Tcp.PassiveOpens"].map(|name| after.since(before, name));
        let most = most.iter().sum::<f64>() + before.value("Tcp.CurrEstab");
        let closed = span.same("closed", "tcp", (CLOSED, &[]), |_, _| 2.0 * TOTAL as f64)?;
        held.push(closed.at_most(most).but_untold());
        Ok(held)
    }
}

/// TCP sockets of this network namespace that are not past their end, which `TIME_WAIT` is.
fn in_use() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/sockstat")?;
    let number = text.lines().find_map(|line| {
        let (number, _) = line.strip_prefix("TCP: inuse ")?.split_once(' ')?;
        number.parse().ok()
    });
    number.context("sockstat does not tell how many TCP sockets there are")
}

/// A process that holds connections to itself.
struct Holder {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Holder {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["hold-connections", &EACH.to_string()]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, said })
    }

    /// Waits until all are open.
    fn opened(&mut self) -> Result<()> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        ensure!(line == OPEN, "a holder of connections said {line:?}");
        Ok(())
    }

    fn close(mut self) -> Result<()> {
        self.child
            .stdin
            .take()
            .context("no standard input")?
            .write_all(b"\n")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "a holder of connections: {status}");
        Ok(())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const OPEN: &str = "open\n";

/// What a holder does: opens `count` connections to itself, and closes them at a line of its
/// standard input.
pub fn hold(count: usize) -> Result<()> {
    open_files::allow(FILES)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mut ends = Vec::with_capacity(2 * count);
    for _ in 0..count {
        ends.push(TcpStream::connect_timeout(&address, PATIENCE)?);
        ends.push(listener.accept()?.0);
    }
    print!("{OPEN}");
    std::io::stdout().flush()?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
