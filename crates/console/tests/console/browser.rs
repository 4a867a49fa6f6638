//! The browsers that visit a console, and what they are answered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use keyway_testkit::log;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE},
};

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// A browser: it keeps cookies, follows nothing, and says where its forms come from.
pub struct Browser {
    http: reqwest::Client,
    base: String,
    origin: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// A browser that was never here, on a console at `base` that believes to be at `origin`.
    pub fn new(http: reqwest::Client, base: &str, origin: &str) -> Self {
        Self {
            http,
            base: base.to_owned(),
            origin: origin.to_owned(),
            cookies: Mutex::default(),
        }
    }

    /// What it says its forms come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// Sends a form of the console, with the token that its page would hold.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let mut form = vec![("csrf", csrf.as_str())];
        form.extend_from_slice(fields);
        self.post_as_is(path, &form).await
    }

    /// Sends these fields and no other.
    pub async fn post_as_is(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = [(ORIGIN.as_str(), self.origin.as_str())];
        self.send(Method::POST, path, &origin, Some(fields)).await
    }

    /// The token of this browser's forms: from the overview, or before sign-in from that page.
    pub async fn csrf(&self) -> String {
        let overview = self.get("/").await;
        if overview.status == 200 {
            return overview.field("csrf");
        }
        self.get("/sign-in").await.field("csrf")
    }

    /// Fills in the sign-in form.
    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("email", email), ("password", password)])
            .await
    }

    /// Any request, with the cookies that fit.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies = self.cookie_header();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        self.keep(&answer);
        answer
    }

    /// A body as it is, with its content type.
    pub async fn post_body(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header(ORIGIN, &self.origin)
            .header(CONTENT_TYPE, content_type)
            .header(COOKIE, self.cookie_header())
            .body(body);
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("cookies").get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.lock().expect("cookies");
        cookies.insert(name.to_owned(), value.to_owned());
    }

    pub fn forget(&self, name: &str) {
        self.cookies.lock().expect("cookies").remove(name);
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.lock().expect("cookies");
        let pairs: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&self, answer: &Answer) {
        for cookie in answer.cookies() {
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().expect("a value");
            if value.is_empty() {
                self.forget(name);
            } else {
                self.set_cookie(name, value);
            }
        }
    }
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name);
        value.map(|value| value.to_str().expect("text"))
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
            .unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }

    /// The cookies that it sets, each with its attributes.
    pub fn cookies(&self) -> Vec<&str> {
        let values = self.headers.get_all(SET_COOKIE).iter();
        values.map(|value| value.to_str().expect("text")).collect()
    }

    /// What was logged for the request.
    pub fn log(&self) -> String {
        log::of_request(self.header("x-request-id").expect("an id"))
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> String {
        let (_, rest) = self
            .body
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap_or_else(|| panic!("no field {name}: {self:?}"));
        rest.split('"').next().expect("a value").to_owned()
    }

    /// A page with this status that says this.
    #[track_caller]
    pub fn assert_page(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(self.body.contains(text), "{text:?} not in {}", self.body);
        self.assert_headers();
    }

    /// The headers of every page.
    #[track_caller]
    pub fn assert_headers(&self) {
        let policy = self.header("content-security-policy").expect("a policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "form-action 'self';",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part} not in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(self.header("x-frame-options"), Some("DENY"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(self.header("referrer-policy"), Some("same-origin"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }

    /// A redirect after a form.
    #[track_caller]
    pub fn assert_redirect(&self, location: &str) {
        assert_eq!(self.status, 303, "{self:?}");
        assert_eq!(self.location(), location);
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.body.is_empty(), "{self:?}");
    }
}

/// `text` as it stands in a page.
pub fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&#38;".into(),
            '<' => "&#60;".into(),
            '>' => "&#62;".into(),
            '"' => "&#34;".into(),
            '\'' => "&#39;".into(),
            c => c.to_string(),
        })
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a browser, and no client of Keyway's"
)]
pub fn client() -> reqwest::Client {
    let no_tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("protocol versions")
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_mins(1))
        .tls_backend_preconfigured(no_tls)
        .build()
        .expect("a client")
}
