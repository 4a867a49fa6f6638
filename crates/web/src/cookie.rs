//! Cookies that only we set and only we read.

use actix_web::cookie::{Cookie, SameSite, time::Duration};

use crate::config::BaseUrl;

/// The name of a cookie: with the `__Host-` prefix wherever the browser can hold us to it
/// (RFC 6265bis section 4.1.3.2), which plain http on loopback cannot.
pub fn name(base: &BaseUrl, plain: &str) -> String {
    if base.is_https() {
        format!("__Host-{plain}")
    } else {
        plain.to_owned()
    }
}

/// A cookie that scripts cannot read, for this host alone.
pub fn make<'a>(
    base: &BaseUrl,
    plain: &str,
    value: String,
    same_site: SameSite,
    life: Duration,
) -> Cookie<'a> {
    Cookie::build(name(base, plain), value)
        .path("/")
        .http_only(true)
        .secure(base.is_https())
        .same_site(same_site)
        .max_age(life)
        .finish()
}

/// What makes the browser forget it.
pub fn removal<'a>(base: &BaseUrl, plain: &str, same_site: SameSite) -> Cookie<'a> {
    make(base, plain, String::new(), same_site, Duration::ZERO)
}
