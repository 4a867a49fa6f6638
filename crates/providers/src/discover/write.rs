//! From documents to the text of a definition.

use keyway_domain::{provider::ProviderSlug, scope::Scopes};
use toml::Value;
use url::Url;

use super::{
    Discovered, DiscoveryError, Method, Source, Wishes,
    metadata::{Resource, Said, Server, has},
};

/// What stands in for a page of the vendor's where a server on this machine names none.
const STANDARD: &str = "https://www.rfc-editor.org/rfc/rfc8414";
/// As many scopes are asked for by default.
const MAX_SCOPES: usize = 100;
/// Algorithms of an `id_token` that Keyway checks.
const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// The definition of what these documents say.
pub(super) fn definition(source: Source) -> Result<Discovered, DiscoveryError> {
    let (server, resource) = (&source.server, source.resource.as_ref());
    let (said, wishes) = (&server.said, &source.wishes);
    let scopes = scopes(said, resource)?;
    let plan = Plan {
        server,
        resource,
        method: method(said, resource, wishes)?,
        is_bound: is_bound(said, resource, wishes)?,
        takes_challenges: has(said.code_challenge_methods_supported.as_ref(), "S256"),
        renews: has(said.grant_types_supported.as_ref(), "refresh_token")
            || scopes.iter().any(|scope| scope == "offline_access"),
        scopes,
    };
    if plan.method == Method::None && !plan.takes_challenges {
        return Err(DiscoveryError::Unfit(
            "a client without a secret needs PKCE with S256 (RFC 7636), which the server does not offer"
                .into(),
        ));
    }
    if resource.is_some() && !plan.takes_challenges {
        // The Model Context Protocol's authorization chapter: who connects must not go on without it.
        return Err(DiscoveryError::Unfit(
            "a resource's server must offer PKCE with S256 (RFC 7636), and says nothing of it"
                .into(),
        ));
    }
    let named = resource.map_or(&server.issuer, |resource| &resource.id);
    let slug = match &wishes.slug {
        Some(slug) => slug.clone(),
        None => slug(named)?,
    };
    let algorithms = said
        .token_endpoint_auth_signing_alg_values_supported
        .as_ref();
    Ok(Discovered {
        text: plan.text(named, wishes),
        slug,
        issuer: server.issuer.clone(),
        resource: resource.map(|resource| resource.id.clone()),
        client_authentication: plan.method,
        registration_endpoint: server.registration.clone(),
        signs_es256: algorithms.is_none() || has(algorithms, "ES256"),
        is_bound: plan.is_bound,
        renews: plan.renews,
        scopes: plan.scopes,
        source,
    })
}

struct Plan<'a> {
    server: &'a Server,
    resource: Option<&'a Resource>,
    method: Method,
    is_bound: bool,
    takes_challenges: bool,
    renews: bool,
    scopes: Vec<String>,
}

