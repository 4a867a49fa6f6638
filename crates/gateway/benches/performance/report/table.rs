//! What the tables are made of.

use std::time::Duration;

use crate::sample::{Sample, Spread};

/// A table whose source is as readable as what is made of it.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|&head| head.to_owned()).collect();
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = rows.iter().chain([&heads]);
            let cells = cells.filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    let lines = [&heads, &rule].into_iter().chain(rows);
    lines.map(|cells| line(cells, &widths)).collect()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, &width)| format!("{cell:width$}"))
        .collect();
    format!("| {} |\n", padded.join(" | "))
}

/// A demand, and whether it holds.
pub(super) fn verdict(demand: &str, met: bool) -> String {
    format!("{demand}: {}", if met { "met" } else { "**missed**" })
}

/// `0.83 [0.79–0.91]`.
pub(super) fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| {
        format!("{:.2} [{:.2}–{:.2}]", spread.median, spread.min, spread.max)
    })
}

/// `1.30`; a dash where nobody took the time.
pub(super) fn latency(millis: Option<f64>) -> String {
    match millis {
        Some(millis) if millis > 0.0 => format!("{millis:.2}"),
        _ => "–".to_owned(),
    }
}

/// The median over the rounds.
pub(super) fn median(samples: &[Sample], of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    Some(Spread::of(samples.iter().filter_map(of))?.median)
}

/// Milliseconds.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Microseconds.
pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
