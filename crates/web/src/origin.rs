//! Where a form comes from, as the browser says.

use actix_web::{HttpRequest, http::header};

use crate::config::BaseUrl;

/// Why a form was not sent from a page of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignForm {
    /// It comes from another site.
    #[error("sent from another site ({0})")]
    Foreign(String),
    /// The browser does not say.
    #[error("neither Origin nor Sec-Fetch-Site")]
    Unmarked,
}

/// Whether the browser says that a form comes from a page of the service at `base`.
///
/// Every browser sends `Origin` with a POST. A page of an opaque origin, such as a sandboxed
/// frame, sends `null`, which is no origin of ours; so does a page whose referrer policy is
/// `no-referrer`.
///
/// # Errors
/// [`ForeignForm`].
pub fn check(base: &BaseUrl, request: &HttpRequest) -> Result<(), ForeignForm> {
    let text = |name: header::HeaderName| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable").to_owned())
    };
    let origin = text(header::ORIGIN);
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    match (&origin, &site) {
        (_, Some(site)) if site != "same-origin" && site != "none" => {
            Err(ForeignForm::Foreign(site.clone()))
        }
        (Some(origin), _) if origin != base.as_str() => Err(ForeignForm::Foreign(origin.clone())),
        (None, None) => Err(ForeignForm::Unmarked),
        _ => Ok(()),
    }
}
