//! Two accounts with a row of everything, and every route there is.

use keyway_domain::{
    authorization_session::Step,
    ids::{
        AccountId, ApiTokenId, AuthorizationSessionId, ClientSecretId, CredentialId, OauthAppId,
        RedirectUriId, WebhookDeliveryId, WebhookEndpointId,
    },
};

use crate::{browser::Browser, flows::Progress, support::Console};

/// Pages of somebody who is signed in.
pub const PAGES: [&str; 33] = [
    "/",
    "/oauth-apps",
    "/oauth-apps/new",
    "/oauth-apps/new/{provider}",
    "/oauth-apps/{app}",
    "/oauth-apps/{app}/edit",
    "/oauth-apps/{app}/client",
    "/oauth-apps/{app}/secret",
    "/oauth-apps/{app}/delete",
    "/providers",
    "/providers/new",
    "/providers/new/text",
    "/providers/{own}",
    "/providers/{own}/edit",
    "/providers/{own}/delete",
    "/redirect-uris",
    "/redirect-uris/{uri}/delete",
    "/credentials",
    "/credentials/{credential}",
    "/credentials/{credential}/revoke",
    "/credentials/{credential}/delete",
    "/flow-log",
    "/flow-log/{flow}",
    "/api-tokens",
    "/api-tokens/new",
    "/api-tokens/{token}/revoke",
    "/webhooks",
    "/webhooks/new",
    "/webhooks/{webhook}",
    "/webhooks/{webhook}/edit",
    "/webhooks/{webhook}/rotate",
    "/webhooks/{webhook}/delete",
    "/webhooks/{webhook}/deliveries/{delivery}",
];

/// A form of somebody who is signed in, filled in so that it would be accepted.
pub type FormRoute = (&'static str, &'static [(&'static str, &'static str)]);

/// The forms; those that end something stand last.
pub const FORMS: [FormRoute; 27] = [
    (
        "/oauth-apps/new/{provider}",
        &[
            ("name", "New"),
            ("client_id", "new-id"),
            ("client_secret", "new-secret"),
            ("scopes", ""),
        ],
    ),
    (
        "/oauth-apps/{app}/client",
        &[("method", "client_secret_basic"), ("idle", "90")],
    ),
    ("/oauth-apps/{app}/client/secrets", &[]),
    ("/oauth-apps/{app}/client/secrets/{secret}/delete", &[]),
    (
        "/oauth-apps/{app}/edit",
        &[("name", "Renamed"), ("scopes", "read")],
    ),
    ("/oauth-apps/{app}/secret", &[("client_secret", "another")]),
    ("/oauth-apps/{app}/delete", &[]),
    (
        "/providers/new",
        &[
            ("slug", "by-form"),
            ("name", "By form"),
            ("category", "other"),
            ("documentation", "https://by-form.example/docs"),
            ("authorize_url", "https://by-form.example/authorize"),
            ("token_url", "https://by-form.example/token"),
            ("client_authentication", "basic"),
            ("pkce", "supported"),
            ("refresh", "renewed"),
        ],
    ),
    (
        "/providers/new/text",
        &[("slug", "by-text"), ("text", DEFINITION)],
    ),
    (
        "/providers/{own}/edit",
        &[("text", DEFINITION), ("follows", "1")],
    ),
    ("/providers/{own}/restore", &[("version", "1")]),
    ("/providers/{own}/delete", &[]),
    ("/redirect-uris", &[("uri", "https://new.example/cb")]),
    ("/redirect-uris/{uri}/delete", &[]),
    (
        "/api-tokens/new",
        &[("name", "New"), ("scope", "proxy"), ("life", "30")],
    ),
    ("/api-tokens/{token}/revoke", &[]),
    ("/credentials/{credential}/refresh", &[]),
    ("/credentials/{credential}/revoke", &[]),
    ("/credentials/{credential}/delete", &[]),
    (
        "/webhooks/new",
        &[("url", "https://new.example/hooks"), ("events", "usual")],
    ),
    (
        "/webhooks/{webhook}/edit",
        &[("url", "https://other.example/"), ("events", "usual")],
    ),
    ("/webhooks/{webhook}/rotate", &[("overlap", "86400")]),
    ("/webhooks/{webhook}/deliveries/{delivery}/retry", &[]),
    ("/webhooks/{webhook}/disable", &[]),
    ("/webhooks/{webhook}/enable", &[]),
    ("/webhooks/{webhook}/delete", &[]),
    ("/sign-out", &[]),
];

/// A provider of an account's own.
pub const DEFINITION: &str = r#"name = "Own"
category = "other"
documentation = "https://own.example/docs"
checked = "2026-11-27"
certainty = "single"
authorize = { url = "https://own.example/authorize" }
token = { url = "https://own.example/token" }
"#;

/// Forms that are answered by a page: it shows a secret, once.
pub const SHOWN_ONCE: [&str; 4] = [
    "/oauth-apps/{app}/client/secrets",
    "/api-tokens/new",
    "/webhooks/new",
    "/webhooks/{webhook}/rotate",
];

/// An account with a row of everything.
pub struct Tenant {
    pub account: AccountId,
    pub email: String,
    /// A provider of its own.
    pub own: String,
    pub app: OauthAppId,
    /// An app that nothing hangs on.
    pub idle_app: OauthAppId,
    /// A secret that Keyway made for that.
    pub secret: ClientSecretId,
    pub uri: RedirectUriId,
    pub credential: CredentialId,
    pub flow: AuthorizationSessionId,
    pub token: ApiTokenId,
    pub webhook: WebhookEndpointId,
    /// Of the event of the app's registration.
    pub delivery: WebhookDeliveryId,
}

