// What an admin does in the console, by what they see there.

/** Sets Keyway up by the one-time link. */
export async function setUp(page, link, { account, email, password }) {
  await page.goto(link);
  await page.getByLabel('Account name').fill(account);
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('Password once more').fill(password);
  await page.getByRole('button', { name: 'Create account and sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}

/** Signs in, wherever in the console the sign-in page was asked for. */
export async function signIn(page, { email, password }) {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Opens the form for an app of this provider. */
export async function openRegistration(page, console, provider) {
  await page.goto(`${console}/oauth-apps`);
  await page.getByRole('link', { name: /Register an OAuth app|Choose a provider/ }).first().click();
  // Many are called alike: the search first, as people do, and then the one of that slug.
  const slug = provider.toLowerCase().replaceAll(' ', '-');
  await page.getByLabel('Name or category').fill(provider);
  await page.getByRole('button', { name: 'Search' }).click();
  await page.locator(`a[href="/oauth-apps/new/${slug}"]`).click();
  await page.getByRole('heading', { name: `Register ${provider}` }).waitFor();
}

/** Fills in the form and sends it. */
export async function register(page, { name, clientId, clientSecret, scopes = '' }) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Client ID').fill(clientId);
  await page.getByLabel('Client secret').fill(clientSecret);
  await page.getByLabel('Scopes').fill(scopes);
  await page.getByRole('button', { name: 'Register' }).click();
}

/** Adds a redirect URI. */
export async function addRedirectUri(page, console, uri) {
  await page.goto(`${console}/redirect-uris`);
  await page.getByLabel('Add a redirect URI').fill(uri);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
}

/** Fills in the form of a webhook endpoint. */
export async function fillWebhook(page, { url, description = '', events }) {
  await page.getByLabel('URL').fill(url);
  await page.getByLabel('Description').fill(description);
  if (!events) return;
  await page.getByLabel('Only those that are ticked').check();
  for (const box of await page.getByRole('checkbox').all()) {
    await box.setChecked(events.includes(await box.getAttribute('name')));
  }
}

/** Adds a webhook endpoint; the path of its page. */
export async function addWebhook(page, console, fields) {
  await page.goto(`${console}/webhooks/new`);
  await fillWebhook(page, fields);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('link', { name: 'I have copied it' }).click();
  await page.getByRole('heading', { name: 'Webhook endpoint' }).waitFor();
  return new URL(page.url()).pathname;
}

/** The value beside a word in a page's list of facts. */
export function fact(page, word) {
  return page.locator('dl.facts > div', { has: page.getByText(word, { exact: true }) }).locator('dd');
}

/** The text of the row of a table that holds this. */
export function row(page, text) {
  return page.getByRole('row').filter({ hasText: text });
}
