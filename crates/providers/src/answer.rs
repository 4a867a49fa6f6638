//! Reads what token endpoints really answer (RFC 6749 sections 5.1 and 5.2, and what vendors
//! make of them).

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{scope::Scopes, secret::SecretString, token_set::TokenSet};
use serde_json::{Map, Value};

use crate::{
    Definition,
    definition::{Call, Success, TokenResponse},
    error::{ProviderError, Redaction},
    http::Answer,
    id_token,
    request::{FORM, unusable},
    source::{at, text},
};

/// The token object as it came, and in the standard's terms.
pub(crate) fn tokens(
    answer: &Answer,
    response: &TokenResponse,
    now: DateTime<Utc>,
    redaction: &Redaction,
) -> Result<(Value, TokenSet), ProviderError> {
    let whole = object(answer, redaction)?;
    let refused = || refusal(&whole, response, answer, redaction);
    let succeeded = is_good(answer) && is_success(&whole, response.success.as_ref());
    if !succeeded {
        return Err(refused());
    }
    let root = at(&whole, &response.root).cloned().unwrap_or_default();
    match granted(&root, response, now) {
        Ok(tokens) => Ok((root, tokens)),
        Err(_) if first_text(&whole, &response.error).is_some() => Err(refused()),
        Err(error) => Err(error),
    }
}

/// The response of the last call that yields tokens in a flow.
pub(crate) fn last_response(definition: &Definition) -> Result<&TokenResponse, ProviderError> {
    let last = definition.long_lived.as_ref().or(definition.token.as_ref());
    let last = last.ok_or_else(|| unusable("this provider has no token endpoint"))?;
    Ok(&last.response)
}

/// The token object in the standard's terms.
pub(crate) fn granted(
    root: &Value,
    response: &TokenResponse,
    now: DateTime<Utc>,
) -> Result<TokenSet, ProviderError> {
    let secret = |paths: &[String]| first_text(root, paths).map(SecretString::new);
    let Some(access_token) = secret(&response.access_token) else {
        return Err(ProviderError::Malformed("no access token in it".into()));
    };
    let after = |life: TimeDelta| now.checked_add_signed(life);
    let expires_at = first(root, &response.expires_at)
        .and_then(moment)
        .or_else(|| after(first(root, &response.expires_in).and_then(seconds)?))
        .or_else(|| id_token::expiry(access_token.expose()).filter(|ends| *ends > now))
        .or_else(|| after(TimeDelta::seconds(response.default_lifetime?.into())));
    let refresh_expires_at = first(root, &response.refresh_expires_at)
        .and_then(moment)
        .or_else(|| after(first(root, &response.refresh_expires_in).and_then(seconds)?));
    Ok(TokenSet {
        access_token,
        token_type: first_text(root, &response.token_type),
        refresh_token: secret(&response.refresh_token),
        expires_at,
        refresh_expires_at,
        scope: first(root, &response.scope).and_then(scopes),
        id_token: secret(&response.id_token),
    })
}

/// The longest reference that goes into a URL.
const MAX_REFERENCE: usize = 2048;

/// The answer to a pushed request: what stands for it (RFC 9126 section 2.2).
pub(crate) fn reference(answer: &Answer, redaction: &Redaction) -> Result<String, ProviderError> {
    let whole = object(answer, redaction)?;
    if !is_good(answer) || reports_error(&whole) {
        return Err(refusal(
            &whole,
            &TokenResponse::default(),
            answer,
            redaction,
        ));
    }
    let reference = at(&whole, "request_uri").and_then(text);
    reference
        .filter(|reference| reference.len() <= MAX_REFERENCE)
        .ok_or_else(|| ProviderError::Malformed("no request_uri in it that can be used".into()))
}

/// The answer to a call that yields something, such as an identity.
pub(crate) fn called(
    answer: &Answer,
    call: &Call,
    redaction: &Redaction,
) -> Result<Value, ProviderError> {
    let whole = object(answer, redaction)?;
    let graphql_failed = at(&whole, "errors.0").is_some() && at(&whole, "data").is_none();
    let failed =
        graphql_failed || reports_error(&whole) || first_text(&whole, &call.error).is_some();
    if is_good(answer) && is_success(&whole, call.success.as_ref()) && !failed {
        return Ok(whole);
    }
    let mut response = TokenResponse::default();
    let graphql = |path: &str| std::iter::once(path.to_owned());
    let error = graphql("errors.0.extensions.code").chain(call.error.iter().cloned());
    response.error.splice(0..0, error);
    let words = graphql("errors.0.message").chain(call.error_description.iter().cloned());
    response.error_description.splice(0..0, words);
    Err(refusal(&whole, &response, answer, redaction))
}

