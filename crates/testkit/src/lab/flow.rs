//! The authorization code flow as every vendor has it, by each vendor's rules.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::pkce::CodeVerifier;

use super::{
    desk::{Account, App, Code, Desk, Grant, Token},
    message::{Parameters, Reply, Request, encode},
    vendor::{Fresh, Kind, Pkce, Problem, Proof, RefreshLife, Rotation, Vendor},
};

/// What the end user does on the vendor's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Deny,
}

/// The authorization endpoint.
pub(crate) fn authorize(
    vendor: &dyn Vendor,
    request: &Request,
    decision: Decision,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> Reply {
    let asked = request.query_parameters();
    let app = match known_client(vendor, &asked, desk) {
        Ok(app) => app.clone(),
        Err(problem) => return vendor.page(&problem),
    };
    let back = |pairs: Vec<(String, String)>| answer_browser(vendor, &asked, &app, &pairs);
    let state = asked
        .get("state")
        .map(|state| ("state".to_owned(), state.to_owned()));
    if let Err(problem) = well_formed(vendor, &asked) {
        let (_, error, words) = problem.standard();
        let mut pairs = owned(&[("error", error), ("error_description", &words)]);
        pairs.extend(state);
        return back(pairs);
    }
    if decision == Decision::Deny {
        let Some(denial) = vendor.denial() else {
            return Reply::html(200, "The app was not installed");
        };
        let mut pairs = owned(&denial);
        pairs.extend(state);
        return back(pairs);
    }
    let grant = grant(vendor, request, &asked, app.clone(), desk);
    let code = vendor.mint(Kind::Code, &grant);
    let mut pairs = owned(&[("code", &code)]);
    pairs.extend(state);
    vendor.complete_callback(&mut pairs, &grant, now);
    let ends = now + TimeDelta::seconds(vendor.rules().code_life);
    let grant = desk.add_grant(grant);
    let spent = false;
    desk.codes.insert(code, Code { grant, ends, spent });
    back(pairs)
}

fn known_client<'a>(
    vendor: &dyn Vendor,
    asked: &Parameters,
    desk: &'a Desk,
) -> Result<&'a App, Problem> {
    if let Some(name) = asked.repeated() {
        return Err(Problem::Repeated(name.to_owned()));
    }
    let client_id = asked.get("client_id").ok_or(Problem::Client)?;
    let redirect_uri = asked.get("redirect_uri").ok_or(Problem::RedirectUri)?;
    desk.app(vendor.slug(), client_id).ok_or(Problem::Client)?;
    let registered = desk.apps.iter().find(|app| {
        app.provider == vendor.slug()
            && app.client_id == client_id
            && app.redirect_uri == redirect_uri
    });
    registered.ok_or(Problem::RedirectUri)
}

fn well_formed(vendor: &dyn Vendor, asked: &Parameters) -> Result<(), Problem> {
    let rules = vendor.rules();
    if let Some(name) = vendor.unknown_parameter(asked) {
        return Err(Problem::Unknown(name));
    }
    match asked.get("response_type") {
        Some("code") => {}
        None if !rules.request_needs.contains(&"response_type") => {}
        _ => return Err(Problem::ResponseType),
    }
    let lacks = |name: &str| rules.request_needs.contains(&name) && asked.get(name).is_none();
    if lacks("state") {
        return Err(Problem::State);
    }
    if lacks("scope") {
        return Err(Problem::Scope);
    }
    match (rules.pkce, asked.get("code_challenge")) {
        (Pkce::Ignored, _) | (Pkce::Optional, None) => Ok(()),
        (Pkce::Required, None) => Err(Problem::ChallengeMissing),
        (_, Some(_)) if asked.get("code_challenge_method") == Some("S256") => Ok(()),
        (_, Some(_)) => Err(Problem::ChallengeMethod),
    }
}

fn grant(
    vendor: &dyn Vendor,
    request: &Request,
    asked: &Parameters,
    app: App,
    desk: &Desk,
) -> Grant {
    let separator = vendor.rules().separator;
    let scopes = asked.get("scope").unwrap_or_default().split(separator);
    let scopes = scopes.filter(|scope| !scope.is_empty()).map(str::to_owned);
    let account = desk.accounts.get(vendor.slug()).cloned();
    Grant {
        app,
        account: account.unwrap_or_else(|| vendor.account()),
        host: request.host.clone(),
        request: asked.clone(),
        scopes: vendor.granted(scopes.collect()),
        switches: desk.switches_of(vendor.slug()),
    }
}

