"""How a client here and the test that drives it talk: see talk.js."""

import json
import sys


def browse(url):
    print(f"OPEN {url}", flush=True)
    return sys.stdin.readline().strip()


def done(seen):
    print(f"DONE {json.dumps(seen)}", flush=True)
