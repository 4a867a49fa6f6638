//! OAuth libraries that nobody here wrote, unmodified, as the client backend.

use std::{path::PathBuf, process::Stdio};

use keyway_testkit::lab::Neutral;
use openidconnect::{
    AuthenticationFlow, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl, TokenResponse as _,
    core::{CoreClient, CoreProviderMetadata, CoreResponseType},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};
use url::Url;

use crate::{fleet::redirect_uri, oauth_client::World};

#[path = "../../../../docs/examples/oauth2.rs"]
#[expect(unreachable_pub, reason = "an example")]
mod example;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where the browser comes out that goes to this address.
async fn browse(world: &World, url: &str) -> Url {
    let url = Url::parse(url).expect("a URL");
    let returning = world.follow(&url).await.expect("a flow");
    world.arrive(&returning).await
}

/// Runs a client and lets the browser go where it says; what it saw at its end.
async fn run(world: &World, mut command: Command, mode: &str) -> Value {
    let fleet = &world.fleet;
    let mut child = command
        .env("KEYWAY_URL", fleet.public_url())
        .env("CLIENT_ID", fleet.app.to_string())
        .env("CLIENT_SECRET", fleet.client_secret())
        .env("REDIRECT_URI", redirect_uri())
        .env("PRIVATE_KEY", &world.private_key)
        .env("MODE", mode)
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    while let Some(line) = lines.next_line().await.expect("a line") {
        if let Some(url) = line.strip_prefix("OPEN ") {
            let came = browse(world, url).await;
            let line = format!("{came}\n");
            input.write_all(line.as_bytes()).await.expect("written");
        } else if let Some(seen) = line.strip_prefix("DONE ") {
            return serde_json::from_str(seen).expect("JSON");
        }
    }
    panic!("the client ended without a word");
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(script);
    command
}

fn python(script: &str) -> Command {
    let mut command = Command::new(root().join(".tools/clients/bin/python"));
    command.arg(script);
    command
}

#[track_caller]
fn text<'a>(seen: &'a Value, name: &str) -> &'a str {
    let text = seen.get(name).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no {name}: {seen}"))
}

/// Discovery, PAR, code and PKCE, id token, refresh, introspection and revocation; with DPoP where the
/// client does not prove itself by a secret.
async fn walk(script: &str) {
    let world = World::new(Neutral::default()).await;
    let seen = run(&world, node(script), "secret").await;
    assert_eq!(text(&seen, "token_type").to_lowercase(), "bearer");
    assert!(world.fleet.lab.is_live(text(&seen, "access_token")));
    for mode in ["key", "public"] {
        if mode == "public" {
            world.set(&["none"]).await;
        }
        let seen = run(&world, node(script), mode).await;
        assert_eq!(text(&seen, "token_type").to_lowercase(), "dpop", "{seen}");
        assert_eq!(seen.get("userinfo"), Some(&true.into()), "{seen}");
        if mode == "key" {
            assert_eq!(seen.get("before"), Some(&true.into()), "{seen}");
            assert_eq!(seen.get("after"), Some(&false.into()), "{seen}");
        } else if let Some(nonce) = seen.get("nonce") {
            assert_eq!(nonce, true, "a public client was asked for a nonce");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi() {
    walk("e2e/libraries/oauth4webapi.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client() {
    walk("e2e/libraries/openid-client.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib() {
    let world = World::new(Neutral::default()).await;
    for mode in ["secret", "key"] {
        let seen = run(&world, python("e2e/libraries/authlib_client.py"), mode).await;
        assert!(
            world.fleet.lab.is_live(text(&seen, "access_token")),
            "{seen}"
        );
        assert_eq!(seen.get("before"), Some(&true.into()), "{seen}");
        assert_eq!(seen.get("after"), Some(&false.into()), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_documentation() {
    let world = World::new(Neutral::default()).await;
    let typescript = {
        let mut command = Command::new(root().join("e2e/node_modules/.bin/tsx"));
        // The example stands where no packages are.
        command.arg("e2e/libraries/example.ts");
        command.env("NODE_PATH", root().join("e2e/node_modules"));
        command
    };
    let go = {
        let mut command = Command::new("go");
        command.args([
            "run",
            "e2e/libraries/go/main.go",
            "e2e/libraries/go/connect.go",
        ]);
        // Of Debian's package, so that nothing is fetched.
        command
            .env("GO111MODULE", "off")
            .env("GOPATH", "/usr/share/gocode");
        command
    };
    for command in [typescript, python("e2e/libraries/example.py"), go] {
        let seen = run(&world, command, "secret").await;
        assert!(
            world.fleet.lab.is_live(text(&seen, "access_token")),
            "{seen}"
        );
    }
    let fleet = &world.fleet;
    let (keyway, client) = (fleet.public_url(), fleet.app.to_string());
    let (secret, end, http) = (fleet.client_secret(), redirect_uri(), oauth2_http());
    let browse = async |url: Url| browse(&world, url.as_str()).await;
    let token = example::connect(&keyway, &client, secret, &end, &http, browse).await;
    let token = token.expect("a token");
    assert!(
        fleet
            .lab
            .is_live(oauth2::TokenResponse::access_token(&token).secret())
    );
}

#[expect(clippy::disallowed_methods, reason = "a client of others")]
fn oauth2_http() -> oauth2::reqwest::Client {
    let builder = oauth2::reqwest::Client::builder().no_proxy();
    let policy = oauth2::reqwest::redirect::Policy::none();
    builder.redirect(policy).build().expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn openidconnect() {
    let world = World::new(Neutral::default()).await;
    let fleet = &world.fleet;
    let http = oauth2_http();
    let issuer = IssuerUrl::new(fleet.public_url()).expect("a URL");
    let metadata = CoreProviderMetadata::discover_async(issuer, &http).await;
    let client = CoreClient::from_provider_metadata(
        metadata.expect("metadata"),
        ClientId::new(fleet.app.to_string()),
        Some(ClientSecret::new(fleet.client_secret().to_owned())),
    )
    .set_redirect_uri(RedirectUrl::new(redirect_uri()).expect("a URL"));
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let (url, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .set_pkce_challenge(challenge)
        .url();
    let came = browse(&world, url.as_str()).await;
    let parameter = |name: &str| {
        let found = came.query_pairs().find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    };
    assert_eq!(parameter("state").as_ref(), Some(state.secret()));
    let code = openidconnect::AuthorizationCode::new(parameter("code").expect("a code"));
    let tokens = client
        .exchange_code(code)
        .expect("an endpoint")
        .set_pkce_verifier(verifier)
        .request_async(&http)
        .await
        .expect("tokens");
    // Checked by the published keys.
    let id_token = tokens.id_token().expect("an id token");
    let claims = id_token.claims(&client.id_token_verifier(), &nonce);
    assert!(!claims.expect("ours").subject().is_empty());
    assert!(fleet.lab.is_live(tokens.access_token().secret()));
    let refreshed = client
        .exchange_refresh_token(tokens.refresh_token().expect("one"))
        .expect("an endpoint")
        .request_async(&http)
        .await;
    assert!(
        fleet
            .lab
            .is_live(refreshed.expect("tokens").access_token().secret())
    );
}
