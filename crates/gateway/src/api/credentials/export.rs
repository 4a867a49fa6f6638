//! `GET /v1/credentials/export`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes},
};
use futures_util::{
    Stream, StreamExt as _,
    stream::{self, try_unfold},
};
use keyway_domain::{
    api_token::ApiScope,
    audit::Actor,
    ids::{AccountId, CredentialId},
};
use serde_json::Value;

use crate::{
    App,
    api::{bearer, error::ApiError, page::Query},
    error::Fault,
    transfer::export,
};

/// Export all credentials.
///
/// A line of JSON each, secrets in clear, oldest first. `keyway credentials import` takes the lines as they are, here or in another Keyway. The export is in the audit log.
#[utoipa::path(
    get, path = "/v1/credentials/export", operation_id = "exportCredentials", tag = "Credentials",
    security(("api_token" = ["credentials:token"])),
    responses((status = 200, description = "Lines of JSON.", body = String, content_type = "application/x-ndjson"))
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::CREDENTIALS_TOKEN, now).await?;
    Query::of(&request, &[])?;
    export::audit(&app.store, token.account_id, Actor::ApiToken(token.id), now).await?;
    // With the first page in hand, a failure can still be told by its status.
    let first = export::page(&app.store, &app.ring, token.account_id, None).await?;
    let (first, after) = first.unzip();
    let rest = pages(app, token.account_id, after);
    let first = stream::iter(first.map(|lines| Ok(text(&lines))));
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/x-ndjson"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(first.chain(rest)))
}

/// The pages after the first, each read when the client has taken the one before: no connection to
/// the database is held in between.
fn pages(
    app: web::Data<App>,
    account: AccountId,
    after: Option<CredentialId>,
) -> impl Stream<Item = Result<Bytes, Fault>> {
    try_unfold((app, after), move |(app, after)| async move {
        let Some(after) = after else {
            return Ok(None);
        };
        let page = export::page(&app.store, &app.ring, account, Some(after)).await;
        // The answer is under way: all that is left is to break it off.
        let page = page.inspect_err(|fault| tracing::error!(%fault, "an export broke off"))?;
        Ok(page.map(|(lines, after)| (text(&lines), (app, Some(after)))))
    })
}

fn text(lines: &[Value]) -> Bytes {
    let lines = lines.iter().map(|line| format!("{line}\n"));
    Bytes::from(lines.collect::<String>())
}
