//! The floors: the least that a service in Rust can do for the same answers. The same statements by
//! the same driver and pool, and nothing of what makes them safe to offer: no sealing, no audit, no
//! log, no metrics, no checks that the statements do not make.

mod completion;
mod import;
mod read;
mod refresh;
mod schema;

use std::{net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    error::{ErrorBadRequest, ErrorInternalServerError},
    http::header::LOCATION,
    web,
};
use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    pooled_connection::{AsyncDieselConnectionManager, bb8::Pool},
};
use keyway_domain::{
    Clock as _, Random, clock::SystemClock, ids::AuthorizationSessionId, random::OsRandom,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use self::{
    completion::Completion,
    read::Reader,
    schema::{authorization_codes, authorization_sessions, grants, oauth_apps},
};
use crate::{
    process::{Process, free_address},
    world::{REDIRECT_URI, World},
};

/// What a floor needs to know.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    database: String,
    #[arg(long)]
    upstream: SocketAddr,
    #[arg(long)]
    account: Uuid,
    #[arg(long)]
    app: Uuid,
    #[arg(long)]
    keyring: PathBuf,
}

/// Connections, as many as there are clients at most.
const CONNECTIONS: u32 = 32;

struct Floor {
    pool: Pool<AsyncPgConnection>,
    http: reqwest::Client,
    reader: Reader,
    arguments: Arguments,
}

/// Starts the floors as a process of their own, so that they are measured as the gateway is.
pub(crate) fn start(world: &World, upstream: SocketAddr) -> anyhow::Result<Process> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("floor")
        .args(["--listen", &address.to_string()])
        .args(["--database", &world.own.url])
        .args(["--upstream", &upstream.to_string()])
        .args(["--account", &world.own.account.to_string()])
        .args(["--app", &world.own.app.to_string()])
        .arg("--keyring")
        .arg(world.file("keyring.toml"));
    Process::start(&mut command, address, &world.file("floor.log"))
}

/// Serves the floors until it is killed.
pub(crate) async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let manager = AsyncDieselConnectionManager::new(arguments.database.clone());
    // All opened now, by this runtime rather than by a worker that has other things to do.
    let pool = Pool::builder()
        .max_size(CONNECTIONS)
        .min_idle(CONNECTIONS)
        .test_on_check_out(false)
        .build(manager)
        .await?;
    let listen = arguments.listen;
    let floor = web::Data::new(Floor {
        pool,
        http: client()?,
        reader: Reader::open(&arguments).await?,
        arguments,
    });
    HttpServer::new(move || {
        App::new()
            .app_data(floor.clone())
            .route("/bare", web::get().to(bare))
            .route("/exchange", web::post().to(exchange))
            .route("/start", web::get().to(start_flow))
            .route("/callback", web::get().to(callback))
            .route("/read/{number}", web::get().to(read::row))
            .route("/open/{id}", web::get().to(read::opened))
            .route("/import", web::post().to(import::import))
            .route("/refresh/{at_a_time}", web::post().to(refresh::all_due))
    })
    .keep_alive(Duration::from_secs(75))
    .bind(listen)?
    .run()
    .await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a floor: nothing is guarded")]
fn client() -> anyhow::Result<reqwest::Client> {
    let tls = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::aws_lc_rs::default_provider().into(),
    )
    .with_safe_default_protocol_versions()?
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(tls)
        .build()?)
}

/// No statement at all.
async fn bare() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

#[derive(Deserialize)]
struct ExchangeRequest {
    code: i64,
    client_id: Uuid,
    client_secret: String,
}

