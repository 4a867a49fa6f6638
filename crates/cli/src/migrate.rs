//! `keyway migrate`.

use keyway_web::Settings;
use serde_json::json;

use crate::output::Output;

pub(crate) async fn run(settings: &Settings, output: Output) -> anyhow::Result<()> {
    let url = settings.database_url()?;
    let migrated = keyway_store::migrate(url.expose()).await?;
    let text = match migrated.applied.len() {
        0 => "The database is at this version already.".to_owned(),
        applied => format!("{applied} migrations applied."),
    };
    output.result(&json!({"applied": migrated.applied}), text)
}
