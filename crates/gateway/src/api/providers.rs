//! `/v1/providers`: the catalogue.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::provider::ProviderSlug;
use keyway_providers::{
    Provider,
    definition::Pkce,
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
        page::{List, Query},
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
    /// How it is written.
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
    fn of(app: &App, provider: &Provider) -> Self {
        let definition = &provider.definition;
        let variables = definition.variables.iter();
        Self {
            slug: provider.slug.to_string(),
            name: definition.name.clone(),
            category: definition.category.clone(),
            documentation: definition.documentation.to_string(),
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
/// All providers, by slug. Any API token may.
#[utoipa::path(
    get, path = "/v1/providers", operation_id = "listProviders", tag = "Providers",
    security(("api_token" = [])),
    responses((status = 200, description = "All of them.", body = List<Shown>))
)]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    bearer::authenticate(&app, &request, app.now()).await?;
    Query::of(&request, &[])?;
    let list = List {
        data: app
            .catalogue
            .iter()
            .map(|provider| Shown::of(&app, provider))
            .collect(),
        next_cursor: None,
    };
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
    bearer::authenticate(&app, &request, app.now()).await?;
    let slug = ProviderSlug::parse(request.match_info().query("slug"));
    let provider = slug.ok().and_then(|slug| app.catalogue.find(&slug));
    let provider = provider.ok_or(ApiError::NotFound("provider"))?;
    Ok(Reply::ok(&Shown::of(&app, provider))?.respond())
}