/// The answer to a revocation. RFC 7009 section 2.2 leaves the body open, so without a condition
/// the status alone tells, unless the body names an error.
pub(crate) fn ended(
    answer: &Answer,
    call: &Call,
    redaction: &Redaction,
) -> Result<(), ProviderError> {
    let is_json = serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body.is_object());
    if is_good(answer) && !is_json && call.success.is_none() {
        return Ok(());
    }
    called(answer, call, redaction).map(drop)
}

fn is_good(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

/// Whether a body names an error, at whatever status.
fn reports_error(value: &Value) -> bool {
    match at(value, "error") {
        Some(Value::String(code)) => !code.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
        _ => false,
    }
}

/// The body as JSON; a form-encoded one (GitHub's default) becomes an object of texts.
fn object(answer: &Answer, redaction: &Redaction) -> Result<Value, ProviderError> {
    let parsed = serde_json::from_slice::<Value>(&answer.body).ok();
    if let Some(value) = parsed.filter(|value| value.is_object() || value.is_array()) {
        return Ok(value);
    }
    let is_form =
        answer.content_type.starts_with(FORM) || answer.content_type.starts_with("text/plain");
    if is_form && answer.body.contains(&b'=') {
        let pairs = url::form_urlencoded::parse(&answer.body);
        let members: Map<String, Value> = pairs
            .map(|(key, value)| (key.into(), Value::String(value.into())))
            .collect();
        if members.contains_key("access_token") || members.contains_key("error") {
            return Ok(Value::Object(members));
        }
    }
    let excerpt = redaction.words(&String::from_utf8_lossy(&answer.body));
    if is_good(answer) {
        // What came may hold tokens in a form that we do not know: say what it is, not what it says.
        let kind = if answer.content_type.is_empty() {
            "nothing known"
        } else {
            &answer.content_type
        };
        Err(ProviderError::Malformed(format!(
            "neither JSON nor a form, but {} bytes of {kind}",
            answer.body.len()
        )))
    } else {
        Err(ProviderError::Status {
            status: answer.status,
            excerpt,
            retry_after: answer.retry_after,
        })
    }
}

fn is_success(value: &Value, success: Option<&Success>) -> bool {
    success.is_none_or(|success| at(value, &success.path) == Some(&success.equals))
}

fn refusal(
    whole: &Value,
    response: &TokenResponse,
    answer: &Answer,
    redaction: &Redaction,
) -> ProviderError {
    let (status, retry_after) = (answer.status, answer.retry_after);
    match first_text(whole, &response.error) {
        Some(error) => {
            let own = response.errors.get(&error);
            // The provider's own word is worth keeping where it says nothing else.
            let words = first_text(whole, &response.error_description)
                .filter(|words| *words != error)
                .or_else(|| own.and(Some(error.clone())));
            ProviderError::Refused {
                status,
                error: redaction.words(own.unwrap_or(&error)),
                description: words.map(|words| redaction.words(&words)),
                retry_after,
            }
        }
        None if (200..300).contains(&status) => {
            ProviderError::Malformed("it reports a failure without a reason".into())
        }
        None => ProviderError::Status {
            status,
            excerpt: first_text(whole, &response.error_description)
                .map(|words| redaction.words(&words))
                .unwrap_or_default(),
            retry_after,
        },
    }
}

fn first<'a>(value: &'a Value, paths: &[String]) -> Option<&'a Value> {
    paths.iter().find_map(|path| at(value, path))
}

fn first_text(value: &Value, paths: &[String]) -> Option<String> {
    paths.iter().find_map(|path| text(at(value, path)?))
}

/// A number of seconds, as a number, a float or a text; nothing negative or absurd.
fn seconds(value: &Value) -> Option<TimeDelta> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole_part(&number.to_string())),
        Value::String(text) => text
            .trim()
            .parse::<i64>()
            .ok()
            .or_else(|| whole_part(text.trim())),
        _ => None,
    }?;
    (0..=10_000_000_000)
        .contains(&number)
        .then(|| TimeDelta::seconds(number))
}

fn whole_part(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    fraction
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| whole.parse().ok())?
}

/// Seconds or milliseconds since 1970, or RFC 3339.
fn moment(value: &Value) -> Option<DateTime<Utc>> {
    if let Some(text) = value.as_str()
        && let Ok(at) = DateTime::parse_from_rfc3339(text)
    {
        return Some(at.to_utc());
    }
    let number = text(value)?.parse::<i64>().ok()?;
    if number > 100_000_000_000 {
        DateTime::from_timestamp_millis(number)
    } else {
        DateTime::from_timestamp(number, 0)
    }
}

