// A client backend's webhook receiver.

import { createServer } from 'node:http';

import { onCleanUp } from './cleanup.js';

/** Starts it; its URL. `/gone` answers 410, and new credentials find it broken. */
export async function startReceiver() {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      response.statusCode = status(request.url, JSON.parse(Buffer.concat(chunks)));
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  onCleanUp(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

function status(path, { type }) {
  if (path.startsWith('/gone')) return 410;
  return type === 'credential.created' ? 500 : 204;
}
