// oauth4webapi, unmodified, against a gateway: MODE is `secret`, `key`, or `public`.
import * as oauth from 'oauth4webapi'
import { CLIENT_ID, CLIENT_SECRET, KEYWAY_URL, MODE, REDIRECT_URI, browse, done, privateKey } from './talk.js'

const http = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(KEYWAY_URL)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...http, algorithm: 'oauth2' }))
const client = { client_id: CLIENT_ID }
const auth = {
  secret: () => oauth.ClientSecretBasic(CLIENT_SECRET),
  key: async () => oauth.PrivateKeyJwt(await privateKey()),
  public: () => oauth.None(),
}
const proof = await auth[MODE]()
const DPoP = MODE === 'secret' ? undefined : oauth.DPoP(client, await oauth.generateKeyPair('ES256'))

// Again with the nonce, if it is asked for (RFC 9449 section 8).
async function withNonce(attempt) {
  try {
    return await attempt()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    seen.nonce = true
    return attempt()
  }
}

const seen = { nonce: false }
const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()]
const wanted = {
  client_id: CLIENT_ID, response_type: 'code', redirect_uri: REDIRECT_URI, scope: 'openid', state, nonce,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
}
const pushed = await withNonce(async () => oauth.processPushedAuthorizationResponse(as, client,
  await oauth.pushedAuthorizationRequest(as, client, proof, wanted, { ...http, DPoP })))
const start = new URL(as.authorization_endpoint)
start.search = new URLSearchParams({ client_id: CLIENT_ID, request_uri: pushed.request_uri })

const returned = oauth.validateAuthResponse(as, client, await browse(start), state)
const tokens = await withNonce(async () => oauth.processAuthorizationCodeResponse(as, client,
  await oauth.authorizationCodeGrantRequest(as, client, proof, returned, REDIRECT_URI, verifier, { ...http, DPoP }),
  { expectedNonce: nonce, requireIdToken: true }))
// The answer is kept for its signature: a clone could not be read twice.
const refreshResponse = await withNonce(async () => {
  const response = await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token, { ...http, DPoP })
  const refreshed = await oauth.processRefreshTokenResponse(as, client, response)
  await oauth.validateApplicationLevelSignature(as, response, http)
  return refreshed
})
if (MODE !== 'secret') {
  const sub = oauth.getValidatedIdTokenClaims(tokens).sub
  const answer = await withNonce(async () => oauth.processUserInfoResponse(as, client, sub,
    await oauth.userInfoRequest(as, client, refreshResponse.access_token, { ...http, DPoP })))
  seen.userinfo = answer.sub === tokens.credential_id
}
async function introspect() {
  return oauth.processIntrospectionResponse(as, client,
    await oauth.introspectionRequest(as, client, proof, refreshResponse.refresh_token, http))
}
seen.token_type = tokens.token_type
if (MODE !== 'public') seen.before = (await introspect()).active
await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof, refreshResponse.refresh_token, http))
if (MODE !== 'public') seen.after = (await introspect()).active
seen.access_token = refreshResponse.access_token
done(seen)
