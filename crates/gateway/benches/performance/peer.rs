//! The peer: oidc-provider, the certified authorization server for Node.js, with everything in
//! memory. Measured where Node.js and the browser tests' packages are there.

use std::{net::SocketAddr, path::Path, process::Command};

use crate::{
    process::{Cpu, Process, free_address},
    wire::{self, Connection},
    world::World,
};

/// A running oidc-provider.
pub(crate) struct Peer(Process);

impl Peer {
    /// Starts it; `None` where it is not installed.
    pub(crate) async fn start(world: &World) -> anyhow::Result<Option<Self>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        if !root.join("../../e2e/node_modules/oidc-provider").exists() {
            return Ok(None);
        }
        let address = free_address()?;
        let mut command = Command::new("node");
        command
            .arg(root.join("benches/performance/oidc_provider.mjs"))
            .arg(address.port().to_string())
            .env("NODE_ENV", "production");
        let Ok(mut process) = Process::start(&mut command, address, &world.file("peer.log")) else {
            return Ok(None);
        };
        process.ready("/.well-known/openid-configuration").await?;
        Ok(Some(Self(process)))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(crate) fn cpu(&self) -> Cpu {
        self.0.cpu()
    }

    /// Makes codes to exchange.
    pub(crate) async fn codes(&self, number: usize) -> anyhow::Result<Vec<String>> {
        let mut connection = Connection::open(self.0.address).await?;
        let request = wire::get(&format!("/bench/codes/{number}"), "");
        let answer = connection.send(&request).await?;
        answer.expect(200)?;
        let text = std::str::from_utf8(answer.body)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}
