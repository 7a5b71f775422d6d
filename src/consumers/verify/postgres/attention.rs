//! Hears, in what is sent to a Postgres server, whether it was given a password: one that asks for none proves nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

/// The code of every message that answers a request for a password.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const PASSWORD: u8 = b'p';

/// Whether a password was sent on a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Attention(Arc<AtomicBool>);

impl Attention {
    /// Whether the server asked for a password and was sent one.
    pub(super) fn heard_a_password(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// `tls`, and what is sent through it heard.
    pub(super) fn over<T>(&self, tls: T) -> Attended<T> {
        Attended { tls, attention: self.clone() }
    }
}

/// A maker of TLS connections whose messages are heard.
pub(super) struct Attended<T> {
    tls: T,
    attention: Attention,
}

impl<S, M> MakeTlsConnect<S> for Attended<M>
where
    M: MakeTlsConnect<S>,
    <M::TlsConnect as TlsConnect<S>>::Future: Send + 'static,
    M::Stream: 'static,
    <M::TlsConnect as TlsConnect<S>>::Error: 'static,
{
    type Stream = Heard<M::Stream>;
    type TlsConnect = Attended<M::TlsConnect>;
    type Error = M::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, M::Error> {
        Ok(self.attention.over(self.tls.make_tls_connect(domain)?))
    }
}

impl<S, C> TlsConnect<S> for Attended<C>
where
    C: TlsConnect<S>,
    C::Future: Send + 'static,
    C::Stream: 'static,
    C::Error: 'static,
{
    type Stream = Heard<C::Stream>;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<Self::Stream, C::Error>>;

    fn connect(self, stream: S) -> Self::Future {
        let Self { tls, attention } = self;
        let connecting = tls.connect(stream);
        Box::pin(
            async move { Ok(Heard { inner: connecting.await?, ear: Ear::default(), attention }) },
        )
    }
}

/// A stream whose messages to the server are heard.
pub(super) struct Heard<T> {
    inner: T,
    ear: Ear,
    attention: Attention,
}

/// Counts its way through the first message, which has a length and no code, to the code of the second. What comes
/// before `Sync` or a query is the answer to the server's request for a password, if it asked.
#[derive(Debug, Default)]
struct Ear {
    heard: u64,
    length: u32,
}

impl Ear {
    /// Hears what was sent; whether the second message begins in it, and is a password.
    fn hear(&mut self, sent: &[u8]) -> bool {
        let mut is_password = false;
        for &byte in sent {
            if self.heard < 4 {
                self.length = self.length << 8 | u32::from(byte);
            } else if self.heard == u64::from(self.length) {
                is_password = byte == PASSWORD;
            } else if self.heard > u64::from(self.length) {
                break;
            }
            self.heard += 1;
        }
        is_password
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = polled
            && self.ear.hear(bytes.get(..count).unwrap_or_default())
        {
            self.attention.0.store(true, Ordering::Release);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<T: TlsStream + Unpin> TlsStream for Heard<T> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTUP: &[u8] = b"\0\0\0\x0d\0\x03\0\0user\0";

    fn heard(pieces: &[&[u8]]) -> bool {
        let mut ear = Ear::default();
        pieces.iter().filter(|piece| ear.hear(piece)).count() > 0
    }

    #[test]
    fn a_password_is_the_message_after_the_first_however_it_is_cut() {
        let answer: &[u8] = b"p\0\0\0\x08abc\0";
        assert!(heard(&[STARTUP, answer]));
        assert!(heard(&[&[STARTUP, answer].concat()]));
        let all = [STARTUP, answer].concat();
        assert!(heard(&all.chunks(1).collect::<Vec<_>>()));
        assert!(heard(&[&STARTUP[..2], &STARTUP[2..], &answer[..1], &answer[1..]]));
    }

    #[test]
    fn a_query_is_no_password_though_one_comes_later() {
        assert!(!heard(&[STARTUP, b"Q\0\0\0\x0dSELECT 1\0", b"p\0\0\0\x08abc\0"]));
        assert!(!heard(&[STARTUP]));
        assert!(!heard(&[b"\0\0\0\x0d\0\x03\0\0pppp\0"]), "a user who is called so");
    }
}
