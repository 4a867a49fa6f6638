// A real authorization server that nobody here wrote: npm's oidc-provider, with PKCE required. Its
// login and consent pages are its own.

import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

import { onCleanUp } from './cleanup.js';

/**
 * Starts it. Browsers meet it as `localhost` and Keyway as `127.0.0.1`: two sites to a browser, as a
 * provider and Keyway are.
 */
export async function startOidcServer() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const issuer = `http://localhost:${port}`;
  const handle = new Provider(issuer, configuration()).callback();
  const tokenRequests = [];
  server.on('request', (request, response) => {
    if (request.url === '/token') tokenRequests.push(request.headers);
    handle(request, response);
  });
  onCleanUp(async () => {
    server.close();
    server.closeAllConnections();
  });
  return {
    issuer,
    address: `127.0.0.1:${port}`,
    /** The headers of every request to its token endpoint. */
    tokenRequests,
  };
}

function configuration() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      revocation: { enabled: true },
    },
    scopes: ['openid', 'email', 'offline_access'],
    claims: { openid: ['sub'], email: ['email'] },
    // Whatever name is typed at its login is an account.
    findAccount: (_, name) => ({
      accountId: name,
      claims: () => ({ sub: name, email: `${name}@people.example` }),
    }),
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
    // A browser takes `SameSite=None`, its default for these, over https only.
    cookies: { keys: [randomBytes(32).toString('hex')], long: { signed: true, sameSite: 'lax' }, short: { signed: true } },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 3600 },
  };
}

/** Registers a client as its owner would: here by RFC 7591, with the callback URL that Keyway shows. */
export async function registerClient(server, callbackUrl) {
  const response = await fetch(`http://${server.address}/reg`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [callbackUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
    }),
  });
  assert.equal(response.status, 201, await response.clone().text());
  return response.json();
}

/** The definition that an operator writes for it. */
export function definition(server, { name, kind, formPost = false }) {
  const there = `http://${server.address}`;
  return `
name = "${name}"
category = "identity"
documentation = "https://github.com/panva/node-oidc-provider"
checked = "2026-11-21"
certainty = "verified"

[authorize]
url = "${server.issuer}/auth"
pkce = "required"
default_scopes = ["openid", "email", "offline_access"]
mandatory_scopes = ["openid"]
${formPost ? 'response_mode = "form_post"' : ''}
# Without it there is no refresh token (OpenID Connect Core section 11).
parameters = { prompt = "consent" }

[callback]
issuer = "${server.issuer}"
issuer_required = true

[token]
url = "${there}/token"
client_authentication = "basic"

[refresh]
rotation = "renewed"

[revoke]
method = "POST"
url = "${there}/token/revocation"
authorization = "client_basic"
form = { token = "{refresh_or_access_token}" }

[[identity]]
name = "userinfo"
request = { url = "${there}/me" }

[credential]
kind = "${kind}"
external_id = ["id_token.sub"]
external_label = ["identity.userinfo.email"]

[credential.properties]
access_token = { from = ["granted.access_token"], secret = true }
refresh_token = { from = ["granted.refresh_token"], secret = true }
expires_at = { from = ["granted.expires_at"] }
scope = { from = ["granted.scope"] }
subject = { from = ["id_token.sub"] }
email = { from = ["identity.userinfo.email"] }
`;
}

/** Signs in at the server's own login page. */
export async function logIn(page, name) {
  await page.getByPlaceholder('Enter any login').fill(name);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
}

/** Agrees on the server's own consent page. */
export async function consent(page) {
  await page.getByRole('heading', { name: 'Authorize' }).waitFor();
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** Goes away from either page. */
export async function cancel(page) {
  await page.getByRole('link', { name: 'Cancel' }).click();
}
