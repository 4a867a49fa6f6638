// The example of the documentation, as it stands there.
import { createRequire } from 'node:module'
import { connect } from '../../docs/examples/oauth4webapi.ts'
import { CLIENT_ID, CLIENT_SECRET, KEYWAY_URL, REDIRECT_URI, browse, done } from './talk.js'

// The very module that the example loads. Plain http on loopback, as no installation has it.
const oauth = createRequire(import.meta.url)('oauth4webapi')
const http = { [oauth.allowInsecureRequests]: true, algorithm: 'oauth2' }
done(await connect(new URL(KEYWAY_URL!), CLIENT_ID!, CLIENT_SECRET!, REDIRECT_URI!, browse, http))
