//! An HTTP/1.1 client that keeps one connection, so that scrapes open no TCP
//! connections of their own while connections are being counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::exposition::Exposition;

/// Bound on every wait for the daemon; software emulation is slow.
const TIMEOUT: Duration = Duration::from_secs(20);

pub struct Client {
    address: SocketAddr,
    connection: BufReader<TcpStream>,
}

pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            address,
            connection: BufReader::new(stream),
        })
    }

    /// Fetches `path`, whatever its status.
    pub fn get(&mut self, path: &str) -> Result<Response> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/plain;version=0.0.4\r\n\r\n",
            self.address
        );
        self.connection.get_mut().write_all(request.as_bytes())?;
        self.response()
            .with_context(|| format!("GET {path} from {}", self.address))
    }

    /// Scrapes `/metrics`.
    pub fn metrics(&mut self) -> Result<Exposition> {
        let response = self.get("/metrics")?;
        ensure!(
            response.status == 200,
            "/metrics answered {}",
            response.status
        );
        Exposition::parse(std::str::from_utf8(&response.body)?)
    }

    fn response(&mut self) -> Result<Response> {
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
        if let Some(length) = response.header("content-length") {
            response.body = vec![0; length.parse()?];
            self.connection.read_exact(&mut response.body)?;
        } else if response.header("transfer-encoding") == Some("chunked") {
            response.body = self.chunks()?;
        } else {
            bail!("a response without a length");
        }
        Ok(response)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.connection.read_exact(&mut body[start..])?;
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.connection.read_line(&mut line)?;
        ensure!(read > 0, "the daemon closed the connection");
        Ok(line.trim_end().to_owned())
    }
}
