//! A client backend for trying Keyway out: what a team that uses Keyway writes itself, and all of it.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite},
    http::{StatusCode, header},
    web,
};
use askama::Template;
use keyway_domain::{Random, random::OsRandom};
use keyway_web::{
    assets,
    page::{self, Policy},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::dev::seed::SampleApp;

const COOKIE: &str = "sample-client-state";

/// The client backend.
pub(crate) struct App {
    registration: SampleApp,
    gateway_url: String,
    own_url: String,
    http: reqwest::Client,
}

impl App {
    #[expect(
        clippy::disallowed_methods,
        reason = "this plays a program of somebody else's"
    )]
    pub(crate) fn new(
        registration: &SampleApp,
        gateway_url: &str,
        own_url: &str,
    ) -> anyhow::Result<Arc<Self>> {
        // reqwest takes the process's provider; a second install changes nothing.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Ok(Arc::new(Self {
            registration: registration.clone(),
            gateway_url: gateway_url.to_owned(),
            own_url: own_url.to_owned(),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(15))
                .build()?,
        }))
    }
}

pub(crate) fn routes(app: Arc<App>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(web::Data::from(Arc::clone(&app)))
            .configure(assets::routes)
            .route("/", web::get().to(home))
            .route("/connect", web::post().to(connect))
            .route("/callback/{provider}", web::get().to(callback));
    }
}

#[derive(Template)]
#[template(path = "sample/home.html")]
struct HomePage;

#[derive(Template)]
#[template(path = "sample/connected.html")]
struct ConnectedPage<'a> {
    provider: &'a str,
    account: &'a str,
    credential: &'a str,
}

#[derive(Template)]
#[template(path = "sample/message.html")]
struct MessagePage<'a> {
    title: &'a str,
    message: &'a str,
}

async fn home() -> HttpResponse {
    show(StatusCode::OK, &HomePage)
}

/// Sends the browser to Keyway, with a state that only this browser knows.
async fn connect(app: web::Data<App>) -> HttpResponse {
    let random: &dyn Random = &OsRandom;
    let state = random.token();
    let redirect_uri = format!("{}/callback/sample", app.own_url);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", &app.registration.oauth_app_id.to_string());
    query.append_pair("redirect_uri", &redirect_uri);
    query.append_pair("state", state.expose());
    let start = format!("{}/link/oauth2/start?{}", app.gateway_url, query.finish());
    let cookie = Cookie::build(COOKIE, state.expose().clone())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    let mut response = page::see_other(&start);
    let _ = response.add_cookie(&cookie);
    response
}

#[derive(Deserialize)]
struct Callback {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Takes the code that Keyway sent, and exchanges it for the credential.
async fn callback(
    app: web::Data<App>,
    request: HttpRequest,
    provider: web::Path<String>,
    answer: web::Query<Callback>,
) -> HttpResponse {
    let expected = request
        .cookie(COOKIE)
        .map(|cookie| cookie.value().to_owned());
    if expected.is_none() || expected != answer.state {
        return message(
            StatusCode::BAD_REQUEST,
            "Not connected",
            "This answer belongs to another browser. Start again.",
        );
    }
    if let Some(error) = &answer.error {
        let why = answer.error_description.as_deref().unwrap_or(error);
        return message(StatusCode::OK, "Not connected", &format!("{error}: {why}"));
    }
    let Some(code) = &answer.code else {
        return message(
            StatusCode::BAD_REQUEST,
            "Not connected",
            "There is no code in the answer.",
        );
    };
    match exchange(&app, code).await {
        Ok(body) => connected(&provider, &body),
        Err(why) => message(StatusCode::BAD_GATEWAY, "Not connected", &why),
    }
}

async fn exchange(app: &App, code: &str) -> Result<Value, String> {
    let response = app
        .http
        .post(format!("{}/link/oauth2/token", app.gateway_url))
        .json(&json!({
            "code": code,
            "client_id": app.registration.oauth_app_id,
            "client_secret": app.registration.client_secret,
        }))
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status();
    let body: Value = response.json().await.map_err(|error| error.to_string())?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(format!(
            "Keyway answered {status}: {}",
            text_at(&body, "/error_description").unwrap_or_default()
        ))
    }
}

fn connected(provider: &str, body: &Value) -> HttpResponse {
    let credential = masked(body.get("credential").cloned().unwrap_or_default());
    let text = serde_json::to_string_pretty(&credential).unwrap_or_default();
    let account = text_at(body, "/credential/properties/workspace_name").unwrap_or(provider);
    show(
        StatusCode::OK,
        &ConnectedPage {
            provider,
            account,
            credential: &text,
        },
    )
}

fn text_at<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer)?.as_str()
}

/// Tokens by their first characters: enough to see that they are there.
fn masked(mut credential: Value) -> Value {
    if let Some(properties) = credential
        .get_mut("properties")
        .and_then(Value::as_object_mut)
    {
        for (name, value) in properties {
            if name.ends_with("_token")
                && let Some(token) = value.as_str()
            {
                let shown: String = token.chars().take(6).collect();
                *value = Value::String(format!("{shown}…"));
            }
        }
    }
    credential
}

fn message(status: StatusCode, title: &str, message: &str) -> HttpResponse {
    show(status, &MessagePage { title, message })
}

fn show(status: StatusCode, template: &impl Template) -> HttpResponse {
    let mut response = page::render(status, template, Policy::Leave)
        .unwrap_or_else(|_| HttpResponse::InternalServerError().finish());
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    response
}
