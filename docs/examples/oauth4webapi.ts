// Connect an account with oauth4webapi; `browse` sends the end user's browser there, and answers where it came out.
import * as oauth from 'oauth4webapi'

export async function connect(keyway: URL, client_id: string, secret: string, redirect_uri: string,
                              browse: (url: URL) => Promise<URL>, http: object = {}) {
  const [client, proof] = [{ client_id }, oauth.ClientSecretBasic(secret)]
  const server = await oauth.processDiscoveryResponse(keyway, await oauth.discoveryRequest(keyway, http))
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
  const url = new URL(server.authorization_endpoint!)
  url.search = new URLSearchParams({ client_id, redirect_uri, state, response_type: 'code', code_challenge_method: 'S256',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier) }).toString()
  const answer = oauth.validateAuthResponse(server, client, await browse(url), state)
  return oauth.processAuthorizationCodeResponse(server, client,
    await oauth.authorizationCodeGrantRequest(server, client, proof, answer, redirect_uri, verifier, http))
}
