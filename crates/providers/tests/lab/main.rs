//! Every definition of the catalogue against what the vendor documents: from the start to the end of
//! a grant, with a line for each provider and step (`--nocapture` shows them).
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "tests; what fails here fails the test"
)]

mod expected;
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
