//! Connect an account with the crate oauth2; `browse` sends the end user's browser there, and answers where it came out.
use oauth2::{basic::BasicClient, *};

pub async fn connect(
    keyway: &str,
    client_id: &str,
    secret: &str,
    redirect_uri: &str,
    http: &reqwest::Client,
    browse: impl AsyncFn(url::Url) -> url::Url,
) -> Result<basic::BasicTokenResponse, Box<dyn std::error::Error>> {
    let client = BasicClient::new(ClientId::new(client_id.into()))
        .set_client_secret(ClientSecret::new(secret.into()))
        .set_auth_uri(AuthUrl::new(format!("{keyway}/oauth/authorize"))?)
        .set_token_uri(TokenUrl::new(format!("{keyway}/oauth/token"))?)
        .set_redirect_uri(RedirectUrl::new(redirect_uri.into())?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .set_pkce_challenge(challenge)
        .url();
    let answer = browse(url).await;
    let parameter = |name| {
        answer
            .query_pairs()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    };
    assert_eq!(parameter("state").as_ref(), Some(state.secret()));
    let code = AuthorizationCode::new(parameter("code").unwrap_or_default());
    Ok(client
        .exchange_code(code)
        .set_pkce_verifier(verifier)
        .request_async(http)
        .await?)
}
