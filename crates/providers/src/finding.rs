//! What is wrong with a definition, and where.

use std::fmt;

/// Something to mend in a definition's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line, counted from 1; none if it is about the whole.
    pub line: Option<usize>,
    /// Why: `token.url: …`.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl Finding {
    /// A finding of the reader, whose words hold the line and a picture of it.
    pub(crate) fn of_reader(text: &str, words: &str) -> Self {
        let line = words
            .strip_prefix("TOML parse error at line ")
            .and_then(|rest| rest.split(',').next()?.parse().ok());
        if line.is_none() {
            return Self::at_key(text, words.to_owned());
        }
        // The picture ends with a line that has the arrow.
        let picture = words.lines().position(|line| line.trim() == "|");
        let told = words.lines().skip(picture.unwrap_or_default());
        let reason: Vec<&str> = told.skip_while(|line| line.contains('|')).collect();
        let reason = if reason.is_empty() {
            words.to_owned()
        } else {
            reason.join("; ")
        };
        Self { line, reason }
    }

    /// A finding that begins with the path of a key: it stands where the key does, or the nearest
    /// key above it.
    pub(crate) fn at_key(text: &str, reason: String) -> Self {
        let path = reason.split(": ").next().unwrap_or_default();
        let line = line_of(text, path);
        Self { line, reason }
    }
}

/// The line of the key with this path, or of the nearest that is written above it. Definitions are
/// plain TOML: tables by header, dotted or inline, and one key a line.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let wanted: Vec<&str> = path.split('.').collect();
    let mut table = Vec::new();
    let mut best: Option<(usize, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let key = if let Some(header) = line.strip_prefix('[') {
            let Some(name) = header.trim_start_matches('[').split(']').next() else {
                continue;
            };
            table = segments(name);
            table.clone()
        } else {
            let Some((name, _)) = line.split_once('=') else {
                continue;
            };
            let mut key = table.clone();
            key.extend(segments(name));
            key
        };
        let shared = key.len();
        let leads = shared <= wanted.len() && key.iter().zip(&wanted).all(|(a, b)| a == b);
        if leads && best.is_none_or(|(longest, _)| shared > longest) {
            best = Some((shared, index + 1));
        }
    }
    best.map(|(_, line)| line)
}

fn segments(name: &str) -> Vec<String> {
    let quotes: &[char] = &['"', '\'', ' ', '\t'];
    name.split('.')
        .map(|segment| segment.trim_matches(quotes).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"A\"\n\n[authorize]\nurl = \"https://a.example\"\nparameters = { prompt = \"x\" }\n\n[variables.shop]\nlabel = \"Shop\"\n";

    #[test]
    fn a_finding_stands_at_its_key_or_at_the_nearest_above() {
        let line = |path: &str| line_of(TEXT, path);
        assert_eq!(line("name"), Some(1));
        assert_eq!(line("authorize"), Some(3));
        assert_eq!(line("authorize.url"), Some(4));
        assert_eq!(line("authorize.pkce"), Some(3));
        assert_eq!(line("authorize.parameters.prompt"), Some(5));
        assert_eq!(line("variables.shop.label"), Some(8));
        assert_eq!(line("variables.shop"), Some(7));
        assert_eq!(line("token"), None);
    }

    #[test]
    fn the_readers_words_are_told_without_their_picture() {
        let error = toml::from_str::<toml::Table>("name = \"A\"\nurl = \n").expect_err("no TOML");
        let finding = Finding::of_reader("", &error.to_string());
        assert_eq!(finding.line, Some(2));
        assert!(!finding.reason.contains('|'), "{finding}");
        assert!(!finding.reason.is_empty());
    }
}
