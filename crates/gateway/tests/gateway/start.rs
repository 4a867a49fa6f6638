//! `GET /link/oauth2/start`: every refusal by its wire answer and its logged detail.

mod debug;

use keyway_domain::authorization_session::MAX_STATE;
use url::Url;

use crate::support::{Gateway, REDIRECT_URI, TestApp, query};

async fn setup() -> (Gateway, TestApp) {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    (gateway, app)
}

fn expanded() -> String {
    REDIRECT_URI.replace(":provider", "linear")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_the_provider() {
    let (gateway, app) = setup().await;
    let begun = gateway.begin(&app, &[("state", "client-state")]).await;
    let url: Url = begun.authorize_url.parse().expect("a URL");
    assert!(
        url.as_str()
            .starts_with("https://linear.app/oauth/authorize?")
    );
    let query = query(&url);
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], app.client_id);
    assert_eq!(
        query["redirect_uri"],
        format!("{}/link/oauth2/callback/linear", gateway.base)
    );
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["code_challenge"].len(), 43);
    assert_eq!(query["state"].len(), 64);
    assert!(
        !url.as_str().contains("client-state"),
        "the client's state stays with us"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_binds_one_flow_to_this_browser() {
    let (gateway, app) = setup().await;
    let answer = gateway.get(&gateway.start_url(&app, &[])).await;
    let cookie = answer.header("set-cookie").expect("a cookie");
    // Plain http on loopback: neither prefix nor Secure.
    assert!(cookie.starts_with("keyway-flow-"), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1200"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let other = gateway.get(&gateway.start_url(&app, &[])).await;
    assert_ne!(answer.cookie(), other.cookie(), "two tabs, two cookies");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_client_id_is_a_page() {
    let (gateway, _) = setup().await;
    let answer = gateway
        .get(&gateway.url("/link/oauth2/start", &[("redirect_uri", &expanded())]))
        .await;
    answer.assert_page(400, "client_id missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_client_id_is_a_page() {
    let (gateway, app) = setup().await;
    let bare = app.id.to_string().replace('-', "");
    let braced = format!("{{{}}}", app.id);
    let urn = format!("urn:uuid:{}", app.id);
    for bad in ["x", "1", "' OR 1=1 --", &bare, &braced, &urn] {
        let url = gateway.url(
            "/link/oauth2/start",
            &[("client_id", bad), ("redirect_uri", &expanded())],
        );
        gateway
            .get(&url)
            .await
            .assert_page(400, "client_id is not a UUID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_client_id_is_a_page() {
    let (gateway, _) = setup().await;
    let id = "01890000-0000-7000-8000-000000000000";
    let url = gateway.url(
        "/link/oauth2/start",
        &[("client_id", id), ("redirect_uri", &expanded())],
    );
    gateway
        .get(&url)
        .await
        .assert_page(400, "client_id unknown");
    // The provider's own client id is a likely mistake.
    let app = gateway.register("linear").await;
    let url = gateway.url(
        "/link/oauth2/start",
        &[("client_id", &app.client_id), ("redirect_uri", &expanded())],
    );
    gateway
        .get(&url)
        .await
        .assert_page(400, "client_id is not a UUID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_client_id_or_redirect_uri_is_a_page() {
    let (gateway, app) = setup().await;
    let id = app.id.to_string();
    let twice_id = format!("{}&client_id={id}", gateway.start_url(&app, &[]));
    gateway
        .get(&twice_id)
        .await
        .assert_page(400, "client_id repeated");
    let twice_uri = gateway.start_url(&app, &[("redirect_uri", "https://evil.example/")]);
    gateway
        .get(&twice_uri)
        .await
        .assert_page(400, "redirect_uri repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_redirect_uri_is_a_page() {
    let (gateway, app) = setup().await;
    let id = app.id.to_string();
    for url in [
        gateway.url("/link/oauth2/start", &[("client_id", &id)]),
        gateway.url(
            "/link/oauth2/start",
            &[("client_id", &id), ("redirect_uri", "")],
        ),
    ] {
        gateway
            .get(&url)
            .await
            .assert_page(400, "redirect_uri missing");
    }
}

/// Spellings that somebody hopes are taken for `https://client.example/oauth2/callback/linear`.
const HOSTILE: &[&str] = &[
    // Other hosts.
    "https://evil.example/oauth2/callback/linear",
    "https://client.example.evil.example/oauth2/callback/linear",
    "https://evilclient.example/oauth2/callback/linear",
    "https://www.client.example/oauth2/callback/linear",
    "https://client.example./oauth2/callback/linear",
    "https://client.exampl\u{435}/oauth2/callback/linear",
    "https://xn--client-4ve.example/oauth2/callback/linear",
    "https://cl\u{131}ent.example/oauth2/callback/linear",
    "https://client\u{3002}example/oauth2/callback/linear",
    // Userinfo.
    "https://client.example@evil.example/oauth2/callback/linear",
    "https://evil@client.example/oauth2/callback/linear",
    "https://client.example:pw@evil.example/",
    // Slashes and backslashes.
    "//client.example/oauth2/callback/linear",
    "https:/client.example/oauth2/callback/linear",
    "https:client.example/oauth2/callback/linear",
    "https:\\\\client.example\\oauth2\\callback\\linear",
    "https://client.example\\@evil.example/oauth2/callback/linear",
    "https://client.example//oauth2/callback/linear",
    "https://client.example/oauth2//callback/linear",
    "https://client.example/oauth2/callback/linear/",
    "\\\\client.example/oauth2/callback/linear",
    // Dot segments.
    "https://client.example/oauth2/callback/../callback/linear",
    "https://client.example/./oauth2/callback/linear",
    "https://client.example/oauth2/callback/linear/..",
    "https://client.example/oauth2/callback/%2e%2e/linear",
    // Ports and schemes.
    "https://client.example:443/oauth2/callback/linear",
    "https://client.example:8443/oauth2/callback/linear",
    "http://client.example/oauth2/callback/linear",
    "ftp://client.example/oauth2/callback/linear",
    "javascript:alert(1)//client.example/oauth2/callback/linear",
    // Case.
    "HTTPS://client.example/oauth2/callback/linear",
    "https://CLIENT.example/oauth2/callback/linear",
    "https://client.example/OAuth2/callback/linear",
    "https://client.example/oauth2/callback/Linear",
    // Encoding.
    "https://client.example/oauth2/callback%2flinear",
    "https://client.example/oauth2/callback/%6cinear",
    "https%3A%2F%2Fclient.example%2Foauth2%2Fcallback%2Flinear",
    // Another provider's expansion, and what is not one.
    "https://client.example/oauth2/callback/stripe",
    "https://client.example/oauth2/callback/",
    "https://client.example/oauth2/callback/:Provider",
    "https://client.example/oauth2/callback/%3Aprovider",
    // Longer and shorter.
    "https://client.example/oauth2/callback/linear?next=//evil.example",
    "https://client.example/oauth2/callback/linear#",
    "https://client.example/oauth2/callback/linear#@evil.example",
    "https://client.example/oauth2/callback/linear;x",
    "https://client.example/oauth2/callback/linearx",
    "https://client.example/oauth2/callback/linea",
    // Whitespace and controls.
    " https://client.example/oauth2/callback/linear",
    "https://client.example/oauth2/callback/linear ",
    "https://client.example/oauth2/callback/linear\n",
    "https://client.example/oauth2/callback/linear\r\nSet-Cookie: a=b",
    "https://client.example/oauth2/callback/linear\0",
    "https://client.example\t/oauth2/callback/linear",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_redirect_uris_are_a_page_and_never_a_redirect() {
    let (gateway, app) = setup().await;
    assert!(HOSTILE.len() >= 30);
    for hostile in HOSTILE {
        let url = gateway.url(
            "/link/oauth2/start",
            &[
                ("client_id", &app.id.to_string()),
                ("redirect_uri", hostile),
            ],
        );
        let answer = gateway.get(&url).await;
        answer.assert_page(400, "redirect_uri not registered");
        assert!(
            answer.header("set-cookie").is_none(),
            "{hostile:?} starts no flow"
        );
    }
    let started = gateway
        .sql("SELECT count(*) FROM authorization_sessions WHERE failed_at IS NULL")
        .await;
    assert_eq!(started, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_redirect_uri_is_a_page() {
    let (gateway, _) = setup().await;
    let other = gateway.other_account().await;
    let foreign = gateway.register_for(other, "linear", None).await;
    let answer = gateway.get(&gateway.start_url(&foreign, &[])).await;
    answer.assert_page(400, "redirect_uri not registered");
}

/// Parameters, the error, and what the log says.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn faults_with_a_proven_redirect_uri_go_back_to_the_client() {
    let (gateway, app) = setup().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let cases: &[Case<'_>] = &[
        (
            &[("scope", "re\"ad")],
            "invalid_scope",
            "a scope may hold only",
        ),
        (
            &[("scope", "read\nwrite")],
            "invalid_scope",
            "a scope may hold only",
        ),
        (
            &[("scope", "a"), ("scope", "b")],
            "invalid_request",
            "scope is repeated",
        ),
        (
            &[("debug", "0"), ("debug", "0")],
            "invalid_request",
            "debug is repeated",
        ),
        (
            &[("code_challenge", challenge)],
            "invalid_request",
            "code_challenge_method is missing",
        ),
        (
            &[("code_challenge_method", "S256")],
            "invalid_request",
            "without code_challenge",
        ),
        (
            &[
                ("code_challenge", challenge),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
            "must be S256",
        ),
        (
            &[
                ("code_challenge", "short"),
                ("code_challenge_method", "S256"),
            ],
            "invalid_request",
            "not a SHA-256 digest",
        ),
        (
            &[("param.nothing", "x")],
            "invalid_request",
            "there is no variable nothing",
        ),
        (
            &[("param.a", "x"), ("param.a", "y")],
            "invalid_request",
            "param.a is repeated",
        ),
    ];
    for (parameters, error, detail) in cases {
        let mut all = vec![("state", "st&te")];
        all.extend_from_slice(parameters);
        let answer = gateway.get(&gateway.start_url(&app, &all)).await;
        answer.assert_error_redirect(error, Some("st&te"), detail);
        assert!(answer.location().as_str().starts_with(&expanded()));
        let without = gateway.get(&gateway.start_url(&app, parameters)).await;
        without.assert_error_redirect(error, None, detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn state_may_have_5_kb_and_no_more() {
    let (gateway, app) = setup().await;
    let largest = "x".repeat(MAX_STATE);
    let code = gateway.connect(&app, &[("state", &largest)]).await;
    assert_eq!(query(&code.location())["state"], largest);
    let too_large = "x".repeat(MAX_STATE + 1);
    let answer = gateway
        .get(&gateway.start_url(&app, &[("state", &too_large)]))
        .await;
    answer.assert_error_redirect(
        "invalid_request",
        Some(&too_large),
        "state is larger than 5 kB",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_parameters_are_ignored_and_empty_ones_absent() {
    let (gateway, app) = setup().await;
    let begun = gateway
        .begin(
            &app,
            &[
                ("utm_source", "x"),
                ("scope", ""),
                ("state", ""),
                ("code_challenge", ""),
            ],
        )
        .await;
    assert_eq!(
        query(&begun.authorize_url.parse().expect("a URL"))["scope"],
        "read"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_outside_the_catalogue_is_a_server_error() {
    let (gateway, _) = setup().await;
    let app = gateway.register("discontinued").await;
    let answer = gateway
        .get(&gateway.start_url(&app, &[("state", "s")]))
        .await;
    answer.assert_error_redirect(
        "server_error",
        Some("s"),
        "the catalogue has no provider discontinued",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_prefetch_create_nothing() {
    let (gateway, app) = setup().await;
    let url = gateway.start_url(&app, &[]);
    let head = gateway
        .request("HEAD", &url)
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.status(), 200);
    assert!(head.headers().get("set-cookie").is_none());
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
    ] {
        let answer = gateway
            .request("GET", &url)
            .header(name, value)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 425, "{name}: {value}");
        assert!(answer.headers().get("set-cookie").is_none());
    }
    let post = gateway
        .request("POST", &url)
        .send()
        .await
        .expect("an answer");
    assert_eq!(post.status(), 405);
    assert_eq!(
        gateway
            .sql("SELECT count(*) FROM authorization_sessions")
            .await,
        ["0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_on_the_page_finds_the_attempt_in_the_flow_log() {
    let (gateway, app) = setup().await;
    let url = gateway.url(
        "/link/oauth2/start",
        &[
            ("client_id", &app.id.to_string()),
            ("redirect_uri", "https://evil.example/"),
        ],
    );
    let answer = gateway.get(&url).await;
    let [id] = &gateway
        .sql("SELECT id FROM authorization_sessions WHERE failed_step = 'start'")
        .await[..]
    else {
        panic!("one attempt");
    };
    assert!(answer.body.contains(id.as_str()));
    assert!(
        !answer.body.contains("evil.example"),
        "what was sent is not repeated"
    );
    let flow = gateway
        .app
        .store
        .find_flow(gateway.account, id.parse().expect("an id"))
        .await
        .expect("found")
        .expect("there");
    assert_eq!(flow.error.as_deref(), Some("invalid_request"));
    assert_eq!(
        flow.error_detail.as_deref(),
        Some("redirect_uri not registered: https://evil.example/")
    );
}
