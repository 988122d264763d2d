//! A connection that a probe made: its bytes, plain or inside TLS, and how far its protocol came.
//!
//! Reading is bounded: the buffer never holds more than a protocol's limit. Dropping it closes the
//! socket; [`Connection::close`] says goodbye first.

use crate::probe::Address;
use crate::{http, postgres, redis};
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A socket.
pub(crate) enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The bytes of a connection.
pub(crate) enum Io {
    /// Nothing was dialled (files), or the connection is being replaced.
    None,
    Plain(Raw),
    Tls(Box<tokio_rustls::client::TlsStream<Raw>>),
}

/// How far a protocol came on this connection.
pub(crate) enum Session {
    Fresh,
    Postgres(postgres::Session),
    Redis(redis::Session),
    Http(http::Session),
}

/// A connection and its state.
pub struct Connection {
    pub(crate) io: Io,
    pub(crate) buffer: BytesMut,
    pub(crate) peer: Option<Address>,
    pub(crate) session: Session,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).field("tls", &self.is_tls()).finish_non_exhaustive()
    }
}

impl Connection {
    /// For targets that need no connection (files).
    pub fn unconnected() -> Connection {
        Connection { io: Io::None, buffer: BytesMut::new(), peer: None, session: Session::Fresh }
    }

    pub(crate) fn new(raw: Raw, peer: Address) -> Connection {
        Connection { io: Io::Plain(raw), peer: Some(peer), ..Connection::unconnected() }
    }

    /// Where it leads.
    pub fn peer(&self) -> Option<&Address> {
        self.peer.as_ref()
    }

    /// True once TLS was agreed on.
    pub fn is_tls(&self) -> bool {
        matches!(self.io, Io::Tls(_))
    }

    /// Ends the connection as its protocol wants it (Terminate, close_notify). The caller limits
    /// it; a connection that is dropped instead is simply closed.
    pub async fn close(mut self) {
        let _ = match &self.session {
            Session::Postgres(session) if session.is_open() => self.io.write_all(postgres::TERMINATE).await,
            Session::Http(session) if session.websocket => self.io.write_all(&http::goodbye()).await,
            _ => Ok(()),
        };
        let _ = self.io.shutdown().await;
    }

    /// Reads more into the buffer, which may come to hold `limit` bytes.
    ///
    /// Returns the number of bytes; 0: the other side closed.
    pub(crate) async fn fill(&mut self, limit: usize) -> io::Result<usize> {
        let room = limit.saturating_sub(self.buffer.len());
        if room == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is longer than any that is expected"));
        }
        let mut chunk = [0u8; 4096];
        let size = room.min(chunk.len());
        let got = self.io.read(&mut chunk[..size]).await?;
        self.buffer.extend_from_slice(&chunk[..got]);
        Ok(got)
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.buffer.advance(count.min(self.buffer.len()));
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }
}

impl AsyncRead for Raw {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Raw::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Raw::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Raw {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Raw::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Raw::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Raw::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Raw::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Raw::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Raw::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

fn unconnected() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "nothing was dialled")
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::None => Poll::Ready(Err(unconnected())),
            Io::Plain(raw) => Pin::new(raw).poll_read(cx, buf),
            Io::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::None => Poll::Ready(Err(unconnected())),
            Io::Plain(raw) => Pin::new(raw).poll_write(cx, bytes),
            Io::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::None => Poll::Ready(Ok(())),
            Io::Plain(raw) => Pin::new(raw).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::None => Poll::Ready(Ok(())),
            Io::Plain(raw) => Pin::new(raw).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
