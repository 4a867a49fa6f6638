"""The example of the documentation, as it stands there."""

import os
import sys

sys.path.insert(0, "docs/examples")
# Plain http on loopback, as no installation has it.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import authlib_example  # noqa: E402

from talk import browse, done  # noqa: E402

names = ("KEYWAY_URL", "CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI")
done(dict(authlib_example.connect(*(os.environ[name] for name in names), browse)))
