//! Whoever has the console's configuration and the database cannot open what the console sealed.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use keyway_domain::{
    SecretString,
    ids::{AccountId, OauthAppId},
    random::OsRandom,
    sealed::{Place, Sealed},
};
use keyway_vault::{KeyRing, PublicKeys};
use uuid::Uuid;

fn place() -> Place {
    let app = OauthAppId::from(Uuid::from_bytes([1; 16]));
    Place::oauth_app_client_secret(app, AccountId::from(Uuid::from_bytes([2; 16])))
}

/// What the console has: its file, and a ciphertext from the database.
fn console() -> (KeyRing, String, Sealed) {
    let ring = KeyRing::generate(&OsRandom);
    let file = ring.public_keys().to_toml().expect("toml");
    let with = PublicKeys::parse(&file)
        .expect("a file")
        .sealer()
        .expect("a key");
    let sealed = with
        .seal(&place(), &SecretString::from("canary"), &OsRandom)
        .expect("sealed");
    (ring, file, sealed)
}

/// The value of a key in the console's file.
fn value(file: &str, key: &str) -> String {
    let table: toml::Table = file.parse().expect("toml");
    table["keys"][0][key].as_str().expect("a text").to_owned()
}

#[test]
fn its_file_is_no_key_ring() {
    let (_, file, _) = console();
    assert!(KeyRing::parse(&SecretString::new(file)).is_err());
}

#[test]
fn a_ring_forged_from_its_file_does_not_open() {
    let (ring, file, sealed) = console();
    let (id, public) = (value(&file, "id"), value(&file, "x25519"));
    let forged = format!("digest_key = {public:?}\n[[keys]]\nid = {id:?}\nsecret = {public:?}\n");
    let forged = KeyRing::parse(&SecretString::new(forged)).expect("a ring");
    assert!(forged.open(&place(), &sealed).is_err());
    assert_eq!(
        ring.open(&place(), &sealed).expect("opens").expose(),
        "canary"
    );
}

#[test]
fn it_cannot_make_what_it_sealed_pass_for_another_place() {
    let (ring, file, _) = console();
    let with = PublicKeys::parse(&file)
        .expect("a file")
        .sealer()
        .expect("a key");
    let elsewhere = Place::oauth_app_client_secret(Uuid::nil().into(), Uuid::nil().into());
    let sealed = with
        .seal(&elsewhere, &SecretString::from("canary"), &OsRandom)
        .expect("sealed");
    assert!(ring.open(&place(), &sealed).is_err());
}
