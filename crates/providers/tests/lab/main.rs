//! Every definition of the catalogue against what the vendor documents: from the start to the end of
//! a grant, with a line for each provider and step (`--nocapture` shows them).
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests; what fails here fails the test"
)]

mod expected;
mod grant;
mod mutations;
mod run;

use keyway_providers::Catalogue;
use keyway_testkit::witness;

use crate::run::Desk;

#[tokio::test]
async fn every_provider_does_as_its_vendor_documents() {
    let described = witness::all();
    let catalogue = Catalogue::shipped().expect("catalogue");
    let desk = Desk::open().await;
    let mut wrong = Vec::new();
    let mut steps = 0;
    for provider in catalogue.iter() {
        let slug = provider.slug.as_str();
        let Some(description) = described.get(slug) else {
            wrong.push(format!("{slug}: nobody describes it"));
            continue;
        };
        for (step, problems) in desk.run(provider, description).await {
            steps += 1;
            if problems.is_empty() {
                println!("{slug}: {step} as documented");
            } else {
                println!("{slug}: {step} NOT as documented");
                wrong.push(format!("{slug}: {step}: {}", problems.join("; ")));
            }
        }
    }
    let unknown = described.keys().filter(|slug| {
        let mut known = catalogue.iter();
        !known.any(|provider| provider.slug.as_str() == slug.as_str())
    });
    wrong.extend(unknown.map(|slug| format!("{slug}: is described, and not in the catalogue")));
    let total = catalogue.iter().count();
    println!(
        "{total} providers, {steps} steps, {} not as documented",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The plain provider of docs/PROVIDERS.md, as a file in a directory.
#[tokio::test]
async fn a_plain_provider_takes_one_file_of_at_most_15_lines() {
    let page = include_str!("../../../../docs/PROVIDERS.md");
    let (_, rest) = page.split_once("## A plain provider").expect("the chapter");
    let (_, rest) = rest.split_once("```toml\n").expect("the file");
    let (text, _) = rest.split_once("```").expect("its end");
    assert!(text.lines().count() <= 15, "{text}");
    let directory = std::env::temp_dir().join(format!("keyway-plain-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::write(directory.join("acme.toml"), text).expect("a file");
    let mut catalogue = Catalogue::default();
    let added = catalogue.add_directory(&directory);
    std::fs::remove_dir_all(&directory).expect("removed");
    added.expect("a good definition");
    let provider = catalogue.iter().next().expect("acme");
    let described: std::collections::BTreeMap<String, witness::Description> = toml::from_str(
        r#"
[acme]
authorize = "https://acme.example/oauth/authorize"
asks = ["read"]
pkce = true
token = { url = "https://acme.example/oauth/token", client = "basic" }
refresh = { url = "https://acme.example/oauth/token", client = "basic" }
calls = [{ url = "https://api.acme.example/me", answer = '{"id": 7, "name": "Acme Ltd"}' }]
account = "7"
label = "Acme Ltd"
properties = '{"kind": "acme_oauth2", "account_id": 7, "account_name": "Acme Ltd"}'
"#,
    )
    .expect("a description");
    let description = described.get("acme").expect("acme");
    for (step, problems) in Desk::open().await.run(provider, description).await {
        assert!(problems.is_empty(), "{step}: {problems:?}");
    }
}
