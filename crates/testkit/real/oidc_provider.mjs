// npm's oidc-provider, as strict as it is asked to be, with an end user who agrees to everything.
// Started by crates/testkit/src/real.rs; it ends when its standard input does.
//
// Options, as JSON in the first argument:
//   par       authorization requests must be pushed (RFC 9126)
//   dpop      tokens are bound to keys, and every proof needs a nonce (RFC 9449)
//   audience  a client's assertion must be for the issuer alone
//   registration  whether clients may register (RFC 7591); they may, if not said
//   methods   how clients may prove themselves, by registered names
//   tls       { cert, key, ca }: https, where clients prove themselves by a certificate (RFC 8705)
//
// Besides its own endpoints: POST /client registers a client that proves itself by private_key_jwt or
// tls_client_auth, and GET /seen tells which requests came.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as plainRequest } from 'node:http';
import { createServer as createSecureServer, request as secureRequest } from 'node:https';
import { text } from 'node:stream/consumers';

import Provider, { errors } from '../../../e2e/node_modules/oidc-provider/lib/index.js';

// It warns that its store is in memory, as it should be here.
console.warn = () => {};
console.info = () => {};

const options = JSON.parse(process.argv[2] ?? '{}');
const server = options.tls
  ? createSecureServer({ ...options.tls, requestCert: true, rejectUnauthorized: false })
  : createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `${options.tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const provider = new Provider(issuer, {
  clientAuthMethods: options.methods ?? ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none', ...(options.tls ? ['tls_client_auth'] : [])],
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: options.registration ?? true },
    revocation: { enabled: true },
    pushedAuthorizationRequests: {
      enabled: Boolean(options.par),
      requirePushedAuthorizationRequests: Boolean(options.par),
    },
    dPoP: options.dpop
      ? { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true }
      : { enabled: false },
    mTLS: options.tls
      ? {
        enabled: true,
        tlsClientAuth: true,
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
          && ctx.socket.getPeerCertificate().subjectaltname === `DNS:${expected}`,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate(),
      }
      : { enabled: false },
  },
  assertJwtClientAuthClaimsAndHeader(ctx, claims) {
    if (options.audience && claims.aud !== issuer) {
      throw new errors.InvalidClientAuth('aud must be the issuer');
    }
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
  scopes: ['openid', 'email', 'offline_access'],
  claims: { openid: ['sub'], email: ['email'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@people.example` }) }),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'first', alg: 'RS256', use: 'sig' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 3600 },
});

/** Carol signs in and agrees. */
async function agree(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: 'carol' } });
    return;
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

/** Asks the server itself, as anybody would. */
function post(path, body) {
  const ask = options.tls ? secureRequest : plainRequest;
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const asking = ask(`${issuer}${path}`, { method: 'POST', headers, ca: options.tls?.ca });
    asking.on('error', reject);
    asking.on('response', (answer) => text(answer).then(JSON.parse).then(resolve, reject));
    asking.end(JSON.stringify(body));
  });
}

/**
 * Registers a client as its owner would: by the name in its certificate, or with the public half of a
 * new key, or where to find it.
 */
async function register({ redirect_uri: redirectUri, jwks_uri: jwksUri, dns_name: dnsName }) {
  const client = {
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    ...(options.dpop ? { dpop_bound_access_tokens: true } : {}),
  };
  if (dnsName) {
    const proof = { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: dnsName };
    return post('/reg', { ...client, ...proof });
  }
  const { publicKey, privateKey: own } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const registered = await post('/reg', {
    ...client,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    ...(jwksUri ? { jwks_uri: jwksUri } : { jwks: { keys: [publicKey.export({ format: 'jwk' })] } }),
  });
  return { ...registered, private_key: own.export({ type: 'pkcs8', format: 'pem' }) };
}

/** What a proof says, unverified. */
function claims(proof) {
  return proof ? JSON.parse(Buffer.from(proof.split('.')[1], 'base64url')) : null;
}

const seen = [];
const callback = provider.callback();

async function handle(request, response) {
  const { pathname, searchParams } = new URL(request.url, issuer);
  if (pathname === '/seen') {
    response.end(JSON.stringify(seen));
    return;
  }
  if (pathname === '/client') {
    const body = await register(JSON.parse(await text(request)));
    response.end(JSON.stringify(body));
    return;
  }
  const record = {
    method: request.method,
    path: pathname,
    query: Object.fromEntries(searchParams),
    authorization: request.headers.authorization?.split(' ')[0] ?? null,
    proof: claims(request.headers.dpop),
  };
  seen.push(record);
  response.on('finish', () => { record.status = response.statusCode; });
  if (pathname.startsWith('/interaction/')) await agree(request, response);
  else callback(request, response);
}

server.on('request', (request, response) => {
  handle(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
process.stdin.on('end', () => process.exit()).resume();
process.stdout.write(`${issuer}\n`);
