//! A provider for trying Keyway out: authorization code flow with PKCE, rotating refresh tokens,
//! revocation, and one endpoint that tells whose tokens they are. It keeps everything in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use askama::Template;
use keyway_domain::{
    Random, SecretString,
    pkce::{CodeChallenge, CodeVerifier},
    random::OsRandom,
};
use keyway_web::{
    assets,
    page::{self, Policy},
};
use serde::Deserialize;
use serde_json::json;

/// The one client that the provider knows.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
    pub(crate) redirect_uri: String,
}

/// The provider.
pub(crate) struct App {
    client: Client,
    random: OsRandom,
    issued: Mutex<Issued>,
}

/// What it has handed out.
#[derive(Default)]
struct Issued {
    codes: HashMap<String, Grant>,
    access: HashMap<String, Grant>,
    refresh: HashMap<String, Grant>,
}

#[derive(Clone)]
struct Grant {
    workspace: &'static Workspace,
    scope: String,
    challenge: Option<CodeChallenge>,
}

struct Workspace {
    id: &'static str,
    name: &'static str,
}

const WORKSPACES: [Workspace; 2] = [
    Workspace {
        id: "ws_1",
        name: "Blue Bicycle Shop",
    },
    Workspace {
        id: "ws_2",
        name: "Green Garden Centre",
    },
];

impl App {
    pub(crate) fn new(client: Client, random: OsRandom) -> Arc<Self> {
        Arc::new(Self {
            client,
            random,
            issued: Mutex::default(),
        })
    }

    fn token(&self) -> String {
        let random: &dyn Random = &self.random;
        random.token().expose().clone()
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn routes(app: Arc<App>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(web::Data::from(Arc::clone(&app)))
            .configure(assets::routes)
            .route("/", web::get().to(home))
            .route("/oauth/authorize", web::get().to(consent))
            .route("/oauth/authorize", web::post().to(decide))
            .route("/oauth/token", web::post().to(token))
            .route("/oauth/revoke", web::post().to(revoke))
            .route("/me", web::get().to(me));
    }
}

#[derive(Clone, Deserialize)]
struct Authorization {
    client_id: String,
    redirect_uri: String,
    response_type: String,
    state: String,
    #[serde(default)]
    scope: String,
    code_challenge: String,
    code_challenge_method: String,
}

impl Authorization {
    fn problem(&self, client: &Client) -> Option<&'static str> {
        if self.client_id != client.id {
            Some("unknown client_id")
        } else if self.redirect_uri != client.redirect_uri {
            Some("redirect_uri is not registered")
        } else if self.response_type != "code" {
            Some("response_type must be code")
        } else if self.code_challenge_method != "S256"
            || CodeChallenge::parse(&self.code_challenge).is_none()
        {
            Some("an S256 code_challenge is required")
        } else {
            None
        }
    }
}

#[derive(Template)]
#[template(path = "sample/consent.html")]
struct ConsentPage<'a> {
    request: &'a Authorization,
    workspaces: &'a [Workspace],
}

#[derive(Template)]
#[template(path = "sample/message.html")]
struct MessagePage<'a> {
    title: &'a str,
    message: &'a str,
}

async fn home() -> HttpResponse {
    message(
        StatusCode::OK,
        "Sample provider",
        "An OAuth provider for trying Keyway out. Start at the sample client.",
    )
}

async fn consent(app: web::Data<App>, request: web::Query<Authorization>) -> HttpResponse {
    if let Some(problem) = request.problem(&app.client) {
        return message(StatusCode::BAD_REQUEST, "Bad request", problem);
    }
    show(
        StatusCode::OK,
        &ConsentPage {
            request: &request,
            workspaces: &WORKSPACES,
        },
    )
}

#[derive(Deserialize)]
struct Decision {
    #[serde(rename = "decision")]
    answer: String,
    #[serde(default)]
    workspace: String,
    #[serde(flatten)]
    request: Authorization,
}

