"""django-oauth-toolkit (PyPI), with an end user who agrees to everything.

Started by crates/testkit/src/real/python.rs; it ends when its standard input does. It is an issuer at
/o, where clients register themselves, and a resource at /mcp. GET /seen tells which requests came.
"""

import json
import os
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

seen = []


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def answer(environ, start_response):
    """Whatever Django answers, once it is up."""
    path = environ["PATH_INFO"]
    if path == "/seen":
        start_response("200 OK", [("content-type", "application/json")])
        return [json.dumps(seen).encode()]

    def started(status, *rest):
        seen.append((path, int(status.split()[0])))
        return start_response(status, *rest)

    return application(environ, started)


server = make_server("127.0.0.1", 0, answer, handler_class=Quiet)
base = f"http://127.0.0.1:{server.server_port}"
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[f"{__name__}.signed_in"],
    OAUTH2_PROVIDER={
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "DCR_ENABLED": True,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
        "OAUTH2_PROTECTED_RESOURCE_AUTHORIZATION_SERVERS": [f"{base}/o"],
        "OAUTH2_PROTECTED_RESOURCE_IDENTIFIER": f"{base}/mcp",
        "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Claims",
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": f"{base}/o",
        "OIDC_RSA_PRIVATE_KEY": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "SCOPES": {"openid": "Who you are", "email": "Your address", "tools": "Your tools"},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.urandom(32).hex(),
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import AnonymousUser, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db.models.signals import pre_save  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.decorators import protected_resource  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402
from oauth2_provider.urls import metadata_urlpatterns  # noqa: E402


class Claims(OAuth2Validator):
    """What is told of the end user."""

    oidc_claim_scope = {"sub": "openid", "email": "email"}

    def get_additional_claims(self):
        return {"email": lambda request: request.user.email}


def signed_in(get_response):
    """Carol is, in her browser."""

    def middleware(request):
        is_browser = request.path.startswith("/o/authorize")
        request.user = User.objects.get(username="carol") if is_browser else AnonymousUser()
        return get_response(request)

    return middleware


def agreed(instance, **_):
    """She agrees to every client, and a client's id_tokens are signed."""
    instance.skip_authorization = True
    instance.algorithm = Application.RS256_ALGORITHM


@protected_resource(scopes=["tools"])
def tools(_):
    return JsonResponse({"tools": ["hammer"]})


urlpatterns = [
    *metadata_urlpatterns,
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("mcp/tools", tools),
]
call_command("migrate", verbosity=0)
User.objects.create_user("carol", "carol@people.example")
pre_save.connect(agreed, sender=Application)
application = get_wsgi_application()


def until_input_ends():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=until_input_ends, daemon=True).start()
print(base, flush=True)
server.serve_forever()
