//! Accounts, apps and redirect URIs for the console to show.

use keyway_domain::{
    Random, SecretString,
    account::{Email, slug},
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    ids::{
        AccountId, AdminId, ApiTokenId, ClientSecretId, CredentialId, OauthAppId,
        ProviderDefinitionId, RedirectUriId, WebhookEndpointId,
    },
    opaque::ClientSecret,
    provider::ProviderSlug,
    random::OsRandom,
    redirect_uri::RedirectUriTemplate,
    sealed::Place,
    webhook::{WebhookSecret, WebhookUrl},
};
use keyway_store::{
    NewAccount, NewAdmin, NewApiToken, NewDefinition, NewOauthApp, NewWebhookEndpoint,
    RegisteredUri,
};

use keyway_vault::digest;

use crate::support::{Console, PASSWORD};

pub fn random() -> &'static dyn Random {
    &OsRandom
}

impl Console {
    /// An account with one admin.
    pub async fn account(&self, name: &str, email: &str) -> AccountId {
        let now = self.now();
        let account = NewAccount {
            id: AccountId::generate(now, random()),
            slug: slug(name).expect("a name"),
            name: name.to_owned(),
            created_at: now,
        };
        let password_hash = self.app.passwords.hash(PASSWORD.into(), random()).await;
        let admin = NewAdmin {
            id: AdminId::generate(now, random()),
            email: Email::parse(email).expect("an address"),
            password_hash: password_hash.expect("a hash"),
            created_at: now,
        };
        let stored = self
            .app
            .store
            .insert_admin(&account, &admin, Actor::Operator);
        stored.await.expect("an admin").account.id
    }

    /// An app; its client secret is `secret-<client id>`.
    pub async fn oauth_app(
        &self,
        account: AccountId,
        provider: &str,
        name: &str,
        client_id: &str,
    ) -> OauthAppId {
        let now = self.now();
        let id = OauthAppId::generate(now, random());
        let place = Place::oauth_app_client_secret(id, account);
        let secret = SecretString::new(format!("secret-{client_id}"));
        let new = NewOauthApp {
            id,
            account_id: account,
            provider: ProviderSlug::parse(provider).expect("a slug"),
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            sealed_client_secret: self.ring.seal(&place, &secret, random()).expect("sealed"),
            scopes: None,
            created_at: now,
            variables: std::collections::BTreeMap::new(),
            metadata: serde_json::Map::new(),
        };
        let inserted = self.app.store.insert_oauth_app(&new, Actor::Operator);
        inserted.await.expect("an app");
        id
    }

    /// A webhook endpoint; its secret is sealed as the gateway seals it.
    pub async fn webhook(&self, account: AccountId, url: &str) -> WebhookEndpointId {
        self.described_webhook(account, url, None).await
    }

    pub async fn described_webhook(
        &self,
        account: AccountId,
        url: &str,
        description: Option<&str>,
    ) -> WebhookEndpointId {
        let now = self.now();
        let id = WebhookEndpointId::generate(now, random());
        let secret = WebhookSecret::generate(random());
        let place = Place::webhook_secret(id, account);
        let sealed = self.ring.seal(&place, secret.secret(), random());
        let new = NewWebhookEndpoint {
            id,
            account_id: account,
            url: WebhookUrl::parse(url).expect("a URL"),
            description: description.map(str::to_owned),
            events: None,
            sealed_secret: sealed.expect("sealed"),
            created_at: now,
        };
        let inserted = self
            .app
            .store
            .insert_webhook_endpoint(&new, Actor::Operator);
        inserted.await.expect("an endpoint");
        id
    }

    /// The first version of a provider of the account's own.
    pub async fn own_provider(&self, account: AccountId, slug: &str, text: &str) {
        let new = NewDefinition {
            id: ProviderDefinitionId::generate(self.now(), random()),
            slug: ProviderSlug::parse(slug).expect("a slug"),
            follows: 0,
            text: text.to_owned(),
            note: None,
        };
        let store = &self.app.store;
        let saved = store.save_definition(account, &new, Actor::Operator, self.now());
        assert!(saved.await.expect("an answer"));
    }

    pub async fn redirect_uri(&self, account: AccountId, uri: &str) -> RedirectUriId {
        let now = self.now();
        let new = RegisteredUri {
            id: RedirectUriId::generate(now, random()),
            uri: RedirectUriTemplate::parse(uri).expect("a redirect URI"),
            created_at: now,
        };
        let inserted = self
            .app
            .store
            .insert_redirect_uri(account, &new, Actor::Operator);
        inserted.await.expect("a redirect URI");
        new.id
    }

    /// A secret that Keyway made for an app.
    pub async fn client_secret(&self, account: AccountId, app: OauthAppId) -> ClientSecretId {
        let now = self.now();
        let id = ClientSecretId::generate(now, random());
        let secret = digest::unkeyed(&ClientSecret::generate(random()));
        let store = &self.app.store;
        let inserted = store.insert_client_secret(account, app, id, secret, Actor::Operator, now);
        assert!(inserted.await.expect("an answer"));
        id
    }

    /// An API token for the proxy.
    pub async fn api_token(&self, account: AccountId, name: &str) -> (ApiTokenId, ApiToken) {
        let now = self.now();
        let token = ApiToken::generate(random());
        let new = NewApiToken {
            id: ApiTokenId::generate(now, random()),
            account_id: account,
            name: name.to_owned(),
            digest: keyway_vault::digest::unkeyed(&token),
            scopes: ApiScope::parse_list("proxy").expect("a scope"),
            created_at: now,
            expires_at: None,
        };
        let inserted = self.app.store.insert_api_token(&new, Actor::Operator);
        inserted.await.expect("a token");
        (new.id, token)
    }

    /// Has a credential in this state of health, as a gateway writes it.
    pub async fn ail(&self, credential: CredentialId, status: &str, note: &str) {
        let client = self.database.client().await;
        let now = self.now().to_rfc3339();
        let changed = client
            .execute(
                "WITH changed AS (
                     UPDATE credentials
                     SET health_status = $2, health_notes = jsonb_build_array($3::text), health_at = $4::text::timestamptz
                     WHERE id::text = $1
                     RETURNING id, account_id, oauth_app_id, health_status, health_notes
                 )
                 INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
                 SELECT gen_random_uuid(), account_id, 'credential.refresh_failed', id, oauth_app_id,
                        jsonb_build_object('health', jsonb_build_object('status', health_status, 'notes', health_notes)),
                        $4::text::timestamptz
                 FROM changed",
                &[&credential.to_string(), &status, &note, &now],
            )
            .await;
        assert_eq!(changed.expect("changed"), 1);
    }
}
