//! What a definition says of authorization requests.

use keyway_domain::scope::Scopes;

use super::{Authorize, ClientAuthentication, Definition, Pkce};

impl Definition {
    /// The scopes that an authorization request carries: those asked for, and those without which
    /// Keyway cannot do its part.
    pub fn with_mandatory(&self, scopes: &Scopes) -> Scopes {
        scopes.clone().and(&self.mandatory_scopes())
    }

    /// The scopes asked for by default.
    pub fn default_scopes(&self) -> Scopes {
        Scopes::from_list(self.asked(|authorize| &authorize.default_scopes)).unwrap_or_default()
    }

    fn asked(&self, list: fn(&Authorize) -> &Vec<String>) -> impl Iterator<Item = &str> {
        let lists = self.authorize.iter().map(list);
        lists.flatten().map(String::as_str)
    }

    /// What stands between scopes on the wire.
    pub fn scope_separator(&self) -> &str {
        let authorize = self.authorize.as_ref();
        authorize.map_or(" ", |authorize| authorize.scope_separator.as_str())
    }

    /// Whether a PKCE challenge is sent, and so a verifier.
    pub fn takes_pkce(&self) -> bool {
        let authorize = self.authorize.as_ref();
        authorize.is_some_and(|authorize| authorize.pkce != Pkce::None)
    }

    /// Whether a flow with these scopes yields an `id_token` that a nonce should bind.
    pub fn wants_nonce(&self, scopes: &Scopes) -> bool {
        self.callback.issuer.is_some() && scopes.as_slice().iter().any(|scope| scope == "openid")
    }

    /// Whether tokens are bound to a key of each credential's own (RFC 9449).
    pub fn binds_tokens(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.dpop)
    }

    /// Whether an app's secret is a private key, whose public half is registered at the provider.
    pub fn has_keys(&self) -> bool {
        let token = self.token.as_ref();
        !self.auth.is_entered()
            && token.is_some_and(|token| {
                token.client_authentication == ClientAuthentication::PrivateKeyJwt
            })
    }

    /// Whether the request is pushed before the browser goes (RFC 9126).
    pub fn pushes_requests(&self) -> bool {
        let authorize = self.authorize.as_ref();
        authorize.is_some_and(|authorize| authorize.par.is_some())
    }

    /// Whether scopes are asked for on the wire at all.
    pub fn takes_scopes(&self) -> bool {
        let authorize = self.authorize.as_ref();
        authorize.is_some_and(|authorize| authorize.parameter("scope").is_some())
    }

    /// The scopes that are always asked for.
    pub fn mandatory_scopes(&self) -> Scopes {
        Scopes::from_list(self.asked(|authorize| &authorize.mandatory_scopes)).unwrap_or_default()
    }
}
