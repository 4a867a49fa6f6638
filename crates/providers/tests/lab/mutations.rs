//! Does the suite notice? A field of a definition is changed at random, and either the linter or the
//! suite must say so.

use keyway_domain::Random;
use keyway_providers::Provider;
use keyway_testkit::{random::SeededRandom, witness};
use toml::Value;

use crate::run::Desk;

/// How many fields are changed.
const CHANGES: usize = 500;
/// How many of a hundred changes must be noticed.
const NOTICED: usize = 95;

/// What a field is for people to read, and changes nothing that a server sees.
const WORDS: [&str; 11] = [
    "name",
    "category",
    "documentation",
    "checked",
    "certainty",
    "setup",
    "label",
    "help",
    "example",
    "scopes",
    "variants",
];

#[tokio::test]
async fn a_change_of_a_field_at_random_is_noticed() {
    let described = witness::all();
    let files = files();
    let desk = Desk::open().await;
    let random = SeededRandom::new(4);
    let mut unnoticed = Vec::new();
    for _ in 0..CHANGES {
        let (slug, text) = pick(&files, &random);
        let mut table: Value = text.parse::<toml::Table>().expect("a table").into();
        let mut paths = Vec::new();
        leaves(&table, &mut Vec::new(), &mut paths);
        let path = pick(&paths, &random).clone();
        let was = change(&mut table, &path, &random);
        let changed = toml::to_string(&table).expect("TOML");
        let described = described.get(slug).expect("a description");
        let Ok(providers) = Provider::read(slug, &changed) else {
            continue;
        };
        let provider = providers.first().expect("the file's own");
        let steps = desk.run(provider, described).await;
        if steps.iter().all(|(_, problems)| problems.is_empty()) {
            unnoticed.push(format!("{slug}: {} {was}", path.join(".")));
        }
    }
    println!("{} of {CHANGES} changes noticed", CHANGES - unnoticed.len());
    println!("not noticed:\n{}", unnoticed.join("\n"));
    assert!(
        unnoticed.len() * 100 <= CHANGES * (100 - NOTICED),
        "{}",
        unnoticed.join("\n")
    );
}

fn files() -> Vec<(String, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).expect("catalogue") {
        let path = entry.expect("entry").path();
        let slug = path
            .file_stem()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        files.push((slug, std::fs::read_to_string(&path).expect("text")));
    }
    files.sort();
    files
}

fn pick<'a, T>(of: &'a [T], random: &dyn Random) -> &'a T {
    of.get(below(of.len(), random)).expect("one of them")
}

fn below(count: usize, random: &dyn Random) -> usize {
    let number = u32::from_le_bytes(random.bytes::<4>());
    usize::try_from(number).expect("32 bits") % count
}

/// The paths of all single values that a server could notice.
fn leaves(value: &Value, here: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Table(members) => {
            for (name, member) in members {
                let is_words = WORDS.contains(&name.as_str())
                    && here
                        .first()
                        .is_none_or(|top| top != "credential" && top != "token");
                if is_words {
                    continue;
                }
                here.push(name.clone());
                leaves(member, here, found);
                here.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                here.push(index.to_string());
                leaves(item, here, found);
                here.pop();
            }
        }
        _ => found.push(here.clone()),
    }
}

/// Changes the value at a path; what it was and is.
fn change(table: &mut Value, path: &[String], random: &dyn Random) -> String {
    let mut here = table;
    for name in path {
        here = match here {
            Value::Table(members) => members.get_mut(name).expect("there"),
            Value::Array(items) => {
                let index: usize = name.parse().expect("an index");
                items.get_mut(index).expect("there")
            }
            _ => panic!("{path:?}"),
        };
    }
    let was = here.to_string();
    *here = match here.clone() {
        Value::Boolean(flag) => Value::Boolean(!flag),
        Value::Integer(number) => Value::Integer(number + 86_400),
        Value::String(text) => Value::String(other(&text, random)),
        other => other,
    };
    format!("{was} became {here}")
}

/// Another text of the same kind: another word where there are only some, else one letter more.
fn other(text: &str, random: &dyn Random) -> String {
    const WORDS: [&[&str]; 6] = [
        &["basic", "post", "header", "none", "secret_as_user"],
        &["form", "json", "query"],
        &["single_use", "static"],
        &["required", "none"],
        &["GET", "POST", "DELETE"],
        &["bearer", "client_basic"],
    ];
    if let Some(words) = WORDS.iter().find(|words| words.contains(&text)) {
        let others: Vec<&&str> = words.iter().filter(|word| **word != text).collect();
        return (**pick(&others, random)).to_owned();
    }
    if text.starts_with("https://") {
        // In the host, or in the path.
        let slash = text
            .get(8..)
            .and_then(|rest| rest.find('/'))
            .map(|at| at + 8);
        return match (slash, below(2, random)) {
            (Some(at), 0) => format!(
                "{}x{}",
                text.get(..at).expect("a host"),
                text.get(at..).expect("a path")
            ),
            _ => format!("{text}x"),
        };
    }
    match text {
        "," => " ".into(),
        " " | "+" | ";" => ",".into(),
        _ => format!("{text}x"),
    }
}
