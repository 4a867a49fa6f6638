//! What stands around every page of somebody who is signed in.

use actix_web::HttpRequest;

use crate::{notice, session::Session};

/// Parameters of a list that hold for all its pages.
const KEPT: [&str; 3] = ["q", "health", "state"];

/// The rooms, in the order of the navigation.
const ROOMS: [(&str, &str); 8] = [
    ("/", "Overview"),
    ("/oauth-apps", "OAuth apps"),
    ("/providers", "Providers"),
    ("/redirect-uris", "Redirect URIs"),
    ("/credentials", "Credentials"),
    ("/flow-log", "Flow log"),
    ("/webhooks", "Webhooks"),
    ("/api-tokens", "API tokens"),
];

/// Navigation, the account's name, who is signed in, and the way out.
pub(crate) struct Frame<'a> {
    pub(crate) account: &'a str,
    pub(crate) email: &'a str,
    /// The token of every form on the page.
    pub(crate) csrf: String,
    /// What was just done.
    pub(crate) notice: Option<&'static str>,
    path: &'a str,
    kept: String,
}

/// A room in the navigation.
pub(crate) struct Room {
    pub(crate) href: &'static str,
    pub(crate) label: &'static str,
    /// The value of `aria-current`: `page` for the room itself, `true` for what lies in it.
    pub(crate) current: Option<&'static str>,
}

impl<'a> Frame<'a> {
    /// The frame of the page that answers this request.
    pub(crate) fn new(session: &'a Session, request: &'a HttpRequest) -> Self {
        Self {
            account: &session.admin.account.name,
            email: &session.admin.email,
            csrf: session.csrf(),
            notice: notice::of(request),
            path: request.path(),
            kept: kept(request),
        }
    }

    /// Where another page of this list is: what was searched for stays.
    pub(crate) fn page(&self, before: Option<&dyn std::fmt::Display>) -> String {
        let before = before.map(|id| format!("before={id}"));
        let kept = (!self.kept.is_empty()).then(|| self.kept.clone());
        let query: Vec<String> = kept.into_iter().chain(before).collect();
        if query.is_empty() {
            self.path.to_owned()
        } else {
            format!("{}?{}", self.path, query.join("&"))
        }
    }

    /// The rooms, the present one marked.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = Room> {
        ROOMS.iter().map(|(href, label)| {
            let below = self
                .path
                .strip_prefix(href)
                .is_some_and(|rest| rest.starts_with('/'));
            Room {
                href,
                label,
                current: match (self.path == *href, below) {
                    (true, _) => Some("page"),
                    (false, true) => Some("true"),
                    (false, false) => None,
                },
            }
        })
    }
}

/// What was searched for, as a query.
fn kept(request: &HttpRequest) -> String {
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if KEPT.contains(&name.as_ref()) && !value.is_empty() {
            kept.append_pair(&name, &value);
        }
    }
    kept.finish()
}
