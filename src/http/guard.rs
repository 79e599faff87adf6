//! A socket that does not wait for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::Limits;

/// What a connection is doing, shared between its socket and its service. hyper's own header
/// timeout runs from the end of the last response, and so would end idle connections too.
#[derive(Debug, Default)]
pub(super) struct Phase(
    /// Twice-shifted number of the change, with the phase in the low bits: two idle times are
    /// two different values.
    AtomicU64,
);

const PHASE_BITS: u64 = 0b11;
/// Nothing has arrived yet.
const FRESH: u64 = 0;
/// A request has begun to arrive.
const HEAD: u64 = 1;
const SERVING: u64 = 2;
/// A response is made, the next request has not begun.
const IDLE: u64 = 3;

impl Phase {
    pub(super) fn is_fresh(&self) -> bool {
        self.get() & PHASE_BITS == FRESH
    }

    pub(super) fn begin_serving(&self) {
        self.change(SERVING);
    }

    pub(super) fn end_serving(&self) {
        self.change(IDLE);
    }

    fn begin_head(&self) {
        if matches!(self.get() & PHASE_BITS, FRESH | IDLE) {
            self.change(HEAD);
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn change(&self, phase: u64) {
        let number = (self.get() | PHASE_BITS).wrapping_add(1);
        self.0.store(number | phase, Relaxed);
    }
}

/// Ends waiting reads and writes with an error of kind `TimedOut` when a client is too slow.
#[derive(Debug)]
pub(super) struct Guard<S> {
    stream: S,
    phase: Arc<Phase>,
    limits: Arc<Limits>,
    /// The phase that the read timer was started in, and the timer.
    reading: Option<(u64, Pin<Box<Sleep>>)>,
    /// Since when a response has been waiting for its client.
    writing_since: Option<Instant>,
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, phase: Arc<Phase>, limits: Arc<Limits>) -> Self {
        Self {
            stream,
            phase,
            limits,
            reading: None,
            writing_since: None,
            stall: None,
        }
    }

    fn poll_read_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.phase.get();
        let limit = match phase & PHASE_BITS {
            SERVING => {
                self.reading = None;
                return Poll::Pending;
            }
            IDLE => self.limits.idle_timeout,
            _ => self.limits.header_timeout,
        };
        if self
            .reading
            .as_ref()
            .is_none_or(|(started_in, _)| *started_in != phase)
        {
            self.reading = Some((phase, timer(limit)));
        }
        self.reading
            .as_mut()
            .map_or(Poll::Pending, |(_, timer)| timer.as_mut().poll(cx))
    }

    /// Passes on what a write gave, or an error if the client has kept it waiting too long.
    fn bound_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let now = Instant::now();
        let since = *self.writing_since.get_or_insert(now);
        let (stall, whole) = (self.limits.stall_timeout, self.limits.write_timeout);
        let timer = self
            .stall
            .get_or_insert_with(|| Box::pin(sleep_until((now + stall).min(since + whole))));
        timer
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn timer(limit: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(limit))
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            if buf.filled().len() > before {
                self.phase.begin_head();
            }
            return Poll::Ready(read);
        }
        self.poll_read_timeout(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.bound_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.bound_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.writing_since = None;
        }
        self.bound_write(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bound_write(cx, closed)
    }
}
