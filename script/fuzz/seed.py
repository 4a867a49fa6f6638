"""What the fuzzed gateway holds before the first request.

seed.py scopes   every scope of the API, as the command takes them
seed.py data     apps, redirect URIs and credentials, through the API itself
"""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def scopes():
    source = open(os.path.join(HERE, "../../crates/domain/src/api_token.rs")).read()
    listed = source.split("pub const ALL")[1].split("];")[0]
    return ",".join(re.findall(r'"([a-z_:]+)"', listed))


def post(path, body):
    request = urllib.request.Request(
        os.environ["KEYWAY_PUBLIC_URL"] + path,
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {os.environ['FUZZ_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def wait():
    for _ in range(200):
        try:
            urllib.request.urlopen(os.environ["KEYWAY_PUBLIC_URL"] + "/health/ready")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    sys.exit("the gateway is not ready")


def data():
    wait()
    post("/v1/redirect-uris", {"uri": "https://example.com/oauth2/callback/:provider"})
    for number in range(20):
        app = post(
            "/v1/oauth-apps",
            {
                "provider": "nowhere",
                "name": f"App {number}",
                "client_id": f"client-{number}",
                "client_secret": f"secret-{number}",
            },
        )
        for user in range(5):
            properties = {
                "kind": "nowhere_oauth2",
                "access_token": f"access-{number}-{user}",
                "refresh_token": f"refresh-{number}-{user}",
                "user_id": f"user-{user}",
                "expires_at": "2100-01-01T00:00:00Z",
            }
            post(
                "/v1/credentials",
                {"oauth_app_id": app["id"], "properties": properties},
            )


if sys.argv[1] == "scopes":
    print(scopes())
else:
    data()