/// Two accounts on one console.
pub struct World {
    pub console: Console,
    pub ours: Tenant,
    pub theirs: Tenant,
    pub browser: Browser,
}

impl World {
    pub async fn new() -> Self {
        let console = Console::start().await;
        let ours = tenant(&console, "Acme").await;
        let theirs = tenant(&console, "Globex").await;
        let browser = console.signed_in(&ours.email).await;
        Self {
            console,
            ours,
            theirs,
            browser,
        }
    }
}

/// An account whose every name holds its own.
pub async fn tenant(console: &Console, name: &str) -> Tenant {
    let lower = name.to_lowercase();
    let email = format!("admin@{lower}.test");
    let account = console.account(name, &email).await;
    let webhook = console
        .webhook(account, &format!("https://{lower}.example/hooks"))
        .await;
    let app = console
        .oauth_app(account, "linear", &format!("{name} Linear"), &lower)
        .await;
    let idle_app = console
        .oauth_app(account, "salesforce", &format!("{name} Idle"), &lower)
        .await;
    let secret = console.client_secret(account, idle_app).await;
    let uri = console
        .redirect_uri(account, &format!("https://{lower}.example/back/:provider"))
        .await;
    let connected = console
        .flow(account, app, Progress::Connected(&format!("{name} Org")))
        .await;
    let failed = console
        .flow_with(
            account,
            app,
            &[("region", &format!("{lower}-region"))],
            Progress::Failed {
                step: Step::Exchange,
                description: "The provider refused the code.",
                detail: &format!("invalid_grant: {name} code expired"),
            },
        )
        .await;
    let token = console.api_token(account, &format!("{name} token")).await;
    let store = &console.app.store;
    let deliveries = store.list_webhook_deliveries(account, webhook, None, None, 100);
    let deliveries = deliveries.await.expect("deliveries");
    let own = format!("{lower}-own");
    let text = DEFINITION.replace("Own", &format!("{name} Own"));
    console.own_provider(account, &own, &text).await;
    Tenant {
        account,
        email,
        own,
        app,
        idle_app,
        secret,
        uri,
        credential: connected.credential.expect("a credential"),
        flow: failed.flow,
        token: token.0,
        webhook,
        delivery: deliveries.last().expect("the oldest").id,
    }
}

impl Tenant {
    /// A route with this tenant's ids. Forms that end an app get the one that can be ended.
    pub fn path(&self, route: &str) -> String {
        let app = if route.ends_with("/delete") {
            self.idle_app
        } else {
            self.app
        };
        route
            .replace("{provider}", "linear")
            .replace("{own}", &self.own)
            .replace("{app}", &app.to_string())
            .replace("{secret}", &self.secret.to_string())
            .replace("{uri}", &self.uri.to_string())
            .replace("{credential}", &self.credential.to_string())
            .replace("{flow}", &self.flow.to_string())
            .replace("{token}", &self.token.to_string())
            .replace("{webhook}", &self.webhook.to_string())
            .replace("{delivery}", &self.delivery.to_string())
    }
}

/// The placeholders for rows.
pub const ROWS: [&str; 9] = [
    "{secret}",
    "{own}",
    "{app}",
    "{uri}",
    "{credential}",
    "{flow}",
    "{token}",
    "{webhook}",
    "{delivery}",
];

/// A route with a placeholder for a row.
pub fn has_id(route: &str) -> bool {
    ROWS.iter().any(|id| route.contains(id))
}

/// The tables above are complete: a route that is added and not tested fails here.
#[test]
fn every_route_is_listed() {
    let sources = [
        include_str!("../../src/lib.rs"),
        include_str!("../../src/oauth_apps/mod.rs"),
        include_str!("../../src/providers/mod.rs"),
        include_str!("../../src/redirect_uris/mod.rs"),
        include_str!("../../src/credentials/mod.rs"),
        include_str!("../../src/api_tokens/mod.rs"),
        include_str!("../../src/webhooks/mod.rs"),
    ];
    let mut pages = Vec::new();
    let mut forms = Vec::new();
    for source in sources {
        for part in source.split("page(\"").skip(1) {
            let (route, rest) = part.split_once('"').expect("a route");
            let rest = rest.split(".service(").next().expect("its methods");
            let named = match route.split('/').nth(1) {
                Some("oauth-apps") => route.replace("{id}", "{app}"),
                Some("providers") => route.replace("{slug}", "{own}"),
                Some("redirect-uris") => route.replace("{id}", "{uri}"),
                Some("credentials") => route.replace("{id}", "{credential}"),
                Some("api-tokens") => route.replace("{id}", "{token}"),
                Some("flow-log") => route.replace("{id}", "{flow}"),
                Some("webhooks") => route.replace("{id}", "{webhook}"),
                _ => route.to_owned(),
            };
            if rest.contains("visit()") {
                pages.push(named.clone());
            }
            if rest.contains("web::post()") {
                forms.push(named);
            }
        }
    }
    let mut tested: Vec<&str> = PAGES.to_vec();
    // Open to everybody, with tests of their own.
    tested.extend(["/setup/{token}", "/sign-in"]);
    tested.sort_unstable();
    pages.sort();
    assert_eq!(pages, tested);
    let mut tested: Vec<&str> = FORMS.iter().map(|(route, _)| *route).collect();
    tested.extend(["/setup/{token}", "/sign-in"]);
    tested.sort_unstable();
    forms.sort();
    assert_eq!(forms, tested);
}
