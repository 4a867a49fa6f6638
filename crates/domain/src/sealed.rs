//! Ciphertexts, and the place that each is bound to.

use uuid::Uuid;

use crate::ids::{
    AccountId, AuthorizationCodeId, AuthorizationSessionId, GrantId, IdempotencyKeyId,
    LinkSessionId, OauthAppId, PushedRequestId, SigningKeyId, StartLinkId, WebhookEndpointId,
};

/// A ciphertext as it lies in the database. Only the vault can make or open one.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Wraps bytes read from the database or made by the vault.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The one field of one row that a ciphertext belongs to.
///
/// It is the additional data of the seal: a ciphertext that was moved to another table, column,
/// row or account does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Table of the field.
    pub table: &'static str,
    /// Column of the field.
    pub column: &'static str,
    /// Primary key of the row.
    pub row: Uuid,
    /// Account that owns the row.
    pub account: AccountId,
}

impl Place {
    /// The provider's client secret of an OAuth app.
    pub fn oauth_app_client_secret(app: OauthAppId, account: AccountId) -> Self {
        Self::at("oauth_apps", "sealed_client_secret", app.uuid(), account)
    }

    /// The client's `state`, the PKCE verifier and the nonce of a flow.
    pub fn session_secrets(session: AuthorizationSessionId, account: AccountId) -> Self {
        Self::at(
            "authorization_sessions",
            "sealed_secrets",
            session.uuid(),
            account,
        )
    }

    /// A provider's answer by `form_post`, kept for the moment between two requests.
    pub fn session_response(session: AuthorizationSessionId, account: AccountId) -> Self {
        Self::at(
            "authorization_sessions",
            "sealed_response",
            session.uuid(),
            account,
        )
    }

    /// What was granted, while the end user chooses one of its accounts.
    pub fn session_choice(session: AuthorizationSessionId, account: AccountId) -> Self {
        Self::at(
            "authorization_sessions",
            "sealed_choice",
            session.uuid(),
            account,
        )
    }

    /// The client's `state`, kept beside the code that it comes back with.
    pub fn code_state(code: AuthorizationCodeId, account: AccountId) -> Self {
        Self::at("authorization_codes", "sealed_state", code.uuid(), account)
    }

    /// The client's `state`, kept with a one-time start link.
    pub fn start_link_state(link: StartLinkId, account: AccountId) -> Self {
        Self::at("start_links", "sealed_state", link.uuid(), account)
    }

    /// The tokens and other secret properties of a grant.
    pub fn grant_secrets(grant: GrantId, account: AccountId) -> Self {
        Self::at("grants", "sealed_secrets", grant.uuid(), account)
    }

    /// The client's `state`, kept with a link session.
    pub fn link_session_state(session: LinkSessionId, account: AccountId) -> Self {
        Self::at("link_sessions", "sealed_state", session.uuid(), account)
    }

    /// What signs the deliveries of a webhook endpoint. A rotation moves the ciphertext to
    /// `sealed_previous_secret` as it is, since the console rotates and cannot open: it opens as
    /// what it was sealed as.
    pub fn webhook_secret(endpoint: WebhookEndpointId, account: AccountId) -> Self {
        Self::at(
            "webhook_endpoints",
            "sealed_secret",
            endpoint.uuid(),
            account,
        )
    }

    /// A remembered answer, which may hold a secret that is shown once.
    pub fn idempotent_response(key: IdempotencyKeyId, account: AccountId) -> Self {
        Self::at("idempotency_keys", "sealed_response", key.uuid(), account)
    }

    /// What a client backend asks for, pushed before the browser comes.
    pub fn pushed_parameters(request: PushedRequestId, account: AccountId) -> Self {
        Self::at(
            "pushed_requests",
            "sealed_parameters",
            request.uuid(),
            account,
        )
    }

    /// The private half of a signing key: the installation's, and no account's.
    pub fn signing_key(key: SigningKeyId) -> Self {
        let nobody = AccountId::from(Uuid::nil());
        Self::at("signing_keys", "sealed_private_key", key.uuid(), nobody)
    }

    fn at(table: &'static str, column: &'static str, row: Uuid, account: AccountId) -> Self {
        Self {
            table,
            column,
            row,
            account,
        }
    }
}
