//! Where a property comes from: `token.team.id`, `identity.orgs.data.*.id`, `granted.scope`, ….

use serde::Deserialize;
use serde_json::Value;

/// A path into one of the things that a flow yields.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Source {
    /// Which thing.
    pub root: Root,
    /// The path into it.
    pub path: String,
}

/// What a flow yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The token endpoint's answer as it came.
    Token,
    /// The tokens in the standard's terms: `access_token`, `refresh_token`, `scope`, `expires_at`, ….
    Granted,
    /// An identity call's answer, by the call's name.
    Identity,
    /// A parameter of the callback.
    Callback,
    /// A variable.
    Variable,
    /// A claim of the `id_token`.
    IdToken,
    /// A secret variable, as the end user entered it.
    Secret,
    /// The account that was chosen of several.
    Chosen,
    /// The app: `client_id`.
    App,
}

/// Not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no source: write token., granted., identity.<call>., callback., variable., secret., id_token., chosen. or app. and a path"
)]
pub struct InvalidSource(String);

impl Root {
    const ALL: [Self; 9] = [
        Self::Token,
        Self::Granted,
        Self::Identity,
        Self::Callback,
        Self::Variable,
        Self::IdToken,
        Self::Secret,
        Self::Chosen,
        Self::App,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Granted => "granted",
            Self::Identity => "identity",
            Self::Callback => "callback",
            Self::Variable => "variable",
            Self::IdToken => "id_token",
            Self::Secret => "secret",
            Self::Chosen => "chosen",
            Self::App => "app",
        }
    }
}

impl Source {
    pub(crate) fn new(root: Root, path: &str) -> Self {
        Self {
            root,
            path: path.to_owned(),
        }
    }

    /// The digest that stands for an account which nothing names.
    pub(crate) fn is_fingerprint(&self) -> bool {
        self.root == Root::Granted && self.path == "fingerprint"
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.root.as_str(), self.path)
    }
}

impl TryFrom<String> for Source {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bad = || InvalidSource(text.clone());
        let (root, path) = text.split_once('.').ok_or_else(bad)?;
        let known = Root::ALL.into_iter().find(|known| known.as_str() == root);
        let root = known.ok_or_else(bad)?;
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(bad());
        }
        Ok(Self {
            root,
            path: path.to_owned(),
        })
    }
}

/// What stands at a path of names and indexes (`data.0.id`); `null` counts as absent.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut here = value;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        here = match here {
            Value::Object(members) => members.get(name)?,
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    (!here.is_null()).then_some(here)
}

/// Like [`at`]; `*` in the path stands for every item of a list, and what they yield makes a list.
pub fn find(value: &Value, path: &str) -> Option<Value> {
    let names: Vec<&str> = path.split('.').collect();
    let Some(star) = names.iter().position(|name| *name == "*") else {
        return at(value, path).cloned();
    };
    let (list, rest) = names.split_at(star);
    let rest = rest.get(1..).unwrap_or_default().join(".");
    let items = at(value, &list.join("."))?.as_array()?;
    let found = items.iter().filter_map(|item| find(item, &rest));
    Some(Value::Array(found.collect()))
}

/// A text, or a number or boolean written out; anything else, or an empty text, is absent.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_walk_objects_and_arrays() {
        let value = json!({"data": [{"id": 7}], "none": null});
        assert_eq!(at(&value, "data.0.id"), Some(&json!(7)));
        assert_eq!(at(&value, ""), Some(&value));
        for absent in ["data.1.id", "data.x", "none", "data.0.id.more"] {
            assert_eq!(at(&value, absent), None, "{absent}");
        }
    }

    #[test]
    fn a_star_gathers_from_a_list() {
        let value = json!({"data": [{"id": 7, "in": [1]}, {"id": 8, "in": [2, 3]}, {}]});
        for (path, found) in [
            ("data.*.id", Some(json!([7, 8]))),
            ("data.*.in.*", Some(json!([[1], [2, 3]]))),
            ("data.*", Some(value["data"].clone())),
            ("data.0.id", Some(json!(7))),
            ("none.*.id", None),
            ("data.0.*", None),
        ] {
            assert_eq!(find(&value, path), found, "{path}");
        }
    }
}
