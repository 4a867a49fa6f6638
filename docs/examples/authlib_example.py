"""Connect an account with Authlib; `browse` sends the end user's browser there, and answers where it came out."""

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session


def connect(keyway, client_id, secret, redirect_uri, browse):
    session = OAuth2Session(client_id, secret, redirect_uri=redirect_uri, code_challenge_method="S256")
    server = session.get(f"{keyway}/.well-known/oauth-authorization-server", withhold_token=True).json()
    verifier = generate_token(48)
    url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier)
    return session.fetch_token(
        server["token_endpoint"], authorization_response=browse(url), state=state, code_verifier=verifier
    )
