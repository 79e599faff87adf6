//! An HTTP/1.1 client that sends exactly what it is given, and keeps its connection, so that
//! scrapes open no TCP connections of their own while connections are being counted.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::exposition::Exposition;

/// Bound on every wait for the server; software emulation is slow.
const TIMEOUT: Duration = Duration::from_secs(20);

pub struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    ///
    /// # Panics
    ///
    /// When it comes twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(header, _)| header == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} comes twice");
        value
    }

    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Scrapes `/metrics`.
    pub fn metrics(&mut self) -> Result<Exposition> {
        let response = self.get("/metrics", "")?;
        ensure!(
            response.status == 200,
            "/metrics answered {}",
            response.status
        );
        Exposition::parse(&response.text())
    }

    /// Fetches `target`, whatever its status. `headers` are whole lines, each with its end.
    pub fn get(&mut self, target: &str, headers: &str) -> Result<Response> {
        self.request("GET", target, headers)
    }

    pub fn request(&mut self, method: &str, target: &str, headers: &str) -> Result<Response> {
        let host = self.0.get_ref().peer_addr()?;
        self.send(&format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"
        ))?;
        self.response(method == "HEAD")
            .with_context(|| format!("{method} {target} from {host}"))
    }

    pub fn send(&mut self, bytes: &str) -> Result<()> {
        Ok(self.0.get_mut().write_all(bytes.as_bytes())?)
    }

    /// Waits for a response to begin; false if the server closes the connection instead.
    pub fn is_answered(&mut self) -> Result<bool> {
        let begun = self.0.fill_buf().map(<[u8]>::len);
        Ok(closed_by_reset(begun)? > 0)
    }

    /// Reads one response, which has no body if it is one `to_head`.
    pub fn response(&mut self, to_head: bool) -> Result<Response> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no HTTP status in {line:?}"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        if to_head {
            return Ok(response);
        }
        if let Some(length) = response.header("content-length") {
            response.body = vec![0; length.parse()?];
            self.0.read_exact(&mut response.body)?;
        } else if response.header("transfer-encoding") == Some("chunked") {
            response.body = self.chunks()?;
        } else {
            bail!("a response without a length");
        }
        Ok(response)
    }

    /// Reads what is there, up to `most` bytes; 0 once the other side has closed.
    pub fn read_some(&mut self, most: usize) -> Result<usize> {
        let mut buffer = vec![0; most];
        closed_by_reset(self.0.read(&mut buffer))
    }

    /// Waits until the other side has closed, and gives what it still sent.
    pub fn until_closed(&mut self) -> Result<Vec<u8>> {
        let mut rest = Vec::new();
        closed_by_reset(self.0.read_to_end(&mut rest))?;
        Ok(rest)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.0.read_exact(&mut body[start..])?;
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line)?;
        ensure!(read > 0, "the server closed the connection");
        let line = line.strip_suffix("\r\n").context("half a line")?;
        Ok(line.to_owned())
    }
}

/// A server that closes with something unread resets the connection.
fn closed_by_reset(read: std::io::Result<usize>) -> Result<usize> {
    match read {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
        read => Ok(read?),
    }
}
