//! The catalogue as it ships.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;

use keyway_domain::provider::ProviderSlug;
use keyway_providers::{Catalogue, Provider, definition::Certainty, lint};

fn shipped() -> Catalogue {
    Catalogue::shipped().expect("every definition reads and lints")
}

/// Asks every definition, and names those that answer wrong.
fn all(wrong: impl Fn(&Provider) -> bool) -> Vec<String> {
    let catalogue = shipped();
    let found = catalogue.iter().filter(|provider| wrong(provider));
    found.map(|provider| provider.slug.to_string()).collect()
}

#[test]
fn every_file_ships_and_lints() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).expect("catalogue") {
        let path = entry.expect("entry").path();
        let name = path
            .file_stem()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path).expect("text");
        let mut catalogue = Catalogue::default();
        if let Err(error) = catalogue.add(&name, &text) {
            panic!("{error}");
        }
        let slug = ProviderSlug::parse(&name).expect("slug");
        let provider = catalogue.find(&slug).expect("added");
        let findings = lint::check(&provider.definition);
        assert!(findings.is_empty(), "{name}.toml: {findings:?}");
        files.insert(name);
    }
    let shipped: BTreeSet<String> = shipped().iter().map(|p| p.slug.to_string()).collect();
    assert_eq!(shipped, files);
}

#[test]
fn there_are_at_least_eleven() {
    assert!(shipped().iter().count() >= 11);
}

#[test]
fn kinds_are_the_slug_and_oauth2() {
    let wrong = all(|p| p.definition.credential.kind.0 != format!("{}_oauth2", p.slug));
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn an_admin_is_told_what_to_do() {
    let wrong =
        all(|p| p.definition.setup.console.is_none() || p.definition.setup.steps.is_empty());
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn access_tokens_are_sealed_wherever_they_are_kept() {
    let wrong = all(|p| {
        let properties = &p.definition.credential.properties;
        properties
            .iter()
            .any(|(name, property)| name.contains("token") && !property.secret)
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_is_not_verified_says_so() {
    let open = all(|p| p.definition.certainty != Certainty::Verified);
    assert_eq!(open, ["hubspot", "quickbooks"]);
}

#[test]
fn every_provider_has_an_api() {
    let wrong = all(|p| p.definition.api.is_none());
    assert!(wrong.is_empty(), "{wrong:?}");
}
