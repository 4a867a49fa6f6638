"""What the fuzzed gateway holds before the first request.

seed.py scopes   every scope of the API, as the command takes them
seed.py data     a few of everything, made through the API itself; the ids go to files from which the
                 paths of requests are made
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


def call(path, body=None):
    request = urllib.request.Request(
        os.environ["KEYWAY_PUBLIC_URL"] + path,
        body and json.dumps(body).encode(),
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


def keep(kind, thing):
    with open(os.path.join(os.environ["FUZZ_WORK"], kind), "a") as ids:
        ids.write(json.dumps(thing["id"]) + "\n")


def data():
    wait()
    # Nobody listens there: every delivery is tried again.
    endpoint = call("/v1/webhooks", {"url": "http://127.0.0.1:9/"})
    for _ in range(20):
        keep("webhooks", call("/v1/webhooks", {"url": "http://127.0.0.1:9/"}))
    for number in range(20):
        uri = f"https://example.com/{number}/callback/:provider"
        keep("redirect-uris", call("/v1/redirect-uris", {"uri": uri}))
        app = call(
            "/v1/oauth-apps",
            {
                "provider": "nowhere",
                "name": f"App {number}",
                "client_id": f"client-{number}",
                "client_secret": f"secret-{number}",
            },
        )
        # What is deleted takes nothing along that others look at.
        doomed = "doomed-" if number < 10 else ""
        keep(doomed + "oauth-apps", app)
        for user in range(10):
            properties = {
                "kind": "nowhere_oauth2",
                "access_token": f"access-{number}-{user}",
                "refresh_token": f"refresh-{number}-{user}",
                "user_id": f"user-{user}",
                "expires_at": "2100-01-01T00:00:00Z",
            }
            body = {"oauth_app_id": app["id"], "properties": properties}
            keep(doomed + "credentials", call("/v1/credentials", body))
        session = {"oauth_app_ids": [app["id"]], "end_user": {"id": "user-1"}}
        keep("link-sessions", call("/v1/link-sessions", session))
    for event in call("/v1/events?limit=200")["data"]:
        keep("events", event)
    keep("endpoint", endpoint)
    for delivery in call(f"/v1/webhooks/{endpoint['id']}/deliveries")["data"]:
        keep("deliveries", delivery)


if sys.argv[1] == "scopes":
    print(scopes())
else:
    data()
