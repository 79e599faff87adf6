//! TCP connections with known ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::net::sockopt::set_socket_linger;

use crate::network::DISCARD;

/// Bound on one call; a lossy wire needs several retransmission timeouts.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A server that reads what each connection sends and answers with one byte.
pub struct Sink {
    address: SocketAddr,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Sink {
    /// Serves `connections` connections in turn, each to its end; call it in the namespace to
    /// listen in.
    pub fn start(address: IpAddr, connections: usize) -> Result<Self> {
        Self::serving(address, connections, serve)
    }

    /// As [`Self::start`], but answers as soon as it has read `bytes`.
    pub fn of_bytes(address: IpAddr, connections: usize, bytes: usize) -> Result<Self> {
        let serve = move |stream: &TcpStream| serve_bytes(stream, bytes);
        Self::serving(address, connections, serve)
    }

    fn serving(
        address: IpAddr,
        connections: usize,
        serve: impl Fn(&TcpStream) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let thread = thread::spawn(move || {
            for _ in 0..connections {
                serve(&listener.accept()?.0)?;
            }
            Ok(())
        });
        Ok(Self {
            address,
            thread: Some(thread),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until every connection has been served.
    pub fn finish(mut self) -> Result<()> {
        let thread = self.thread.take().context("finished twice")?;
        thread.join().map_err(|_| anyhow!("the server panicked"))?
    }
}

fn serve(mut stream: &TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    stream.write_all(&[1])?;
    Ok(())
}

fn serve_bytes(mut stream: &TcpStream, bytes: usize) -> Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.read_exact(&mut vec![0; bytes])?;
    stream.write_all(&[1])?;
    ensure!(stream.read(&mut [0])? == 0, "more than {bytes} bytes came");
    Ok(())
}

/// Connects, sends one segment of each of these sizes, and closes when all have arrived, as a
/// [`Sink::of_bytes`] says: an end behind a lost segment would tell of the loss.
pub fn send_segments(to: SocketAddr, sizes: &[usize]) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    for size in sizes {
        stream.write_all(&vec![0x5a; *size])?;
    }
    Ok(stream.read_exact(&mut [0])?)
}

/// Connects, sends `bytes`, closes in order and waits for the answer.
pub fn send(to: SocketAddr, bytes: usize) -> Result<()> {
    hold_and_send(to, bytes, Duration::ZERO)
}

/// As [`send`], but keeps the connection open for `hold` before it sends.
pub fn hold_and_send(to: SocketAddr, bytes: usize, hold: Duration) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
    thread::sleep(hold);
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(&vec![0x5a; bytes])?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    ensure!(
        answer.len() == 1,
        "the server answered {} bytes",
        answer.len()
    );
    Ok(())
}

/// Connects and breaks off with a reset.
pub fn reset(to: SocketAddr) -> Result<()> {
    let stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
    set_socket_linger(&stream, Some(Duration::ZERO))?;
    Ok(())
}

/// Tries a port at which nobody listens. It is none that the kernel might choose for the other
/// end, which would then meet itself.
pub fn be_refused(at: IpAddr) -> Result<()> {
    match TcpStream::connect_timeout(&(at, DISCARD).into(), TIMEOUT) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(anyhow!("somebody listens at port {DISCARD}")),
    }
}
