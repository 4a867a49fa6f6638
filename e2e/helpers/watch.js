// What a browser asked for, and what it complained of.

import assert from 'node:assert/strict';

/** A document that is refused on purpose; the tests look at its status themselves. */
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d/;

/** Watches every page of a browser context. */
export class Watch {
  #requests = [];
  #complaints = [];

  constructor(context) {
    context.on('request', (request) => this.#requests.push(new URL(request.url())));
    context.on('page', (page) => {
      page.on('console', (message) => this.#said(page, message));
      page.on('pageerror', (error) => this.#complaints.push(`${page.url()}: ${error}`));
    });
  }

  #said(page, message) {
    const isDocument = message.location().url === page.url();
    const grave = ['error', 'warning'].includes(message.type());
    if (!grave || (isDocument && REFUSED.test(message.text()))) return;
    this.#complaints.push(`${page.url()}: ${message.type()}: ${message.text()}`);
  }

  /** Nothing but these origins was asked for anything. */
  assertOnly(...origins) {
    const asked = new Set(this.#requests.filter((url) => url.protocol !== 'data:').map((url) => url.origin));
    for (const origin of origins) asked.delete(new URL(origin).origin);
    assert.deepEqual([...asked], [], 'requests to third parties');
  }

  /** No error or warning in the browser's console; a violated content security policy is one. */
  assertQuiet() {
    assert.deepEqual(this.#complaints, []);
  }
}
