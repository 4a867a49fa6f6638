// A client backend's webhook receiver.

import { createServer } from 'node:http';

import { onCleanUp } from './cleanup.js';

/**
 * Starts it; its URL. `take` gets each delivery's path, body as it came and headers, and answers a
 * status. Without it `/gone` answers 410, and new credentials find it broken.
 */
export async function startReceiver(take = status) {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      response.statusCode = take(request.url, Buffer.concat(chunks).toString(), request.headers);
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

function status(path, body) {
  if (path.startsWith('/gone')) return 410;
  return JSON.parse(body).type === 'credential.created' ? 500 : 204;
}
