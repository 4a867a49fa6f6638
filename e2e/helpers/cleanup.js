// What a journey has started, and how it ends.

const started = [];

/** Remembers how something is stopped. */
export function onCleanUp(stop) {
  started.push(stop);
}

/** Stops everything, the last thing first, however far the journey came. */
export async function cleanUp() {
  const errors = [];
  for (const stop of started.splice(0).reverse()) await stop().catch((error) => errors.push(error));
  if (errors.length) throw new AggregateError(errors, errors.map(String).join('\n'));
}