/// Checks the secret, redeems the code, reads the grant: three round trips, one commit.
async fn exchange(
    floor: web::Data<Floor>,
    request: web::Json<ExchangeRequest>,
) -> actix_web::Result<HttpResponse> {
    let now = SystemClock.now();
    let mut connection = floor.pool.get().await.map_err(ErrorInternalServerError)?;
    let secret: Vec<u8> = oauth_apps::table
        .find(request.client_id)
        .select(oauth_apps::sealed_client_secret)
        .first(&mut connection)
        .await
        .map_err(ErrorInternalServerError)?;
    if Sha256::digest(request.client_secret.as_bytes()).as_slice() != secret {
        return Err(ErrorBadRequest("client"));
    }
    let digest = Sha256::digest(request.code.to_be_bytes()).to_vec();
    let grant: Option<Uuid> = diesel::update(authorization_codes::table)
        .filter(authorization_codes::code_digest.eq(digest))
        .filter(authorization_codes::oauth_app_id.eq(request.client_id))
        .filter(authorization_codes::redeemed_at.is_null())
        .filter(authorization_codes::expires_at.gt(now))
        .set(authorization_codes::redeemed_at.eq(now))
        .returning(authorization_codes::grant_id)
        .get_result(&mut connection)
        .await
        .map_err(ErrorBadRequest)?;
    let (properties, secrets): (Value, Vec<u8>) = grants::table
        .find(grant.unwrap_or_default())
        .select((grants::properties, grants::sealed_secrets))
        .first(&mut connection)
        .await
        .map_err(ErrorInternalServerError)?;
    let secrets = String::from_utf8(secrets).map_err(ErrorInternalServerError)?;
    let body = json!({"properties": properties, "access_token": secrets});
    Ok(HttpResponse::Ok().json(body))
}

/// Inserts the flow and redirects.
async fn start_flow(floor: web::Data<Floor>) -> actix_web::Result<HttpResponse> {
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let id = AuthorizationSessionId::generate(now, random).uuid();
    let Arguments { account, app, .. } = floor.arguments;
    let mut connection = floor.pool.get().await.map_err(ErrorInternalServerError)?;
    diesel::insert_into(authorization_sessions::table)
        .values((
            authorization_sessions::id.eq(id),
            authorization_sessions::account_id.eq(account),
            authorization_sessions::oauth_app_id.eq(app),
            authorization_sessions::provider.eq("bench"),
            authorization_sessions::redirect_uri.eq(REDIRECT_URI),
            authorization_sessions::state_digest.eq(Sha256::digest(id.as_bytes()).to_vec()),
            authorization_sessions::sealed_secrets.eq(vec![0x5a_u8; 180]),
            authorization_sessions::scope.eq("read"),
            authorization_sessions::scope_source.eq("catalogue"),
            authorization_sessions::variables.eq(json!({})),
            authorization_sessions::created_at.eq(now),
            authorization_sessions::expires_at.eq(now + TimeDelta::minutes(10)),
        ))
        .execute(&mut connection)
        .await
        .map_err(ErrorInternalServerError)?;
    Ok(redirect(format!(
        "http://{}/authorize?state={id}",
        floor.arguments.upstream
    )))
}

#[derive(Deserialize)]
struct Returned {
    state: Uuid,
    code: String,
}

/// Claims the flow, exchanges the code upstream, stores grant and code: two round trips and two
/// commits, and the call between them.
async fn callback(
    floor: web::Data<Floor>,
    returned: web::Query<Returned>,
) -> actix_web::Result<HttpResponse> {
    let now = SystemClock.now();
    let claimed: Option<Uuid> = diesel::update(authorization_sessions::table)
        .filter(authorization_sessions::id.eq(returned.state))
        .filter(authorization_sessions::claimed_at.is_null())
        .filter(authorization_sessions::expires_at.gt(now))
        .set(authorization_sessions::claimed_at.eq(now))
        .returning(authorization_sessions::oauth_app_id)
        .get_result(&mut floor.pool.get().await.map_err(ErrorInternalServerError)?)
        .await
        .map_err(ErrorBadRequest)?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &returned.code),
    ];
    let sent = floor
        .http
        .post(format!("http://{}/token", floor.arguments.upstream))
        .form(&form)
        .send();
    let answer = sent.await.map_err(ErrorInternalServerError)?;
    let tokens: Value = answer.json().await.map_err(ErrorInternalServerError)?;
    let random: &dyn Random = &OsRandom;
    let code = random.token().expose().clone();
    let completion = Completion::new(&floor.arguments, claimed, returned.state, &code, &tokens);
    let _: Uuid = completion
        .get_result(&mut floor.pool.get().await.map_err(ErrorInternalServerError)?)
        .await
        .map_err(ErrorInternalServerError)?;
    Ok(redirect(format!("{REDIRECT_URI}?code={code}")))
}

fn redirect(location: String) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, location))
        .finish()
}