/// Granted scopes: a list, or a text with spaces or commas. What is outside the grammar is dropped.
fn scopes(value: &Value) -> Option<Scopes> {
    let words: Vec<&str> = match value {
        Value::String(text) => text.split([' ', ',']).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let good = words.into_iter().filter(|word| Scopes::parse(word).is_ok());
    Scopes::from_list(good).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use serde_json::json;

    fn read(status: u16, content_type: &str, body: &str) -> Result<TokenSet, ProviderError> {
        let answer = Answer {
            status,
            content_type: content_type.into(),
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        };
        tokens(
            &answer,
            &TokenResponse::default(),
            now(),
            &Redaction::default(),
        )
        .map(|(_, set)| set)
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("moment")
    }

    fn json_answer(body: &Value) -> Result<TokenSet, ProviderError> {
        read(200, "application/json", &body.to_string())
    }

    #[test]
    fn lifetimes_of_every_kind_are_read() {
        let in_an_hour = Some(now() + TimeDelta::hours(1));
        for life in [json!(3600), json!("3600"), json!(3600.0), json!("3600.5")] {
            let set =
                json_answer(&json!({"access_token": "a", "expires_in": life})).expect("tokens");
            assert_eq!(set.expires_at, in_an_hour, "{life}");
        }
        for none in [
            json!(null),
            json!(-5),
            json!("soon"),
            json!(1e300),
            json!({}),
        ] {
            let set =
                json_answer(&json!({"access_token": "a", "expires_in": none})).expect("tokens");
            assert_eq!(set.expires_at, None, "{none}");
        }
    }

    #[test]
    fn a_life_that_the_answer_does_not_tell_is_the_tokens_own_or_the_documented_one() {
        let jwt = |exp: i64| {
            let claims = json!({"exp": exp}).to_string();
            let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
            format!("{}.{}.s", part("{}"), part(&claims))
        };
        let expires = |body: Value, default_lifetime: Option<u32>| {
            let answer = Answer {
                status: 200,
                content_type: "application/json".into(),
                body: body.to_string().into_bytes(),
                ..Answer::default()
            };
            let response = TokenResponse {
                default_lifetime,
                ..TokenResponse::default()
            };
            let (_, set) =
                tokens(&answer, &response, now(), &Redaction::default()).expect("tokens");
            set.expires_at.map(|at| (at - now()).num_seconds())
        };
        let own = jwt(now().timestamp() + 300);
        let told = json!({"access_token": own, "expires_in": 60});
        assert_eq!(expires(told, Some(7200)), Some(60));
        assert_eq!(expires(json!({"access_token": own}), Some(7200)), Some(300));
        assert_eq!(
            expires(json!({"access_token": "a.b.c"}), Some(7200)),
            Some(7200)
        );
        let ended = jwt(now().timestamp() - 1);
        assert_eq!(expires(json!({"access_token": ended}), None), None);
    }

    #[test]
    fn scopes_of_every_kind_are_read() {
        for scope in [
            json!("read write"),
            json!("read,write"),
            json!(["read", "write"]),
        ] {
            let set = json_answer(&json!({"access_token": "a", "scope": scope})).expect("tokens");
            assert_eq!(set.scope.expect("scope").to_string(), "read write");
        }
    }

    #[test]
    fn form_encoded_answers_are_read() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let set = read(
            200,
            form,
            "access_token=gho_x&scope=repo%2Cgist&token_type=bearer",
        )
        .expect("tokens");
        assert_eq!(set.access_token.expose(), "gho_x");
        let refused = read(
            200,
            form,
            "error=bad_verification_code&error_description=The+code+is+bad.",
        );
        assert_eq!(
            refused.expect_err("refused"),
            ProviderError::Refused {
                status: 200,
                error: "bad_verification_code".into(),
                description: Some("The code is bad.".into()),
                retry_after: None,
            }
        );
    }

    #[test]
    fn an_error_at_status_200_is_an_error() {
        let error = json_answer(&json!({"error": "invalid_grant"})).expect_err("refused");
        assert!(
            matches!(error, ProviderError::Refused { status: 200, .. }),
            "{error}"
        );
        let error = json_answer(&json!({"hello": 1})).expect_err("malformed");
        assert!(matches!(error, ProviderError::Malformed(_)), "{error}");
        assert!(json_answer(&json!({"access_token": ""})).is_err());
        assert!(json_answer(&json!({"access_token": null})).is_err());
    }

    #[test]
    fn garbage_is_told_from_errors() {
        let error = read(200, "text/html", "<html>token</html>").expect_err("malformed");
        assert!(
            matches!(&error, ProviderError::Malformed(why) if !why.contains("token")),
            "{error}"
        );
        let error = read(502, "text/html", "<h1>Bad gateway</h1>").expect_err("status");
        assert_eq!(
            error.to_string(),
            "the provider answered 502: <h1>Bad gateway</h1>"
        );
    }
}
