// How a client here and the test that drives it talk: the client prints where the browser is to go,
// and reads where it came out; at its end it prints what it saw.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

export const { KEYWAY_URL, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, PRIVATE_KEY, MODE } = process.env

export async function browse(url) {
  console.log(`OPEN ${url}`)
  const { value, done } = await lines.next()
  if (done) throw new Error('the browser never came back')
  return new URL(value)
}

export function done(seen) {
  console.log(`DONE ${JSON.stringify(seen)}`)
  process.exit(0)
}

/** The client's own key, as WebCrypto holds it. */
export async function privateKey() {
  const der = Buffer.from(PRIVATE_KEY, 'base64')
  return crypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
}
