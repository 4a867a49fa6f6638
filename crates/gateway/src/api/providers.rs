//! `/v1/providers`: the catalogue.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::provider::ProviderSlug;
use keyway_providers::{
    Provider,
    definition::Pkce,
    search::Search,
    variables::{SetBy, Variable},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer,
        error::{ApiError, ErrorBody},
        idempotency::Reply,
        page::{List, Page, Query},
    },
};

/// A provider of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct Shown {
    /// What `:provider` stands for in redirect URIs.
    #[schema(example = "linear")]
    slug: String,
    /// Name for people.
    name: String,
    /// What it is about.
    #[schema(example = "developer-tools")]
    category: String,
    /// The vendor's page.
    documentation: String,
    /// When that page was read.
    #[schema(example = "2026-11-27")]
    checked: String,
    /// How sure the definition is: `verified` on the vendor's page, `reported` by two sources or
    /// more, or by a `single` one.
    #[schema(value_type = String, example = "verified")]
    certainty: &'static str,
    /// The provider that this one is a product, a sandbox or a region of; null if it is of none.
    variant_of: Option<String>,
    /// Whether your account describes it itself: nobody else has it.
    custom: bool,
    auth: Authentication,
    /// The `kind` of its credentials' properties.
    #[schema(example = "linear_oauth2")]
    credential_kind: String,
    /// What differs from one end user to the next: `param.NAME` of a flow.
    variables: BTreeMap<String, VariableShown>,
    /// Asked for unless the app or the flow says otherwise.
    default_scopes: Vec<String>,
    /// Asked for in any case.
    mandatory_scopes: Vec<String>,
    /// What scopes allow, in the vendor's words, as far as that is known.
    scopes: BTreeMap<String, String>,
    /// What to register at the provider.
    callback_url: String,
}

/// How a provider is authorized at.
#[derive(Debug, Serialize, ToSchema)]
struct Authentication {
    #[schema(value_type = String, example = "oauth2")]
    kind: &'static str,
    /// Whether it takes PKCE (RFC 7636).
    pkce: PkceShown,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pkce)]
#[serde(rename_all = "snake_case")]
enum PkceShown {
    Required,
    Supported,
    None,
}

/// A variable of a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variable)]
struct VariableShown {
    /// Name for people.
    label: String,
    /// How it is written, or where it is found.
    help: Option<String>,
    example: Option<String>,
    /// The only values there are; empty if there are others.
    choices: Vec<String>,
    /// The value if none is given; without it, whoever sets it is asked.
    default: Option<String>,
    /// Whether it is a key that is entered on the hosted form only, sealed, and never shown.
    secret: bool,
    /// Who sets it: the end user of a connection, or the admin when registering an app.
    set_by: SetByShown,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetBy)]
#[serde(rename_all = "snake_case")]
enum SetByShown {
    EndUser,
    Admin,
}

impl Shown {
    fn of(app: &App, provider: &Provider, custom: bool) -> Self {
        let definition = &provider.definition;
        let variables = definition.variables.iter();
        Self {
            slug: provider.slug.to_string(),
            name: definition.name.clone(),
            category: definition.category.clone(),
            documentation: definition.documentation.to_string(),
            checked: definition.checked.to_string(),
            certainty: definition.certainty.as_str(),
            variant_of: (provider.family != provider.slug).then(|| provider.family.to_string()),
            custom,
            auth: Authentication {
                kind: definition.auth.as_str(),
                pkce: match definition
                    .authorize
                    .as_ref()
                    .map(|authorize| authorize.pkce)
                {
                    Some(Pkce::Required) => PkceShown::Required,
                    Some(Pkce::Supported) => PkceShown::Supported,
                    Some(Pkce::None) | None => PkceShown::None,
                },
            },
            credential_kind: definition.credential.kind.0.clone(),
            variables: variables
                .map(|(name, variable)| (name.clone(), VariableShown::of(variable)))
                .collect(),
            default_scopes: definition.default_scopes().as_slice().to_vec(),
            mandatory_scopes: definition.mandatory_scopes().as_slice().to_vec(),
            scopes: definition.scopes.clone(),
            callback_url: app.callback_url(&provider.slug),
        }
    }
}

