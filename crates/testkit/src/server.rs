//! Servers on threads of their own, so that no test's runtime stands in their way.

use std::io;

use actix_web::{
    dev::{Server, ServerHandle},
    rt::System,
};
use tokio::sync::oneshot;

/// Starts what this builds, and answers the handle that stops it.
pub(crate) async fn start(
    build: impl FnOnce() -> io::Result<Server> + Send + 'static,
) -> ServerHandle {
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || {
        System::new().block_on(async move {
            let server = build().expect("listeners");
            let _ = send.send(server.handle());
            let _ = server.await;
        });
    });
    receive.await.expect("a server")
}
