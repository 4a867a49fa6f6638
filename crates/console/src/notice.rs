//! What was just done, said once on the page that follows.

use actix_web::HttpRequest;

/// Sentences by the word that stands for them in `?done=`: a redirect can bring a word and no
/// text, so nobody can put words into our mouth.
const SENTENCES: [(&str, &str); 21] = [
    (
        "registered",
        "Registered. The client secret is sealed: nobody can read it here.",
    ),
    ("saved", "Saved."),
    (
        "secret-replaced",
        "The client secret is replaced. Flows use the new one from now on.",
    ),
    (
        "client-secret-deleted",
        "The client secret is deleted. It is refused from now on.",
    ),
    (
        "client-secrets-full",
        "There are two client secrets already: delete one first.",
    ),
    ("app-deleted", "The OAuth app is deleted."),
    (
        "provider-saved",
        "The provider is saved. Flows use it from now on.",
    ),
    (
        "provider-restored",
        "The older version is the newest now. Flows use it from now on.",
    ),
    (
        "provider-outdated",
        "This version is refused now: edit the newest one instead. Nothing was changed.",
    ),
    (
        "provider-overtaken",
        "Somebody else saved a version just now. Nothing was changed.",
    ),
    ("provider-deleted", "The provider is deleted."),
    ("uri-added", "The redirect URI is added."),
    ("uri-removed", "The redirect URI is removed."),
    (
        "token-revoked",
        "The API token is revoked. It is refused from now on.",
    ),
    (
        "webhook-enabled",
        "The endpoint is enabled. What waited for it goes out now.",
    ),
    (
        "webhook-disabled",
        "The endpoint is disabled. What waits for it goes on waiting.",
    ),
    (
        "webhook-deleted",
        "The endpoint is deleted, with its deliveries.",
    ),
    (
        "delivery-retried",
        "The delivery goes out again as soon as its turn comes.",
    ),
    (
        "delivery-arrived",
        "The endpoint has this delivery already.",
    ),
    (
        "delivery-disabled",
        "The endpoint is disabled: enable it, and the delivery goes out.",
    ),
    (
        "set-up",
        "Welcome to Keyway. You are signed in as the first admin.",
    ),
];

/// The sentence of this request, if it follows a form.
pub(crate) fn of(request: &HttpRequest) -> Option<&'static str> {
    let word = request.query_string().strip_prefix("done=")?;
    SENTENCES
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, sentence)| *sentence)
}
