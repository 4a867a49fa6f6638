//! Keys and certificates as texts (RFC 7468), whatever became of their line breaks on the way.

use crate::secret::SecretString;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// Characters of a line (RFC 7468 section 2).
const LINE: usize = 64;

/// The one form of a PEM text: a field of one line takes its line breaks away, a form makes CRLF of
/// them, a shell's variable writes them as `\n`, and a file ends with one more. Anything else is as it
/// was.
pub fn canonical(text: &SecretString) -> SecretString {
    match blocks(text.expose()) {
        Some(canonical) => SecretString::new(canonical),
        None => text.clone(),
    }
}

/// Whether a text is PEM.
pub fn is_pem(text: &SecretString) -> bool {
    blocks(text.expose()).is_some()
}

fn blocks(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = trimmed(text);
    while !rest.is_empty() {
        let (label, after) = rest.strip_prefix(BEGIN)?.split_once(DASHES)?;
        let end = after.find(END)?;
        let (body, after) = after.split_at(end);
        let after = after.strip_prefix(END)?.strip_prefix(label)?;
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(BEGIN);
        out.push_str(label);
        out.push_str(DASHES);
        write_body(&mut out, body)?;
        out.push('\n');
        out.push_str(END);
        out.push_str(label);
        out.push_str(DASHES);
        rest = trimmed(after.strip_prefix(DASHES)?);
    }
    (!out.is_empty()).then_some(out)
}

fn write_body(out: &mut String, body: &str) -> Option<()> {
    let mut column = 0;
    let mut rest = trimmed(body);
    while let Some(c) = rest.chars().next() {
        if !(c.is_ascii_alphanumeric() || "+/=".contains(c)) {
            return None;
        }
        if column % LINE == 0 {
            out.push('\n');
        }
        out.push(c);
        column += 1;
        rest = trimmed(rest.get(1..)?);
    }
    (column > 0).then_some(())
}

/// Without line breaks, spaces, and line breaks that are written out, at its start.
fn trimmed(text: &str) -> &str {
    let mut rest = text;
    loop {
        let shorter = rest.trim_start();
        let shorter = shorter.strip_prefix("\\n").unwrap_or(shorter);
        let shorter = shorter.strip_prefix("\\r").unwrap_or(shorter);
        if shorter.len() == rest.len() {
            return rest;
        }
        rest = shorter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_key_is_one() {
        let body = "A".repeat(64) + "\n" + &"b+/".repeat(4) + "==";
        let key = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
        let pair = format!("{key}\n{}", key.replace("PRIVATE KEY", "CERTIFICATE"));
        for good in [key, pair] {
            for form in [
                good.clone(),
                format!("  {good}\n"),
                good.replace('\n', "\r\n"),
                good.replace('\n', ""),
                good.replace('\n', " "),
                good.replace('\n', "\\n"),
                good.replace('\n', "\\r\\n"),
            ] {
                let text = SecretString::from(form.as_str());
                assert_eq!(canonical(&text).expose(), &good, "{form}");
                assert!(is_pem(&text));
            }
        }
    }

    #[test]
    fn anything_else_is_as_it_was() {
        for other in [
            "",
            " secret ",
            "-----BEGIN KEY-----",
            "-----BEGIN KEY----------END KEY-----",
            "-----BEGIN KEY-----AAAA-----END OTHER-----",
            "-----BEGIN KEY-----AA?A-----END KEY-----",
            "-----BEGIN KEY-----AAAA-----END KEY----- and more",
            "x -----BEGIN KEY-----AAAA-----END KEY-----",
        ] {
            let text = SecretString::from(other);
            assert_eq!(canonical(&text).expose(), other);
            assert!(!is_pem(&text), "{other}");
        }
    }
}