impl VariableShown {
    fn of(variable: &Variable) -> Self {
        Self {
            label: variable.label.clone(),
            help: variable.help.clone(),
            example: variable.example.clone(),
            choices: variable
                .choices
                .iter()
                .map(|choice| choice.value.clone())
                .collect(),
            default: variable.default.clone(),
            secret: variable.secret,
            set_by: match variable.set_by {
                SetBy::EndUser => SetByShown::EndUser,
                SetBy::Admin => SetByShown::Admin,
            },
        }
    }
}

/// List the catalogue.
///
/// All providers by slug, those that your account describes itself among them. Any API token may.
#[utoipa::path(
    get, path = "/v1/providers", operation_id = "listProviders", tag = "Providers",
    security(("api_token" = [])),
    params(
        ("q" = Option<String>, Query, min_length = 1, description = "Only those whose name, slug or category holds this text, whatever its case.", example = "mail"),
        ("category" = Option<String>, Query, min_length = 1, description = "Only those of this category.", example = "crm"),
        ("auth" = Option<String>, Query, pattern = "^(oauth2|api_key|basic|client_credentials|jwt_bearer|oauth1)$", description = "Only those that are connected in this way.", example = "oauth2"),
        ("certainty" = Option<String>, Query, pattern = "^(verified|reported|single)$", description = "Only those that are this sure.", example = "verified"),
        ("limit" = Option<u32>, Query, description = "How many to list; 50 if absent.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", description = "The `next_cursor` of the page before."),
    ),
    responses(
        (status = 200, description = "A page of them.", body = List<Shown>),
        (status = 400, description = "A parameter is not understood.", body = ErrorBody),
        (status = 422, description = "A text holds what cannot be searched for.", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authenticate(&app, &request, app.now()).await?;
    let known = ["q", "category", "auth", "certainty", "limit", "cursor"];
    let query = Query::of(&request, &known)?;
    let page: Page<ProviderSlug> = Page::of(&query)?;
    let search = Search {
        text: query.text("q")?.unwrap_or_default(),
        category: query.text("category")?,
        auth: query.read("auth", "a way to connect")?,
        certainty: query.read("certainty", "verified, reported or single")?,
    };
    let providers = app.catalogue.of(token.account_id).await?;
    let is_later = |slug: &ProviderSlug| page.cursor.as_ref().is_none_or(|cursor| slug > cursor);
    let found = providers
        .iter()
        .filter(|provider| is_later(&provider.slug) && search.matches(provider))
        .take(usize::try_from(page.asked()).unwrap_or(usize::MAX));
    let list = page.cut(
        found.collect(),
        |provider| provider.slug.clone(),
        |provider| Shown::of(&app, provider, providers.is_own(&provider.slug)),
    );
    Ok(list.respond())
}

/// Read a provider of the catalogue.
///
/// Any API token may.
#[utoipa::path(
    get, path = "/v1/providers/{slug}", operation_id = "readProvider", tag = "Providers",
    security(("api_token" = [])),
    params(("slug" = String, Path, description = "Its slug.", example = "linear", pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")),
    responses(
        (status = 200, description = "The provider.", body = Shown),
        (status = 404, description = "There is no such provider.", body = ErrorBody),
    )
)]
pub(crate) async fn find(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authenticate(&app, &request, app.now()).await?;
    let slug = ProviderSlug::parse(request.match_info().query("slug"));
    let slug = slug.map_err(|_| ApiError::NotFound("provider"))?;
    let providers = app.catalogue.of(token.account_id).await?;
    let provider = providers
        .find(&slug)
        .ok_or(ApiError::NotFound("provider"))?;
    Ok(Reply::ok(&Shown::of(&app, provider, providers.is_own(&slug)))?.respond())
}
