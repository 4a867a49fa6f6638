"""Authlib, unmodified, against a gateway: MODE is `secret` or `key`."""

import os
import time

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from talk import browse, done

keyway, client_id, redirect_uri = (os.environ[name] for name in ("KEYWAY_URL", "CLIENT_ID", "REDIRECT_URI"))
pem = "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n"
by_key = os.environ["MODE"] == "key"

method = "private_key_jwt" if by_key else "client_secret_basic"
session = OAuth2Session(
    client_id,
    ECKey.import_key(pem.format(os.environ["PRIVATE_KEY"])) if by_key else os.environ["CLIENT_SECRET"],
    token_endpoint_auth_method=method,
    revocation_endpoint_auth_method=method,
    redirect_uri=redirect_uri,
    code_challenge_method="S256",
    scope="openid",
)
session.trust_env = False
server = session.get(f"{keyway}/.well-known/openid-configuration", withhold_token=True).json()


def prove():
    """An assertion for the next request: by default the library makes them for an hour, and Keyway takes
    none that are good for more than five minutes."""
    if by_key:
        claims = {"exp": int(time.time()) + 60}
        session.register_client_auth_method(PrivateKeyJWT(server["token_endpoint"], claims, alg="ES256"))


prove()
verifier, nonce = generate_token(48), generate_token(20)
url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
tokens = session.fetch_token(
    server["token_endpoint"], authorization_response=browse(url), state=state, code_verifier=verifier
)
keys = KeySet.import_key_set(session.get(server["jwks_uri"], withhold_token=True).json())
claims = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"]).claims
assert claims["nonce"] == nonce and claims["aud"] == client_id and claims["iss"] == server["issuer"]
prove()
refreshed = session.refresh_token(server["token_endpoint"], refresh_token=tokens["refresh_token"])
assert refreshed["refresh_token"] != tokens["refresh_token"]


def active():
    prove()
    answer = session.introspect_token(server["introspection_endpoint"], token=refreshed["refresh_token"])
    return answer.json()["active"]


before = active()
prove()
session.revoke_token(server["revocation_endpoint"], token=refreshed["refresh_token"]).raise_for_status()
done({"access_token": refreshed["access_token"], "before": before, "after": active()})
