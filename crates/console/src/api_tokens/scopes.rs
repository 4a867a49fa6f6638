//! What each scope allows, in plain words.

/// A scope, and what its holder may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) allows: &'static str,
}

/// The scopes of one subject.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) subject: &'static str,
    pub(super) scopes: &'static [Described],
}

const fn scope(name: &'static str, allows: &'static str) -> Described {
    Described { name, allows }
}

/// Every scope there is, by subject.
pub(super) const GROUPS: [Group; 5] = [
    Group {
        subject: "Credentials",
        scopes: &[
            scope("credentials:read", "See credentials, secrets masked."),
            scope(
                "credentials:write",
                "Import, change, refresh and delete credentials.",
            ),
            scope(
                "credentials:token",
                "Get access tokens and all other secrets in clear.",
            ),
            scope(
                "proxy",
                "Call providers through Keyway, which adds the access token.",
            ),
        ],
    },
    Group {
        subject: "Connecting",
        scopes: &[scope(
            "link_sessions:write",
            "Make links that begin a flow for an end user.",
        )],
    },
    Group {
        subject: "OAuth apps",
        scopes: &[
            scope("oauth_apps:read", "See OAuth apps, secrets masked."),
            scope(
                "oauth_apps:write",
                "Register, change and remove OAuth apps.",
            ),
        ],
    },
    Group {
        subject: "Redirect URIs",
        scopes: &[
            scope("redirect_uris:read", "See where flows may end."),
            scope(
                "redirect_uris:write",
                "Add and remove places where flows may end.",
            ),
        ],
    },
    Group {
        subject: "Webhooks and events",
        scopes: &[
            scope("webhooks:read", "See webhook endpoints and deliveries."),
            scope(
                "webhooks:write",
                "Make, change and remove webhook endpoints; send deliveries again.",
            ),
            scope("events:read", "Read what happened to credentials and apps."),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_domain::api_token::ApiScope;

    #[test]
    fn every_scope_is_described_once() {
        let described = GROUPS.iter().flat_map(|group| group.scopes);
        let mut described: Vec<&str> = described.map(|scope| scope.name).collect();
        let mut all = ApiScope::ALL.to_vec();
        described.sort_unstable();
        all.sort_unstable();
        assert_eq!(described, all);
    }
}
