// oidc-provider with a Map for a store and opaque tokens: its own fastest form. Besides its own
// endpoints it makes codes, so that the exchange can be measured without a browser.

import { createServer } from 'node:http';
import Provider from '../../../../e2e/node_modules/oidc-provider/lib/index.js';

const [port] = process.argv.slice(2).map(Number);
const redirectUri = 'https://client.example/callback';
const store = new Map();

class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async find(id) {
    return store.get(this.key(id));
  }

  async upsert(id, payload) {
    store.set(this.key(id), payload);
  }

  async consume(id) {
    store.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    store.delete(this.key(id));
  }

  async revokeByGrantId() {}
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Adapter,
  clients: [{
    client_id: 'client',
    client_secret: 'secret',
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: 'client_secret_post',
  }],
  features: { devInteractions: { enabled: false } },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  scopes: ['read'],
  ttl: { AccessToken: 3600, AuthorizationCode: 3600, Grant: 3600 },
});

async function code(client) {
  const grant = new provider.Grant({ accountId: 'account', clientId: 'client' });
  grant.addOIDCScope('read');
  const grantId = await grant.save();
  const authorizationCode = new provider.AuthorizationCode({
    accountId: 'account',
    client,
    grantId,
    redirectUri,
    scope: 'read',
  });
  return authorizationCode.save();
}

const callback = provider.callback();

createServer(async (request, response) => {
  const wanted = /^\/bench\/codes\/(\d+)$/.exec(request.url);
  if (!wanted) {
    callback(request, response);
    return;
  }
  // What earlier codes left behind would only slow it down.
  store.clear();
  const client = await provider.Client.find('client');
  const codes = [];
  for (let i = 0; i < Number(wanted[1]); i += 1) {
    codes.push(await code(client));
  }
  const body = codes.join('\n');
  response.writeHead(200, { 'content-length': Buffer.byteLength(body) });
  response.end(body);
}).listen(port, '127.0.0.1');
