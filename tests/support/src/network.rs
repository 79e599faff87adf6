//! Network namespaces joined by a veth pair, with a share of the packets lost or held back.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::output;

/// A port at which nobody listens (RFC 863).
pub const DISCARD: u16 = 9;

const PATIENCE: Duration = Duration::from_secs(10);

/// A named network namespace with its loopback up; deleted when dropped.
pub struct Namespace {
    name: String,
}

/// Two namespaces, `10.77.0.1` and `10.77.0.2`, on one wire.
pub struct Pair {
    pub near: Namespace,
    pub far: Namespace,
}

impl Pair {
    pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    pub const FAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
    /// With [`Self::with_ipv6`].
    pub const FAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2);

    pub fn new() -> Result<Self> {
        let (near, far) = (Namespace::new()?, Namespace::new()?);
        let wire = ["type", "veth", "peer", "name", "wire", "netns", &far.name];
        near.ip(&[&["link", "add", "wire"], wire.as_slice()].concat())?;
        for (namespace, address) in [(&near, Self::NEAR), (&far, Self::FAR)] {
            namespace.ip(&["address", "add", &format!("{address}/24"), "dev", "wire"])?;
            namespace.ip(&["link", "set", "wire", "up"])?;
        }
        Ok(Self { near, far })
    }

    /// Has every packet take this time to the other end. Needs netem, which not every kernel has.
    pub fn delay(&self, time: Duration) -> Result<()> {
        self.acquaint()?;
        [&self.near, &self.far]
            .into_iter()
            .try_for_each(|namespace| namespace.delay(time))
    }

    /// Lets each end ask for the other's hardware address, which would else delay the first packet.
    fn acquaint(&self) -> Result<()> {
        self.near.within(|| {
            let socket = UdpSocket::bind((Self::NEAR, 0))?;
            socket.connect((Self::FAR, DISCARD))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.send(&[0])?;
            match socket.recv(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
                Err(error) => Err(error).context("no answer over the wire"),
                Ok(_) => Err(anyhow!("somebody listens at port {DISCARD}")),
            }
        })
    }

    /// Gives them [`Self::FAR_V6`] and its neighbour, too.
    pub fn with_ipv6(self) -> Result<Self> {
        for (namespace, address) in [(&self.near, "fd77::1/64"), (&self.far, "fd77::2/64")] {
            // Nobody else can have the address.
            namespace.ip(&["-6", "address", "add", address, "dev", "wire", "nodad"])?;
        }
        Ok(self)
    }
}

/// What takes chosen packets off the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The queue of the device that sends them, unseen by TCP. Needs netem, which not every kernel
    /// has.
    Netem,
    /// A rule where they arrive: a drop on the way out would be reported to the sender's TCP.
    Rule,
}

impl Pair {
    /// Loses the packets from `sender`, one of the two, that match `which`, an expression of nft.
    /// Once for each pair.
    pub fn lose(&self, sender: &Namespace, which: &str, loss: Loss) -> Result<()> {
        match loss {
            Loss::Netem => sender.send_into_the_void(which),
            Loss::Rule if sender.name == self.near.name => self.far.drop_arriving(which),
            Loss::Rule => self.near.drop_arriving(which),
        }
    }
}

impl Namespace {
    pub fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("geophone-test-{}-{number}", std::process::id());
        run("ip", &["netns", "add", &name])?;
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Runs `work` in a thread that lives in this namespace.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let file = File::open(format!("/run/netns/{}", self.name))
            .with_context(|| format!("network namespace {}", self.name))?;
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
                work()
            });
            thread
                .join()
                .map_err(|_| anyhow!("a thread in {} panicked", self.name))?
        })
    }

    /// Drops `percent` of the arriving TCP packets, at random. They are dropped on the
    /// way in: a drop on the way out would be reported to the sender's TCP.
    pub fn lose(&self, percent: u32) -> Result<()> {
        self.drop_arriving(&format!(
            "meta l4proto tcp numgen random mod 100 < {percent}"
        ))
    }

    /// Drops `percent` of the arriving TCP packets that carry data, at random: handshakes and bare
    /// acknowledgements arrive.
    pub fn lose_data(&self, percent: u32) -> Result<()> {
        self.drop_arriving(&format!(
            "meta l4proto tcp meta length > 200 numgen random mod 100 < {percent}"
        ))
    }

    /// Drops every other SYN-ACK that arrives, from the first on.
    pub fn lose_syn_acks(&self) -> Result<()> {
        self.drop_arriving("tcp flags & (syn|ack) == (syn|ack) numgen inc mod 2 == 0")
    }

    fn drop_arriving(&self, which: &str) -> Result<()> {
        self.rules(&format!(
            "table inet loss {{ chain arriving {{ type filter hook input priority 0; \
             {which} drop; }}; }}"
        ))
    }

    fn rules(&self, rules: &str) -> Result<()> {
        run("ip", &["netns", "exec", &self.name, "nft", rules])
    }

    /// Has netem lose the departing packets that match. It chooses at random alone, so that nft
    /// chooses, and sends them to the band of the device's queue where netem loses all.
    fn send_into_the_void(&self, which: &str) -> Result<()> {
        for queue in [
            "root handle 1: prio",
            "parent 1:3 handle 30: netem loss 100%",
        ] {
            let command = format!("-n {} qdisc add dev wire {queue}", self.name);
            run("tc", &command.split(' ').collect::<Vec<_>>())?;
        }
        self.rules(&format!(
            "table inet loss {{ chain departing {{ type filter hook output priority 0; \
             {which} meta priority set 1:3 ; }}; }}"
        ))
    }

    fn delay(&self, time: Duration) -> Result<()> {
        let netem = ["qdisc", "add", "dev", "wire", "root", "netem", "delay"];
        let time = format!("{}ms", time.as_millis());
        run(
            "tc",
            &[&["-n", self.name.as_str()], netem.as_slice(), &[&time]].concat(),
        )
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        run("ip", &[&["-n", self.name.as_str()], arguments].concat())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = run("ip", &["netns", "delete", &self.name]) {
            eprintln!("left behind: {error:#}");
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    output(program, arguments).map(drop)
}
