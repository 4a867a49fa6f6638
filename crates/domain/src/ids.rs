//! A type for every id, so that two of them cannot be swapped.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::random::Random;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id (UUID version 7, RFC 9562): ids made later sort later.
            pub fn generate(now: DateTime<Utc>, random: &dyn Random) -> Self {
                Self(version_7(now, random))
            }

            /// The UUID as it is stored.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

id! {
    /// A tenant of Keyway.
    AccountId;
    /// A person who signs in to the console.
    AdminId;
    /// A browser session of an admin.
    ConsoleSessionId;
    /// A token for the management API.
    ApiTokenId;
    /// The account's client at one provider; the `client_id` of every Keyway URL.
    OauthAppId;
    /// A registered redirect URI.
    RedirectUriId;
    /// One run of the link flow.
    AuthorizationSessionId;
    /// A one-time start link.
    StartLinkId;
    /// An issued authorization code.
    AuthorizationCodeId;
    /// What a provider granted, sealed; a credential points at its newest grant.
    GrantId;
    /// What the provider granted for one external account.
    CredentialId;
    /// An entry of the audit log.
    AuditEventId;
    /// Something that happened to a credential or an OAuth app.
    EventId;
    /// The right to do a piece of work, for a while: to refresh a credential, to send a delivery.
    LeaseId;
    /// Where an account hears of its events.
    WebhookEndpointId;
    /// One event on its way to one endpoint.
    WebhookDeliveryId;
    /// A hosted page for one end user and one connection.
    LinkSessionId;
    /// What an admin asks a gateway to do.
    JobId;
    /// A secret that Keyway made for a client backend.
    ClientSecretId;
    /// A pushed authorization request.
    PushedRequestId;
    /// What Keyway itself granted to a client backend: all tokens that descend from one code.
    RefreshFamilyId;
    /// A refresh token of Keyway's own.
    RefreshTokenId;
    /// A key that Keyway signs with; the `kid` of its tokens.
    SigningKeyId;
    /// A remembered answer to a POST request.
    IdempotencyKeyId;
    /// A version of a provider that an account describes itself.
    ProviderDefinitionId;
}

fn version_7(now: DateTime<Utc>, random: &dyn Random) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes::<10>()).into_uuid()
}
