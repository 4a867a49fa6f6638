//! Requests and answers, as a vendor sees them.

use base64ct::{Base64, Encoding as _};
use serde_json::Value;

/// A request that reached the lab.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the port.
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Parameters in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// How a request's body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Form,
    Json,
}

/// An answer to send.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    pub(crate) fn query_parameters(&self) -> Parameters {
        Parameters::decode(self.query.as_bytes())
    }

    /// The encoding that the content type names.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        let kind = self.header("content-type")?.split(';').next()?.trim();
        match kind {
            "application/x-www-form-urlencoded" => Some(Encoding::Form),
            "application/json" => Some(Encoding::Json),
            _ => None,
        }
    }

    /// The body's parameters, by its content type.
    pub(crate) fn body_parameters(&self) -> Parameters {
        match self.encoding() {
            Some(Encoding::Form) => Parameters::decode(&self.body),
            Some(Encoding::Json) => Parameters::from_json(&self.body),
            None => Parameters::default(),
        }
    }

    /// The token of an `Authorization: Bearer` header.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// Id and secret of an `Authorization: Basic` header, form-decoded (RFC 6749 section 2.3.1).
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let pair = String::from_utf8(Base64::decode_vec(encoded).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((form_decoded(id), form_decoded(secret)))
    }
}

fn form_decoded(text: &str) -> String {
    let pair = format!("x={text}");
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

impl Parameters {
    pub(crate) fn decode(encoded: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(encoded);
        Self(pairs.map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// The members of a JSON object of texts and numbers.
    fn from_json(body: &[u8]) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Self::default();
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Self(members.into_iter().map(|(k, v)| (k, text(v))).collect())
    }

    /// A parameter's value; an empty one counts as absent (RFC 6749 section 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// The name of a parameter that is there twice.
    pub(crate) fn repeated(&self) -> Option<&str> {
        self.0.iter().enumerate().find_map(|(index, (name, _))| {
            let before = self.0.iter().take(index);
            before
                .clone()
                .any(|(known, _)| known == name)
                .then_some(name.as_str())
        })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::typed(
            status,
            "application/json; charset=utf-8",
            body.to_string().into_bytes(),
        )
    }

    pub(crate) fn html(status: u16, text: &str) -> Self {
        let page = format!("<!doctype html><html><body><h1>{text}</h1></body></html>");
        Self::typed(status, "text/html; charset=utf-8", page.into_bytes())
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::typed(status, "text/plain; charset=utf-8", text.into())
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn redirect(status: u16, location: String) -> Self {
        Self {
            headers: vec![("location", location)],
            ..Self::empty(status)
        }
    }

    pub(crate) fn typed(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.into())],
            body,
        }
    }

    /// The same answer at another status.
    pub(crate) fn at(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// Pairs as a query or a form.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    form.finish()
}
