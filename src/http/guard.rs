//! A socket that does not wait for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::Limits;
use super::phase::{Doing, Moment, Phase};

/// Ends waiting reads and writes with an error of kind `TimedOut` when a client is too slow.
#[derive(Debug)]
pub(super) struct Guard<S> {
    stream: S,
    phase: Arc<Phase>,
    limits: Arc<Limits>,
    /// The phase that the read timer was started in, and the timer.
    reading: Option<(Moment, Pin<Box<Sleep>>)>,
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
        let limit = match phase.doing {
            Doing::Serving | Doing::Sending => {
                self.reading = None;
                return Poll::Pending;
            }
            Doing::Idle => self.limits.idle_timeout,
            Doing::Fresh | Doing::Head => self.limits.header_timeout,
        };
        if self
            .reading
            .as_ref()
            .is_none_or(|(started_in, _)| *started_in != phase)
        {
            self.reading = Some((phase, Box::pin(sleep_until(phase.since + limit))));
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
            // hyper reads while it answers, to see clients leave, and then does not ask again
            // until it is woken. So the wait for the next request begins here.
            if self.phase.end_sending() && self.poll_read_timeout(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        self.bound_write(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bound_write(cx, closed)
    }
}
