// What an end user does between a start link and the client.

/** A client of nobody's: its address is only read from where the browser wants to go. */
export const CLIENT = 'https://app.example/oauth2/callback';

/** Waits for the page to go to an address that begins so, whoever may listen there. */
export async function leads(page, to) {
  const request = await page.waitForRequest((request) => request.url().startsWith(to));
  return new URL(request.url());
}

/** The link that begins a flow. */
export function startLink(gateway, app, provider, more = {}) {
  const query = new URLSearchParams({ client_id: app.id, redirect_uri: `${CLIENT}/${provider}`, ...more });
  return `${gateway}/link/oauth2/start?${query}`;
}

/** Through the sample provider and back, with this answer; what the client receives. */
export async function throughSample(context, link, { answer = 'Allow', workspace = 'Blue Bicycle Shop', client = CLIENT } = {}) {
  const page = await context.newPage();
  const arrived = leads(page, `${client}/`);
  await page.goto(link);
  await page.getByLabel('Workspace').selectOption(workspace);
  await page.getByRole('button', { name: answer }).click();
  const { searchParams } = await arrived;
  await page.close();
  return searchParams;
}

/** What the client backend does with the code. */
export async function redeem(gateway, app, code) {
  const response = await fetch(`${gateway}/link/oauth2/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, client_id: app.id, client_secret: app.clientSecret }),
  });
  if (!response.ok) throw new Error(`no credential: ${response.status} ${await response.text()}`);
  return response.json();
}
