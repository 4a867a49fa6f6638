// openid-client, unmodified, against a gateway: MODE is `secret`, `key`, or `public`.
import * as openid from 'openid-client'
import { CLIENT_ID, CLIENT_SECRET, KEYWAY_URL, MODE, REDIRECT_URI, browse, done, privateKey } from './talk.js'

const auth = {
  secret: () => openid.ClientSecretPost(CLIENT_SECRET),
  key: async () => openid.PrivateKeyJwt(await privateKey()),
  public: () => openid.None(),
}
const config = await openid.discovery(new URL(KEYWAY_URL), CLIENT_ID, {}, await auth[MODE](), {
  execute: [openid.allowInsecureRequests],
})
// The library itself repeats a request for the sake of a nonce.
const DPoP = MODE === 'secret' ? undefined : openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'))

const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()]
const url = await openid.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: REDIRECT_URI, scope: 'openid', state, nonce,
  code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
}, { DPoP })
const tokens = await openid.authorizationCodeGrant(config, await browse(url), {
  pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
}, undefined, { DPoP })
const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
const seen = { token_type: tokens.token_type, access_token: refreshed.access_token }
if (MODE !== 'secret') {
  const claims = await openid.fetchUserInfo(config, refreshed.access_token, tokens.claims().sub, { DPoP })
  seen.userinfo = claims.sub === tokens.credential_id
}
if (MODE !== 'public') seen.before = (await openid.tokenIntrospection(config, refreshed.refresh_token)).active
await openid.tokenRevocation(config, refreshed.refresh_token)
if (MODE !== 'public') seen.after = (await openid.tokenIntrospection(config, refreshed.refresh_token)).active
done(seen)
