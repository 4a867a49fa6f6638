//! What clients do with the gateway and with the floors.

pub(crate) mod backend;

use std::{
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::Context as _;

use crate::{
    load::{Lap, Scenario},
    wire::{self, Connection},
    world::{REDIRECT_URI, World},
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The same GET again and again, answered with one status.
pub(crate) struct Get {
    request: Vec<u8>,
    status: u16,
}

impl Get {
    pub(crate) fn new(path: &str, status: u16) -> Self {
        Self {
            request: wire::get(path, ""),
            status,
        }
    }

    /// `GET /link/oauth2/start`.
    pub(crate) fn start(world: &World) -> Self {
        Self::new(&start_path(world), 302)
    }
}

impl Scenario for Get {
    async fn once(&self, connection: &mut Connection) -> anyhow::Result<Option<Lap>> {
        let started = Instant::now();
        connection.send(&self.request).await?.expect(self.status)?;
        Ok(Some(Lap::since(started)))
    }
}

/// Requests that are good for one time each.
pub(crate) struct Once {
    requests: Vec<Vec<u8>>,
    next: AtomicUsize,
}

impl Once {
    fn new(requests: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self {
            requests: requests.into_iter().collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// `POST /link/oauth2/token` with each of these codes.
    pub(crate) fn exchange(world: &World, codes: &[String]) -> Self {
        let (app, secret) = (world.own.app, &world.own.client_secret);
        Self::new(codes.iter().map(|code| {
            let body =
                format!(r#"{{"code":"{code}","client_id":"{app}","client_secret":"{secret}"}}"#);
            wire::post("/link/oauth2/token", JSON, &body)
        }))
    }

    /// The floor's exchange of `number` codes from `first` on.
    pub(crate) fn floor_exchange(world: &World, first: i64, number: usize) -> Self {
        let (app, secret) = (world.own.app, &world.own.client_secret);
        Self::new((first..).take(number).map(|code| {
            let body =
                format!(r#"{{"code":{code},"client_id":"{app}","client_secret":"{secret}"}}"#);
            wire::post("/exchange", JSON, &body)
        }))
    }

    /// oidc-provider's exchange of these codes.
    pub(crate) fn peer_exchange(codes: &[String]) -> Self {
        Self::new(codes.iter().map(|code| {
            let body = format!(
                "grant_type=authorization_code&code={code}&client_id=client&client_secret=secret\
                 &redirect_uri=https%3A%2F%2Fclient.example%2Fcallback"
            );
            wire::post("/token", FORM, &body)
        }))
    }
}

impl Scenario for Once {
    async fn once(&self, connection: &mut Connection) -> anyhow::Result<Option<Lap>> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = self.requests.get(index) else {
            return Ok(None);
        };
        let started = Instant::now();
        connection.send(request).await?.expect(200)?;
        Ok(Some(Lap::since(started)))
    }
}

/// A whole flow: start, the end user agrees at once, callback.
pub(crate) struct Flow {
    start: Vec<u8>,
    callback: &'static str,
}

impl Flow {
    pub(crate) fn keyway(world: &World) -> Self {
        Self {
            start: wire::get(&start_path(world), ""),
            callback: "/link/oauth2/callback/bench",
        }
    }

    pub(crate) fn floor() -> Self {
        Self {
            start: wire::get("/start", ""),
            callback: "/callback",
        }
    }
}

impl Scenario for Flow {
    async fn once(&self, connection: &mut Connection) -> anyhow::Result<Option<Lap>> {
        static CODE: AtomicI64 = AtomicI64::new(0);
        let started = Instant::now();
        let answer = connection.send(&self.start).await?;
        answer.expect(302)?;
        let location = answer.header("location").context("a location")?;
        let state = parameter(location, "state").context("a state")?;
        let code = CODE.fetch_add(1, Ordering::Relaxed);
        let path = format!("{}?code=c{code}&state={state}", self.callback);
        let cookie = answer.header("set-cookie").unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default();
        let request = wire::get(&path, &format!("cookie: {cookie}\r\n"));
        let returned = Instant::now();
        let answer = connection.send(&request).await?;
        answer.expect(302)?;
        let location = answer.header("location").unwrap_or_default();
        parameter(location, "code").with_context(|| format!("a code in {location}"))?;
        Ok(Some(Lap {
            whole: started.elapsed(),
            callback: Some(returned.elapsed()),
        }))
    }
}

fn start_path(world: &World) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &world.own.app.to_string())
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("state", "6f1f5e0c2c0b4d1e")
        .finish();
    format!("/link/oauth2/start?{query}")
}

/// A parameter of a URL, as it stands there.
fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (known, value) = pair.split_once('=')?;
        (known == name).then_some(value)
    })
}
