//! The server loop of both services.

use std::{net::SocketAddr, time::Duration};

use actix_web::{App, HttpServer, dev::Server, middleware::from_fn, web};
use tokio_util::sync::CancellationToken;

use crate::log::log_request;

/// How long running requests may take to end after the signal to stop.
const DRAIN_SECONDS: u64 = 30;

/// A server that listens already; `run` serves until the token is cancelled.
pub struct Listening {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

/// A port that cannot be had: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct ListenError {
    address: SocketAddr,
    reason: String,
}

impl Listening {
    /// Takes the port. Nothing is served yet, so that a port in use is noticed before anything is
    /// started.
    ///
    /// # Errors
    /// [`ListenError`] says whether the port is in use.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        });
        bound.map_err(|error| ListenError {
            address,
            reason: match error.kind() {
                std::io::ErrorKind::AddrInUse => "another program uses that port".into(),
                _ => error.to_string(),
            },
        })
    }

    /// The address, with the port that the system chose if it was 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves these routes until `stop` is cancelled, then lets running requests end.
    ///
    /// # Errors
    /// What the system reports.
    pub fn run(
        self,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
        stop: CancellationToken,
    ) -> std::io::Result<Server> {
        let server = HttpServer::new(move || {
            App::new()
                .wrap(from_fn(log_request))
                .configure(routes.clone())
        })
        .shutdown_signal(stop.cancelled_owned())
        .shutdown_timeout(DRAIN_SECONDS)
        // Slow clients: the head of a request must come within 5 seconds.
        .client_request_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(75))
        .listen(self.listener)?
        .run();
        Ok(server)
    }
}

/// Cancels the token at SIGTERM or Ctrl-C.
///
/// # Errors
/// What the system reports when signals cannot be had.
pub fn stop_on_signal(stop: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: running requests may end");
        stop.cancel();
    });
    Ok(())
}
