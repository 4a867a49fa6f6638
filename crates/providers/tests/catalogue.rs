//! The catalogue as it ships.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;

use keyway_domain::provider::ProviderSlug;
use keyway_providers::{
    Catalogue, Provider,
    definition::{Auth, CATEGORIES, Certainty},
    lint,
};

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
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(directory).expect("catalogue") {
        let path = entry.expect("entry").path();
        let name = path.file_stem().expect("name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("text");
        let providers = Provider::read(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        for provider in providers {
            let findings = lint::check(&provider.definition);
            assert!(findings.is_empty(), "{}: {findings:?}", provider.slug);
            let slug = provider.slug.to_string();
            assert!(there.insert(slug.clone()), "{slug} is there twice");
        }
    }
    let shipped: BTreeSet<String> = shipped().iter().map(|p| p.slug.to_string()).collect();
    assert_eq!(shipped, there);
}

#[test]
fn there_are_500_of_oauth_2_with_endpoints_of_their_own() {
    let catalogue = shipped();
    let endpoints: BTreeSet<(String, String)> = catalogue
        .iter()
        .filter(|provider| provider.definition.auth == Auth::Oauth2)
        .map(|provider| {
            let definition = &provider.definition;
            let authorize = definition.authorize.as_ref().expect("by the linter");
            let token = definition.token.as_ref().expect("by the linter");
            (authorize.url.to_string(), token.url.to_string())
        })
        .collect();
    assert!(endpoints.len() >= 500, "{}", endpoints.len());
}

#[test]
fn there_are_150_that_are_connected_in_other_ways() {
    let others = all(|p| p.definition.auth != Auth::Oauth2);
    assert!(others.len() >= 150, "{}", others.len());
}

#[test]
fn every_one_is_in_a_category() {
    let wrong = all(|p| !CATEGORIES.contains(&p.definition.category.as_str()));
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_is_verified_tells_an_admin_what_to_do_and_has_an_api() {
    let wrong = all(|p| {
        let definition = &p.definition;
        let is_whole = definition.api.is_some()
            && (definition.auth.is_entered() || !definition.setup.steps.is_empty());
        definition.certainty == Certainty::Verified && !is_whole
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The page itself, and not the door to the house.
#[test]
fn what_is_verified_names_the_page() {
    let wrong = all(|p| {
        let page = &p.definition.documentation;
        p.definition.certainty == Certainty::Verified && page.path() == "/"
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_key_is_of_no_use_without_an_api() {
    let wrong = all(|p| p.definition.auth.is_entered() && p.definition.api.is_none());
    // No source says where its API is; the pair is kept for whoever knows.
    assert_eq!(wrong, ["checkout-champ"]);
}

#[test]
fn kinds_begin_with_the_slug() {
    // Those that the sync API of old documented under names of their own.
    let documented = ["auth0-management", "stripe-key"];
    let wrong = all(|p| {
        let kind = &p.definition.credential.kind.0;
        // A variant has its file's shape, where that has a name.
        let known = [&p.slug, &p.family].map(|slug| slug.as_str().replace('-', "_"));
        !known.iter().any(|begins| kind.starts_with(begins))
    });
    let wrong: Vec<&String> = wrong
        .iter()
        .filter(|slug| !documented.contains(&slug.as_str()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_variant_keeps_the_family_of_its_file() {
    let catalogue = shipped();
    let of = |slug: &str| {
        let slug = ProviderSlug::parse(slug).expect("slug");
        catalogue.find(&slug).expect("shipped")
    };
    assert_eq!(of("gmail").family.as_str(), "google");
    assert_eq!(of("google").family.as_str(), "google");
    let (base, variant) = (&of("google").definition, &of("gmail").definition);
    assert_eq!(
        base.token.as_ref().map(|token| token.url.to_string()),
        variant.token.as_ref().map(|token| token.url.to_string())
    );
    assert_ne!(base.default_scopes(), variant.default_scopes());
}
