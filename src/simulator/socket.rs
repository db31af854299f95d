//! TCP connections that a handler can reset, and that all end when the simulator stops.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What a handler holds of its connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Conn(Arc<AtomicBool>);

impl Conn {
    /// The next write resets the connection instead.
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, Listener>> for Conn {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.io().conn.clone()
    }
}

/// The listening socket.
pub(super) struct Listener {
    pub listener: TcpListener,
    pub stop: CancellationToken,
}

impl axum::serve::Listener for Listener {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Small answers must not wait for an acknowledgement.
                    let _ = stream.set_nodelay(true);
                    let stop = Box::pin(self.stop.clone().cancelled_owned());
                    return (Socket { stream, conn: Conn::default(), stop, stopped: false }, address);
                }
                // Out of file descriptors, mostly: give the others a moment to close.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(super) struct Socket {
    stream: TcpStream,
    conn: Conn,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    stopped: bool,
}

impl Socket {
    /// An error if this connection must end now.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.conn.0.load(Ordering::SeqCst) {
            // Without lingering the close is a reset, so the client sees an error and no tidy end.
            let _ = self.stream.set_zero_linger();
            return Err(ErrorKind::ConnectionReset.into());
        }
        self.stopped = self.stopped || self.stop.as_mut().poll(context).is_ready();
        if self.stopped { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
