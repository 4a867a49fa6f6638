//! What stands around every page of somebody who is signed in.

use actix_web::HttpRequest;

use crate::{notice, session::Session};

/// The rooms, in the order of the navigation.
const ROOMS: [(&str, &str); 6] = [
    ("/", "Overview"),
    ("/oauth-apps", "OAuth apps"),
    ("/redirect-uris", "Redirect URIs"),
    ("/credentials", "Credentials"),
    ("/flow-log", "Flow log"),
    ("/webhooks", "Webhooks"),
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
        }
    }

    /// The page's own path, for the links between pages of a list.
    pub(crate) fn path(&self) -> &str {
        self.path
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
