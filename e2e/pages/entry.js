// How a page is described.

/** `as`: the account whose admin looks at it; null for anybody. `heading`: its first, to know it by. */
export function entry(name, state, as, heading, open) {
  return { id: `${name}--${state}`, name, state, as, heading, open };
}

/** At an address of the console. */
export function at(path) {
  return (page, world) => page.goto(world.console + (typeof path === 'function' ? path(world) : path));
}

/** There, and then something more. */
export function then(open, more) {
  return async (page, world) => {
    await open(page, world);
    await more(page, world);
  };
}

/** Presses a button of the form, and waits for the answer. */
export async function send(page, name) {
  const answer = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.getByRole('button', { name, exact: true }).click();
  await (await answer).finished();
  await page.waitForLoadState('load');
}
