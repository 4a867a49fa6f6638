//! Style sheet, scripts and icon: part of the program, so that no page asks a third party.

use actix_web::{HttpResponse, http::header, web};

/// A file under `/assets/`.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset {
        path: "/assets/keyway.css",
        content_type: "text/css; charset=utf-8",
        body: include_str!("../../../web-templates/assets/keyway.css"),
    },
    Asset {
        path: "/assets/keyway.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("../../../web-templates/assets/keyway.js"),
    },
    Asset {
        path: "/assets/keyway.svg",
        content_type: "image/svg+xml",
        body: include_str!("../../../web-templates/assets/keyway.svg"),
    },
];

/// Changes with any of the files: pages name it, so that a browser never mixes one version's page
/// with another's style sheet.
pub const VERSION: u64 = {
    let mut version = 0xcbf2_9ce4_8422_2325;
    let mut rest = ASSETS;
    while let [asset, after @ ..] = rest {
        version = fingerprint(version, asset.body.as_bytes());
        rest = after;
    }
    version
};

/// FNV-1a, which a constant can be made with. It tells versions apart and guards nothing.
const fn fingerprint(mut hash: u64, mut bytes: &[u8]) -> u64 {
    while let [byte, after @ ..] = bytes {
        hash ^= u64::from_le_bytes([*byte, 0, 0, 0, 0, 0, 0, 0]);
        hash = hash.wrapping_mul(0x0100_0000_01b3);
        bytes = after;
    }
    hash
}

/// Routes of the files. Pages name them with the version, so they may be cached for long.
pub fn routes(config: &mut web::ServiceConfig) {
    for asset in ASSETS {
        let answer = move || async move {
            HttpResponse::Ok()
                .insert_header((header::CONTENT_TYPE, asset.content_type))
                .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
                .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .body(asset.body)
        };
        config.route(asset.path, web::get().to(answer));
    }
}
