// A provider whose keys open several accounts.

import { createServer } from 'node:http';

import { onCleanUp } from './cleanup.js';

const ACCOUNTS = [
  { id: 'acct_1', name: 'Blue Bicycle Shop' },
  { id: 'acct_2', name: 'Green Garden Centre' },
  { id: `acct_${'0123456789'.repeat(8)}`, name: 'A name that goes on and on, as names do when many hands have given them' },
  { id: 'acct_4', name: 'acct_4' },
];

/** Starts it; its definition. */
export async function startSeveral() {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ accounts: ACCOUNTS }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  onCleanUp(async () => {
    server.closeAllConnections();
    server.close();
  });
  return definition(`http://127.0.0.1:${server.address().port}`);
}

const definition = (url) => `
name = "Several"
category = "development"
documentation = "https://www.rfc-editor.org/rfc/rfc6750"
checked = "2026-11-27"
certainty = "verified"
auth = "api_key"

[variables.key]
label = "Key"
secret = true

[[identity]]
name = "me"
request = { url = "${url}/me" }

[choice]
from = "identity.me.accounts"
id = "id"
label = "name"

[api]
base_url = "${url}"

[credential]
external_id = ["chosen.id"]
external_label = ["chosen.name"]
`;