impl Plan<'_> {
    fn text(&self, named: &str, wishes: &Wishes) -> String {
        let mut out = Text::default();
        let category = if self.resource.is_some() {
            "other"
        } else {
            "identity"
        };
        out.line(&format!(
            "# Written by `keyway providers discover {named}`: what the server says of itself."
        ));
        out.set("name", &self.name(named));
        out.set("category", category);
        out.set("documentation", &self.documentation());
        out.line(&format!("checked = \"{}\"", wishes.checked));
        out.set("certainty", "single");
        self.authorize(&mut out);
        out.table("callback");
        out.set("issuer", &self.server.issuer);
        let is_sent = self
            .server
            .said
            .authorization_response_iss_parameter_supported;
        if is_sent == Some(true) {
            out.line("issuer_required = true");
        }
        self.token(&mut out);
        if self.renews {
            out.table("refresh");
        }
        if let Some(url) = &self.server.revocation {
            out.table("revoke");
            out.set("method", "POST");
            out.set("url", url.as_str());
            out.set("authorization", "client");
            out.line("form = { token = \"{refresh_or_access_token}\" }");
        }
        self.account(&mut out);
        if let Some(resource) = self.resource {
            out.table("api");
            out.set("base_url", &resource.id);
        }
        out.0
    }

    fn asks(&self, scope: &str) -> bool {
        self.scopes.iter().any(|known| known == scope)
    }

    fn name(&self, named: &str) -> String {
        let given = self.resource.and_then(|resource| resource.name.as_deref());
        let given = given.map(str::trim).filter(|name| {
            (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control)
        });
        given.map_or_else(|| host(named), str::to_owned)
    }

    fn documentation(&self) -> String {
        let of_resource = self
            .resource
            .and_then(|resource| resource.documentation.as_deref());
        let of_server = self.server.said.service_documentation.as_deref();
        let pages = of_resource.into_iter().chain(of_server);
        let good = |page: &str| super::place::parse(page).is_ok_and(|url| url.scheme() == "https");
        let mut pages = pages.chain([self.server.issuer.as_str()]);
        pages.find(|page| good(page)).unwrap_or(STANDARD).to_owned()
    }

    fn authorize(&self, out: &mut Text) {
        let said = &self.server.said;
        out.table("authorize");
        out.set("url", self.server.authorization.as_str());
        if let Some(par) = &self.server.pushed {
            out.set("par", par.as_str());
        }
        let pkce = match (self.takes_challenges, self.method) {
            (false, _) => "none",
            (true, Method::None) => "required",
            (true, _) => "supported",
        };
        out.set("pkce", pkce);
        if !self.scopes.is_empty() {
            out.list("default_scopes", &self.scopes);
        }
        if let Some(resource) = self.resource {
            out.set("resource", &resource.id);
        }
        let prompts = said.prompt_values_supported.as_ref();
        let offline = self.asks("openid") && self.asks("offline_access");
        if offline && (prompts.is_none() || has(prompts, "consent")) {
            out.line("# Without it there is no refresh token (OpenID Connect Core section 11).");
            out.line("parameters = { prompt = \"consent\" }");
        }
    }

    fn token(&self, out: &mut Text) {
        out.table("token");
        out.set("url", self.server.token.as_str());
        out.set("client_authentication", self.method.in_definition());
        if self.method.asserts() {
            out.line(&format!(
                "client_assertion = {{ audience = {} }}",
                quoted(&self.server.issuer)
            ));
        }
        if self.is_bound {
            out.line("dpop = true");
        }
    }

    /// Whose the tokens are. A token for another resource does not open the OpenID Provider's own.
    fn account(&self, out: &mut Text) {
        if !self.asks("openid") {
            return;
        }
        let algorithms = algorithms(&self.server.said);
        if let Some(keys) = self.server.keys.as_ref().filter(|_| !algorithms.is_empty()) {
            out.table("id_token");
            out.set("jwks_url", keys.as_str());
            out.list("algorithms", &algorithms);
        }
        let userinfo = self
            .server
            .userinfo
            .as_ref()
            .filter(|_| self.resource.is_none());
        if let Some(url) = userinfo {
            out.line("\n[[identity]]");
            out.set("name", "me");
            out.line(&format!("request = {{ url = {} }}", quoted(url.as_str())));
        }
        let from = if userinfo.is_some() {
            "identity.me"
        } else {
            "id_token"
        };
        out.table("credential");
        out.line("external_id = [\"id_token.sub\"]");
        let labels = ["email", "preferred_username", "name"].map(|claim| format!("{from}.{claim}"));
        out.list("external_label", &labels);
    }
}

