//! The table as Markdown: a line for each figure, a column for each contestant.

use std::fmt::Write;

use crate::contestant::Contestant;
use crate::goals::{LINES, Line};
use crate::record::{Measured, Record};

/// AWS's calls a second for each operation on rooms.
const GRANTED: f64 = 5.0;

pub fn table(record: &Record) -> String {
    let mut text = String::from("| | measure | rooms | floor | goal |");
    for contestant in Contestant::ALL {
        let _ = write!(text, " {} |", contestant.name());
    }
    text.push_str("\n|---|---|--:|--:|--:|");
    text.push_str(&"--:|".repeat(Contestant::ALL.len()));
    text.push('\n');
    let mut last = "";
    for line in &LINES {
        let Some(shown) = Contestant::ALL
            .iter()
            .find_map(|contestant| record.row(*contestant, line.row))
        else {
            continue;
        };
        let floor = line.floor.of(shown, GRANTED * record.quotas);
        let goal = line.goal.limit(floor, record);
        let id = if last == line.id { "" } else { line.id };
        last = line.id;
        let goal_text = match goal {
            Some((limit, true)) => format!("≥ {}", short(limit, line.unit)),
            Some((0.0, _)) => "0".to_owned(),
            Some((limit, false)) => format!("≤ {}", short(limit, line.unit)),
            None => String::new(),
        };
        let floor = floor.map(|floor| figure(floor, line.unit));
        let _ = write!(
            text,
            "| {id} | {} | {} | {} | {goal_text} |",
            line.label,
            thousands(&shown.rooms.to_string()),
            floor.unwrap_or_default()
        );
        for contestant in Contestant::ALL {
            let cell = cell(record, contestant, line, goal);
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

fn cell(record: &Record, contestant: Contestant, line: &Line, goal: Option<(f64, bool)>) -> String {
    if !record.contestants.contains_key(contestant.name()) {
        return "not built".to_owned();
    }
    let Some(measured) = record.row(contestant, line.row) else {
        return "–".to_owned();
    };
    let (text, met) = match told(measured, line) {
        Some(note) => (note, false),
        None => match measured.figures.get(line.figure) {
            Some(value) => {
                let met = goal.is_none_or(|(limit, least)| {
                    let value = rounded(*value, line.unit);
                    let limit = rounded(limit, line.unit);
                    if least {
                        value >= limit
                    } else {
                        value <= limit
                    }
                });
                (figure(*value, line.unit), met)
            }
            None => return "–".to_owned(),
        },
    };
    if contestant.is_ours() && !met {
        format!("**{text}**")
    } else {
        text
    }
}

/// What stands there instead of a figure: how far it came, or that the row failed.
fn told(measured: &Measured, line: &Line) -> Option<String> {
    if measured.notes.contains_key("") {
        return Some("failed".to_owned());
    }
    measured.notes.get(line.figure).cloned()
}

/// Digits behind the point: times and shares of calls need more than counts.
fn digits(value: f64) -> usize {
    match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    }
}

fn rounded(value: f64, unit: &str) -> f64 {
    number(value, unit).parse().unwrap_or(value)
}

fn number(value: f64, unit: &str) -> String {
    let digits = if unit == "ms" { 0 } else { digits(value) };
    let text = format!("{value:.digits$}");
    // A count is whole; per create it is not.
    if text.contains('.') && (unit.is_empty() || text.ends_with(".00")) {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return if text == "-0" { "0" } else { text }.to_owned();
    }
    text
}

fn figure(value: f64, unit: &str) -> String {
    with_unit(&number(value, unit), unit)
}

/// Without digits that say nothing: a goal is exact.
fn short(value: f64, unit: &str) -> String {
    let text = number(value, unit);
    if text.contains('.') {
        with_unit(text.trim_end_matches('0').trim_end_matches('.'), unit)
    } else {
        with_unit(&text, unit)
    }
}

fn with_unit(text: &str, unit: &str) -> String {
    let text = thousands(text);
    match unit {
        "" => text,
        "%" => format!("{text} %"),
        "times" => format!("{text} ×"),
        unit => format!("{text} {unit}"),
    }
}

/// With a comma after each three digits.
fn thousands(number: &str) -> String {
    let (whole, rest) = number
        .split_once('.')
        .map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let (sign, whole) = whole
        .strip_prefix('-')
        .map_or(("", whole), |whole| ("-", whole));
    let mut text = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(rest) = rest {
        text.push('.');
        text.push_str(rest);
    }
    text
}
