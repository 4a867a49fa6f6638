"""fastmcp (PyPI): an MCP server with its own authorization server, which agrees to everything.

Started by crates/testkit/src/real/python.rs; it ends when its standard input does. The MCP server is at
/mcp. GET /seen tells which requests came.
"""

import json
import os
import socket
import sys
import threading

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider

listener = socket.create_server(("127.0.0.1", 0))
base = f"http://127.0.0.1:{listener.getsockname()[1]}"
auth = InMemoryOAuthProvider(
    base_url=base,
    client_registration_options=ClientRegistrationOptions(
        enabled=True, valid_scopes=["tools"], default_scopes=["tools"]
    ),
    revocation_options=RevocationOptions(enabled=True),
    required_scopes=["tools"],
)
mcp = FastMCP("Toolbox", auth=auth)


@mcp.tool
def hammer() -> str:
    return "bang"


served = mcp.http_app(path="/mcp", json_response=True, stateless_http=True)
seen = []


async def application(scope, receive, send):
    """What is served, and a note of it."""
    path = scope.get("path")
    if path == "/seen":
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})
        return

    async def noted(message):
        if message["type"] == "http.response.start":
            seen.append((path, message["status"]))
        await send(message)

    await served(scope, receive, noted)


def until_input_ends():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=until_input_ends, daemon=True).start()
print(base, flush=True)
config = uvicorn.Config(application, log_level="warning", lifespan="on")
uvicorn.Server(config).run(sockets=[listener])
