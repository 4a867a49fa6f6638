//! What the providers know: clients, accounts, and everything that they issued.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::random::{OsRandom, Random};

use super::message::{Parameters, Request};

/// A client that is registered at a provider.
#[derive(Debug, Clone)]
pub struct App {
    /// The provider: a slug of the catalogue, or of a definition of the lab's own.
    pub provider: String,
    /// The provider's client id.
    pub client_id: String,
    /// The provider's client secret.
    pub client_secret: String,
    /// Where the provider may send the browser back to.
    pub redirect_uri: String,
}

/// Who is signed in at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What the provider knows the account by: an organisation, a company, a user.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The user's e-mail address.
    pub email: String,
}

/// What an end user agreed to.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) app: App,
    pub(crate) account: Account,
    /// The host of the authorization endpoint.
    pub(crate) host: String,
    /// The authorization request.
    pub(crate) request: Parameters,
    pub(crate) scopes: Vec<String>,
    /// What is turned on for the app, as [`super::Lab::turn_on`] names it.
    pub(crate) switches: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) grant: usize,
    pub(crate) ends: DateTime<Utc>,
    pub(crate) spent: bool,
}

#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) grant: usize,
    pub(crate) ends: Option<DateTime<Utc>>,
    pub(crate) ended: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) apps: Vec<App>,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) switches: BTreeSet<(String, String)>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) access: BTreeMap<String, Token>,
    pub(crate) refresh: BTreeMap<String, Token>,
}

impl Desk {
    pub(crate) fn app(&self, provider: &str, client_id: &str) -> Option<&App> {
        let mut of = self.apps.iter().filter(|app| app.provider == provider);
        of.find(|app| app.client_id == client_id)
    }

    /// The client that id and secret prove.
    pub(crate) fn proven(&self, provider: &str, id: &str, secret: &str) -> Option<&App> {
        self.app(provider, id)
            .filter(|app| app.client_secret == secret)
    }

    /// What is turned on for a provider.
    pub(crate) fn switches_of(&self, provider: &str) -> BTreeSet<String> {
        let of = self.switches.iter().filter(|(slug, _)| slug == provider);
        of.map(|(_, name)| name.clone()).collect()
    }

    pub(crate) fn add_grant(&mut self, grant: Grant) -> usize {
        self.grants.push(grant);
        self.grants.len() - 1
    }

    pub(crate) fn grant(&self, index: usize) -> &Grant {
        self.grants.get(index).expect("a grant of this desk")
    }

    /// The grant of an access token that is still good.
    pub(crate) fn live_access(&self, token: &str, now: DateTime<Utc>) -> Option<&Grant> {
        self.access
            .get(token)
            .filter(|token| token.is_live(now))
            .map(|token| self.grant(token.grant))
    }

    /// The grant of a request's Bearer token at `provider`.
    pub(crate) fn bearer(
        &self,
        provider: &str,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Option<&Grant> {
        self.live_access(request.bearer()?, now)
            .filter(|grant| grant.app.provider == provider)
    }

    /// Ends one access token; `false` if there is none such.
    pub(crate) fn end_access(&mut self, token: &str) -> bool {
        end(&mut self.access, token)
    }

    /// Ends one refresh token; `false` if there is none such.
    pub(crate) fn end_refresh(&mut self, token: &str) -> bool {
        end(&mut self.refresh, token)
    }

    /// Ends the grant behind an access or refresh token, whichever it is, and all its tokens.
    pub(crate) fn end_grant_of(&mut self, token: &str) -> bool {
        let found = self.access.get(token).or_else(|| self.refresh.get(token));
        let Some(live) = found.filter(|token| !token.ended) else {
            return false;
        };
        let grant = live.grant;
        self.end_grant(grant);
        true
    }

    pub(crate) fn end_grant(&mut self, grant: usize) {
        for token in self.access.values_mut().chain(self.refresh.values_mut()) {
            token.ended |= token.grant == grant;
        }
    }
}

impl Token {
    pub(crate) fn new(grant: usize, life: Option<i64>, now: DateTime<Utc>) -> Self {
        Self {
            grant,
            ends: life.map(|seconds| now + TimeDelta::seconds(seconds)),
            ended: false,
        }
    }

    pub(crate) fn is_live(&self, now: DateTime<Utc>) -> bool {
        !self.ended && self.ends.is_none_or(|ends| now < ends)
    }
}

fn end(tokens: &mut BTreeMap<String, Token>, token: &str) -> bool {
    match tokens.get_mut(token) {
        Some(live) if !live.ended => {
            live.ended = true;
            true
        }
        _ => false,
    }
}

/// 43 characters that nobody can guess.
pub(crate) fn random() -> String {
    let random: &dyn Random = &OsRandom;
    random.token().expose().clone()
}
