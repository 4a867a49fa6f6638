//! `keyway health`.

use std::time::Duration;

use clap::Args;
use url::Url;

#[derive(Args)]
pub(crate) struct Health {
    /// Such as <http://127.0.0.1:8080/health/ready>.
    url: Url,
}

/// Succeeds if the answer's status is 200.
#[expect(
    clippy::disallowed_methods,
    reason = "asks the operator's own services, which the guarded client refuses"
)]
pub(crate) async fn run(command: &Health) -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(4))
        .no_proxy()
        .build()?;
    let answer = client.get(command.url.clone()).send().await?;
    let status = answer.status();
    if status != 200 {
        anyhow::bail!("{status}: {}", answer.text().await.unwrap_or_default());
    }
    Ok(())
}
