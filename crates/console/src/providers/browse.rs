//! `GET /providers`: the catalogue.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_providers::{
    Provider,
    definition::{Auth, Certainty},
    search::Search,
};
use serde::Deserialize;

use crate::{
    App,
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
};

/// Providers on a page.
const PER_PAGE: usize = 60;

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    auth: String,
    #[serde(default)]
    certainty: String,
    #[serde(default)]
    page: Option<usize>,
}

#[derive(Template)]
#[template(path = "console/providers/browse.html")]
struct BrowsePage<'a> {
    frame: Frame<'a>,
    query: &'a Query,
    categories: BTreeSet<&'a str>,
    auths: [Auth; 6],
    certainties: [Certainty; 3],
    /// The account's own, those among them that this release cannot use.
    own: Vec<(String, String)>,
    providers: Vec<&'a Provider>,
    /// How many match.
    count: usize,
    /// From which on, from 1.
    from: usize,
    earlier: Option<String>,
    later: Option<String>,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, browse(&app, &request, &session).await)
}

async fn browse(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let text = request.query_string();
    // What was just done is no search.
    let text = if text.starts_with("done=") { "" } else { text };
    let query = web::Query::<Query>::from_query(text)
        .map_err(|_| PageError::Malformed("query".into()))?
        .into_inner();
    let found = matching(session, &query);
    let page = query.page.unwrap_or(1).max(1);
    let start = (page - 1).saturating_mul(PER_PAGE);
    let own = app
        .store
        .find_newest_definitions(session.account(), None, Vec::new())
        .await?;
    let browse = BrowsePage {
        frame: Frame::new(session, request),
        categories: session
            .providers
            .iter()
            .map(|provider| provider.definition.category.as_str())
            .collect(),
        auths: Auth::ALL,
        certainties: Certainty::ALL,
        own: own
            .into_iter()
            .map(|own| {
                (
                    own.slug.to_string(),
                    session.providers.name(own.slug.as_str()),
                )
            })
            .collect(),
        count: found.len(),
        from: start + 1,
        earlier: (page > 1).then(|| query.link(page - 1)),
        later: (start.saturating_add(PER_PAGE) < found.len()).then(|| query.link(page + 1)),
        providers: found.into_iter().skip(start).take(PER_PAGE).collect(),
        query: &query,
    };
    show(StatusCode::OK, &browse)
}

/// Those that are looked for, by name. A word that no provider has finds none.
fn matching<'a>(session: &'a Session, query: &Query) -> Vec<&'a Provider> {
    let (auth, certainty) = (query.auth.parse(), query.certainty.parse());
    let is_unknown = |word: &str, is_read: bool| !word.is_empty() && !is_read;
    if is_unknown(&query.auth, auth.is_ok()) || is_unknown(&query.certainty, certainty.is_ok()) {
        return Vec::new();
    }
    let search = Search {
        text: query.q.clone(),
        category: (!query.category.is_empty()).then(|| query.category.clone()),
        auth: auth.ok(),
        certainty: certainty.ok(),
    };
    let all = session.providers.iter().map(AsRef::as_ref);
    let mut found: Vec<&Provider> = all.filter(|provider| search.matches(provider)).collect();
    found.sort_by_cached_key(|provider| provider.definition.name.to_lowercase());
    found
}

impl Query {
    /// Whether anything is looked for.
    fn is_some(&self) -> bool {
        [&self.q, &self.category, &self.auth, &self.certainty]
            .iter()
            .any(|word| !word.is_empty())
    }

    /// Another page of the same search.
    fn link(&self, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let words = [
            ("q", &self.q),
            ("category", &self.category),
            ("auth", &self.auth),
            ("certainty", &self.certainty),
        ];
        for (name, word) in words {
            if !word.is_empty() {
                query.append_pair(name, word);
            }
        }
        query.append_pair("page", &page.to_string());
        format!("/providers?{}", query.finish())
    }
}