/// The text so far.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn table(&mut self, name: &str) {
        self.line(&format!("\n[{name}]"));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.line(&format!("{name} = {}", quoted(value)));
    }

    fn list(&mut self, name: &str, values: &[impl AsRef<str>]) {
        let values = values.iter().map(|value| quoted(value.as_ref()));
        let values: Vec<String> = values.collect();
        self.line(&format!("{name} = [{}]", values.join(", ")));
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn method(
    said: &Said,
    resource: Option<&Resource>,
    wishes: &Wishes,
) -> Result<Method, DiscoveryError> {
    // RFC 8414 section 2.
    let default = vec![Method::ClientSecretBasic.as_str().to_owned()];
    let offered = said.token_endpoint_auth_methods_supported.as_ref();
    let offered = offered.unwrap_or(&default);
    let is_offered = |method: &Method| offered.iter().any(|known| known == method.as_str());
    let asked = wishes.client_authentication;
    let usual = match resource {
        Some(_) => Method::OF_RESOURCES,
        None => Method::USUAL,
    };
    let found = match asked {
        Some(asked) => Some(asked).filter(is_offered),
        None => usual.into_iter().find(is_offered),
    };
    found.ok_or_else(|| {
        let wanted = asked.map_or_else(
            || usual.map(Method::as_str).join(", "),
            |asked| asked.as_str().to_owned(),
        );
        let offered = offered
            .iter()
            .take(10)
            .map(|known| super::metadata::shown(known));
        let offered: Vec<String> = offered.collect();
        DiscoveryError::Unfit(format!(
            "the server takes clients that prove themselves by {}; none of it is {wanted}",
            offered.join(", ")
        ))
    })
}

fn is_bound(
    said: &Said,
    resource: Option<&Resource>,
    wishes: &Wishes,
) -> Result<bool, DiscoveryError> {
    let is_needed = resource.is_some_and(|resource| resource.binds_tokens);
    if !wishes.dpop && !is_needed {
        return Ok(false);
    }
    if has(said.dpop_signing_alg_values_supported.as_ref(), "ES256") {
        return Ok(true);
    }
    Err(DiscoveryError::Unfit(
        "the server does not offer tokens that are bound to an ES256 key (RFC 9449)".into(),
    ))
}

/// What names the account and renews the tokens, and what the resource asks for.
fn scopes(said: &Said, resource: Option<&Resource>) -> Result<Vec<String>, DiscoveryError> {
    let offered = said.scopes_supported.as_ref();
    let usual = ["openid", "email", "offline_access"].map(str::to_owned);
    let usual = usual.into_iter().filter(|scope| has(offered, scope));
    let own = resource.iter().flat_map(|resource| resource.scopes.clone());
    let mut scopes: Vec<String> = Vec::new();
    // A list of scopes may be left out; an OpenID Provider has this one.
    if offered.is_none() && said.id_token_signing_alg_values_supported.is_some() {
        scopes.push("openid".into());
    }
    for scope in usual.chain(own) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.len() > MAX_SCOPES {
        return Err(DiscoveryError::Unfit(format!(
            "the resource names more than {MAX_SCOPES} scopes"
        )));
    }
    Scopes::from_list(scopes.iter().map(String::as_str))
        .map_err(|error| DiscoveryError::Unfit(format!("the resource's scopes: {error}")))?;
    Ok(scopes)
}

fn algorithms(said: &Said) -> Vec<&'static str> {
    let Some(offered) = said.id_token_signing_alg_values_supported.as_ref() else {
        return vec!["RS256"];
    };
    let known = ALGORITHMS.into_iter();
    known.filter(|name| has(Some(offered), name)).collect()
}

fn host(named: &str) -> String {
    let url = Url::parse(named).ok();
    let host = url.as_ref().and_then(Url::host_str);
    host.unwrap_or(named).to_owned()
}

/// A slug of the host and the path.
fn slug(named: &str) -> Result<ProviderSlug, DiscoveryError> {
    let rest = named.split_once("://").map_or(named, |(_, rest)| rest);
    let mut slug = String::new();
    for c in rest.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(64);
    ProviderSlug::parse(slug.trim_end_matches('-'))
        .map_err(|error| DiscoveryError::Given(format!("give it a slug: {error}")))
}