/// Sends the browser back, by redirect or by a form that posts itself.
fn answer_browser(
    vendor: &dyn Vendor,
    asked: &Parameters,
    app: &App,
    pairs: &[(String, String)],
) -> Reply {
    if !vendor.posts_callback(asked) {
        let joint = if app.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        let location = format!("{}{joint}{}", app.redirect_uri, encode(pairs));
        return Reply::redirect(vendor.rules().redirect, location);
    }
    let mut fields = String::new();
    for (name, value) in pairs {
        let (name, value) = (escaped(name), escaped(value));
        let _ = write!(
            fields,
            r#"<input type="hidden" name="{name}" value="{value}">"#
        );
    }
    let page = format!(
        r#"<!doctype html><html><body onload="document.forms[0].submit()"><form method="post" action="{}">{fields}</form></body></html>"#,
        escaped(&app.redirect_uri)
    );
    Reply::typed(200, "text/html; charset=utf-8", page.into_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The token endpoint.
pub(crate) fn token(
    vendor: &dyn Vendor,
    request: &Request,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> Reply {
    match try_token(vendor, request, desk, now) {
        Ok(answer) => vendor.encode(request, 200, &answer),
        Err(problem) => {
            let (status, answer) = vendor.refusal(&problem);
            vendor.encode(request, status, &answer)
        }
    }
}

fn try_token(
    vendor: &dyn Vendor,
    request: &Request,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> Result<serde_json::Value, Problem> {
    let rules = vendor.rules();
    if request.method != "POST" {
        return Err(Problem::Method);
    }
    let encoding = request.encoding().ok_or(Problem::Encoding)?;
    if !rules.encodings.contains(&encoding) {
        return Err(Problem::Encoding);
    }
    let parameters = request.body_parameters();
    if let Some(name) = parameters.repeated() {
        return Err(Problem::Repeated(name.to_owned()));
    }
    let client_id = proven_client(vendor, request, &parameters, desk)?;
    match parameters.get("grant_type") {
        Some("refresh_token") => refresh(vendor, &client_id, &parameters, desk, now),
        Some("authorization_code") => exchange(vendor, &client_id, &parameters, desk, now),
        None if !rules.exchange_needs.contains(&"grant_type") => {
            exchange(vendor, &client_id, &parameters, desk, now)
        }
        _ => Err(Problem::GrantType),
    }
}

/// The client, by the proofs that the vendor takes; more than one at once is refused
/// (RFC 6749 section 2.3).
fn proven_client(
    vendor: &dyn Vendor,
    request: &Request,
    parameters: &Parameters,
    desk: &Desk,
) -> Result<String, Problem> {
    let by_header = request.basic();
    let by_body = parameters.get("client_secret").map(|secret| {
        let id = parameters.get("client_id").unwrap_or_default();
        (id.to_owned(), secret.to_owned())
    });
    let proof = match (vendor.rules().client, by_header, by_body) {
        (Proof::Basic | Proof::Either, Some(pair), None)
        | (Proof::Body | Proof::Either, None, Some(pair)) => Some(pair),
        _ => None,
    };
    let (id, secret) = proof.ok_or(Problem::Client)?;
    let app = desk.proven(vendor.slug(), &id, &secret);
    app.map(|app| app.client_id.clone()).ok_or(Problem::Client)
}

fn exchange(
    vendor: &dyn Vendor,
    client_id: &str,
    parameters: &Parameters,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> Result<serde_json::Value, Problem> {
    let text = parameters.get("code").unwrap_or_default();
    let unknown = || Problem::Code(text.to_owned());
    let code = desk.codes.get(text).ok_or_else(unknown)?;
    let grant = desk.grant(code.grant);
    if grant.app.provider != vendor.slug() || grant.app.client_id != client_id || now > code.ends {
        return Err(unknown());
    }
    let index = code.grant;
    if code.spent {
        // RFC 6749 section 4.1.2: what was issued from it ends.
        desk.end_grant(index);
        return Err(Problem::CodeUsed);
    }
    match parameters.get("redirect_uri") {
        Some(uri) if uri == grant.app.redirect_uri => {}
        None if !vendor.rules().exchange_needs.contains(&"redirect_uri") => {}
        _ => return Err(Problem::RedirectUri),
    }
    check_verifier(vendor, grant, parameters)?;
    if let Some(code) = desk.codes.get_mut(text) {
        code.spent = true;
    }
    Ok(issue(vendor, index, parameters, None, desk, now))
}

fn check_verifier(
    vendor: &dyn Vendor,
    grant: &Grant,
    parameters: &Parameters,
) -> Result<(), Problem> {
    let challenge = grant.request.get("code_challenge");
    let Some(challenge) = challenge.filter(|_| vendor.rules().pkce != Pkce::Ignored) else {
        return Ok(());
    };
    let verifier = parameters
        .get("code_verifier")
        .ok_or(Problem::VerifierMissing)?;
    let matches = CodeVerifier::parse(verifier)
        .is_some_and(|verifier| verifier.challenge().as_str() == challenge);
    if matches {
        Ok(())
    } else {
        Err(Problem::VerifierWrong)
    }
}

fn refresh(
    vendor: &dyn Vendor,
    client_id: &str,
    parameters: &Parameters,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> Result<serde_json::Value, Problem> {
    let rotation = vendor.rules().rotation;
    if rotation == Rotation::None {
        return Err(Problem::GrantType);
    }
    let text = parameters.get("refresh_token").unwrap_or_default();
    let token = desk.refresh.get(text).ok_or(Problem::RefreshToken)?;
    let index = token.grant;
    let grant = desk.grant(index);
    if grant.app.provider != vendor.slug() || grant.app.client_id != client_id {
        return Err(Problem::RefreshToken);
    }
    if !token.is_live(now) {
        if rotation == Rotation::Family {
            desk.end_grant(index);
        }
        return Err(Problem::RefreshToken);
    }
    if matches!(rotation, Rotation::SingleUse | Rotation::Family) {
        desk.end_grant(index);
    }
    Ok(issue(vendor, index, parameters, Some(text), desk, now))
}

/// Issues tokens for a grant that nobody asked for by the browser.
pub(crate) fn issue_unasked(
    vendor: &dyn Vendor,
    app: App,
    account: Account,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> serde_json::Value {
    let grant = Grant {
        app,
        account,
        host: String::new(),
        request: Parameters::default(),
        scopes: vendor.granted(Vec::new()),
        switches: desk.switches_of(vendor.slug()),
    };
    let index = desk.add_grant(grant);
    issue(vendor, index, &Parameters::default(), None, desk, now)
}

/// Issues tokens for a grant; `old` is the refresh token that was used.
fn issue(
    vendor: &dyn Vendor,
    index: usize,
    parameters: &Parameters,
    old: Option<&str>,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> serde_json::Value {
    let grant = desk.grant(index).clone();
    let lives = vendor.lives(&grant, parameters);
    let access_token = vendor.mint(Kind::Access, &grant);
    desk.access
        .insert(access_token.clone(), Token::new(index, lives.access, now));
    let refresh_token = match (old, vendor.rules().rotation) {
        (Some(_), Rotation::Kept) => None,
        (Some(old), Rotation::Repeated) => Some(old.to_owned()),
        _ => issue_refresh(vendor, index, lives.refresh, desk, now),
    };
    vendor.tokens(&Fresh {
        grant: &grant,
        access_token: &access_token,
        refresh_token: refresh_token.as_deref(),
        first: old.is_none(),
        now,
    })
}

fn issue_refresh(
    vendor: &dyn Vendor,
    index: usize,
    life: RefreshLife,
    desk: &mut Desk,
    now: DateTime<Utc>,
) -> Option<String> {
    let seconds = match life {
        RefreshLife::None => return None,
        RefreshLife::Endless => None,
        RefreshLife::Seconds(seconds) => Some(seconds),
    };
    let text = vendor.mint(Kind::Refresh, desk.grant(index));
    let token = Token::new(index, seconds, now);
    desk.refresh.insert(text.clone(), token);
    Some(text)
}