async fn decide(
    app: web::Data<App>,
    http: HttpRequest,
    decision: web::Form<Decision>,
) -> HttpResponse {
    let Decision {
        answer,
        workspace,
        request,
    } = decision.into_inner();
    if let Some(problem) = request.problem(&app.client) {
        return message(StatusCode::BAD_REQUEST, "Bad request", problem);
    }
    let issuer = format!("http://{}", http.connection_info().host());
    let mut parameters = vec![("state", request.state.clone()), ("iss", issuer)];
    let workspace = WORKSPACES.iter().find(|known| known.id == workspace);
    if let ("allow", Some(workspace)) = (answer.as_str(), workspace) {
        let code = app.token();
        let grant = Grant {
            workspace,
            scope: request.scope,
            challenge: CodeChallenge::parse(&request.code_challenge),
        };
        app.issued().codes.insert(code.clone(), grant);
        parameters.push(("code", code));
    } else {
        parameters.push(("error", "access_denied".into()));
        parameters.push(("error_description", "The end user declined.".into()));
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    page::see_other(&format!("{}?{}", request.redirect_uri, query.finish()))
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    code_verifier: String,
    #[serde(default)]
    refresh_token: String,
}

async fn token(
    app: web::Data<App>,
    http: HttpRequest,
    form: web::Form<TokenRequest>,
) -> HttpResponse {
    if !is_client(&app.client, &http) {
        return refused(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed.",
        );
    }
    let grant = match form.grant_type.as_str() {
        "authorization_code" => {
            let grant = app.issued().codes.remove(&form.code);
            grant.filter(|grant| {
                let verifier = CodeVerifier::parse(&form.code_verifier);
                form.redirect_uri == app.client.redirect_uri
                    && verifier.map(|verifier| verifier.challenge()) == grant.challenge
            })
        }
        "refresh_token" => app.issued().refresh.remove(&form.refresh_token),
        _ => {
            return refused(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "Use authorization_code or refresh_token.",
            );
        }
    };
    let Some(grant) = grant else {
        return refused(
            StatusCode::BAD_REQUEST,
            "invalid_grant",
            "The code or token is unknown, or used already.",
        );
    };
    let (access, refresh) = (app.token(), app.token());
    let scope = grant.scope.clone();
    let mut issued = app.issued();
    issued.access.insert(access.clone(), grant.clone());
    issued.refresh.insert(refresh.clone(), grant);
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": refresh,
            "scope": scope,
        }))
}

#[derive(Deserialize)]
struct RevokeRequest {
    token: String,
}

async fn revoke(
    app: web::Data<App>,
    http: HttpRequest,
    form: web::Form<RevokeRequest>,
) -> HttpResponse {
    if !is_client(&app.client, &http) {
        return refused(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed.",
        );
    }
    let mut issued = app.issued();
    issued.refresh.remove(&form.token);
    issued.access.remove(&form.token);
    HttpResponse::Ok().finish()
}

async fn me(app: web::Data<App>, http: HttpRequest) -> HttpResponse {
    let token = authorization(&http, "Bearer ");
    match token.and_then(|token| app.issued().access.get(&token).cloned()) {
        Some(grant) => HttpResponse::Ok().json(json!({
            "workspace": {"id": grant.workspace.id, "name": grant.workspace.name},
        })),
        None => refused(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "The access token is unknown.",
        ),
    }
}

fn is_client(client: &Client, http: &HttpRequest) -> bool {
    use base64ct::{Base64, Encoding as _};
    let pair = authorization(http, "Basic ").and_then(|text| Base64::decode_vec(&text).ok());
    let expected = format!("{}:{}", client.id, client.secret.expose());
    pair.is_some_and(|pair| pair == expected.as_bytes())
}

fn authorization(http: &HttpRequest, scheme: &str) -> Option<String> {
    let value = http.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix(scheme).map(str::to_owned)
}

fn refused(status: StatusCode, error: &str, description: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"error": error, "error_description": description}))
}

fn message(status: StatusCode, title: &str, message: &str) -> HttpResponse {
    show(status, &MessagePage { title, message })
}

fn show(status: StatusCode, template: &impl Template) -> HttpResponse {
    page::render(status, template, Policy::Leave)
        .unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
}
