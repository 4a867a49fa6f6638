//! `GET /oauth-apps/new`: which provider.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_providers::Provider;
use serde::Deserialize;

use crate::{
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
};

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "console/oauth_apps/new.html")]
struct NewPage<'a> {
    frame: Frame<'a>,
    q: &'a str,
    /// How many providers are shown.
    count: usize,
    categories: Vec<Category<'a>>,
}

/// What providers are about, and those who are.
type Category<'a> = (String, Vec<&'a Provider>);

pub(crate) async fn get(request: HttpRequest, session: Session) -> HttpResponse {
    answer(&request, choose(&request, &session))
}

fn choose(request: &HttpRequest, session: &Session) -> Result<HttpResponse, PageError> {
    let query = web::Query::<Query>::from_query(request.query_string())
        .map_err(|_| PageError::Malformed("query".into()))?;
    let categories = matching(session.providers.iter(), query.q.trim());
    let page = NewPage {
        frame: Frame::new(session, request),
        q: query.q.trim(),
        count: categories
            .iter()
            .map(|(_, providers)| providers.len())
            .sum(),
        categories,
    };
    show(StatusCode::OK, &page)
}

/// The providers whose name, slug or category holds the text, whatever its case.
fn matching<'a>(
    catalogue: impl Iterator<Item = &'a Arc<Provider>>,
    text: &str,
) -> Vec<Category<'a>> {
    let text = text.to_lowercase();
    let mut categories: BTreeMap<String, Vec<&Provider>> = BTreeMap::new();
    for provider in catalogue {
        let category = title(&provider.definition.category);
        let found = [
            provider.definition.name.as_str(),
            provider.slug.as_str(),
            category.as_str(),
        ]
        .iter()
        .any(|known| known.to_lowercase().contains(&text));
        if found {
            categories.entry(category).or_default().push(provider);
        }
    }
    for providers in categories.values_mut() {
        providers.sort_by_key(|provider| provider.definition.name.to_lowercase());
    }
    let mut categories: Vec<_> = categories.into_iter().collect();
    categories.sort_by_key(|(category, _)| category.to_lowercase());
    categories
}

/// `developer-tools` as people write it.
fn title(category: &str) -> String {
    // A dash stands for a space, but for the one in e-commerce.
    let text = match category.strip_prefix("e-") {
        Some(rest) => format!("e-{}", rest.replace('-', " ")),
        None => category.replace('-', " "),
    };
    if matches!(category, "crm" | "hr" | "erp") {
        return text.to_uppercase();
    }
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use keyway_providers::Catalogue;

    use super::*;

    #[test]
    fn providers_are_found_by_name_slug_and_category() {
        let catalogue = Catalogue::shipped().expect("catalogue");
        let names = |text: &str| -> Vec<String> {
            let found = matching(catalogue.shared(), text);
            let found = found.iter().flat_map(|(_, providers)| providers);
            found.map(|provider| provider.slug.to_string()).collect()
        };
        assert_eq!(names("").len(), catalogue.iter().count());
        assert!(names("SALESF").contains(&"salesforce".to_owned()));
        assert!(names("SALESF").iter().all(|slug| slug.starts_with("sales")));
        assert!(names("crm").contains(&"hubspot".to_owned()));
        assert!(names("developer tools").contains(&"linear".to_owned()));
        assert!(names("no such thing").is_empty());
    }
}
