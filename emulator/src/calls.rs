//! `ivschat-emulator calls`: a running emulator's journal as a table.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::Failure;
use crate::cli::Calls;

/// An emulator that does not answer in this time does not run.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to print of the emulator that the arguments name.
pub(crate) async fn calls(arguments: &Calls) -> Result<String, Failure> {
    let endpoint = arguments.endpoint.trim_end_matches('/');
    let body = tokio::time::timeout(PATIENCE, journal(endpoint, arguments))
        .await
        .map_err(|_| format!("what runs at {endpoint} does not answer"))??;
    let journal: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (Some(calls), Some(counts)) = (journal["calls"].as_array(), journal["counts"].as_object())
    else {
        return Err(format!("what answers at {endpoint} is no ivschat-emulator").into());
    };
    if arguments.json {
        return Ok(String::from_utf8(body.to_vec())?);
    }
    let counts = table(
        &["OPERATION", "CALLS", "OUTCOMES"],
        counts.iter().map(count),
    );
    if arguments.last == 0 {
        return Ok(counts);
    }
    let header = [
        "TIME",
        "OPERATION",
        "ACCOUNT",
        "REGION",
        "STATUS",
        "OUTCOME",
        "ATTEMPT",
        "OF",
    ];
    let calls = table(&header, calls.iter().map(call));
    Ok(format!("{calls}\n{counts}"))
}

/// What the emulator reports about its calls.
async fn journal(endpoint: &str, arguments: &Calls) -> Result<Bytes, Failure> {
    let which = if arguments.json {
        String::new()
    } else {
        format!("?last={}", arguments.last)
    };
    let uri: Option<Uri> = format!("{endpoint}/_emulator/calls{which}").parse().ok();
    let uri = uri
        .filter(|uri| uri.scheme_str() == Some("http"))
        .ok_or_else(|| format!("{endpoint} is no endpoint: it must begin with http://"))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let answer = client.get(uri).await.map_err(|error| {
        let cause = error.source().map(ToString::to_string);
        format!(
            "no emulator answers at {endpoint}: {}",
            cause.unwrap_or_else(|| error.to_string())
        )
    })?;
    Ok(to_bytes(Body::new(answer.into_body()), usize::MAX).await?)
}

/// One operation's counts: all, then by outcome.
fn count((operation, outcomes): (&String, &Value)) -> Vec<String> {
    let outcomes = outcomes.as_object().into_iter().flatten();
    let each: Vec<_> = outcomes
        .filter_map(|(outcome, count)| Some((outcome, count.as_u64()?)))
        .collect();
    let all: u64 = each.iter().map(|(_, count)| count).sum();
    let each: Vec<_> = each
        .iter()
        .map(|(outcome, count)| format!("{outcome} {count}"))
        .collect();
    vec![operation.clone(), all.to_string(), each.join(", ")]
}

fn call(entry: &Value) -> Vec<String> {
    let text = |member: &str| match &entry[member] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let outcome = match (&entry["error"], &entry["status"]) {
        (Value::String(code), _) => code,
        (_, Value::Null) => "no answer",
        _ => "OK",
    };
    let mut row: Vec<_> = ["at", "operation", "account", "region", "status"]
        .map(text)
        .into();
    row.extend([outcome.to_owned(), text("attempt"), resource(entry)]);
    row
}

/// What a call was about: the ARN or the name in its input, else the ARN in its answer.
fn resource(entry: &Value) -> String {
    let input =
        ["identifier", "resourceArn", "roomIdentifier", "name"].map(|it| &entry["input"][it]);
    let named = input.into_iter().chain([&entry["answer"]["arn"]]);
    let named = named
        .filter_map(Value::as_str)
        .find(|name| !name.is_empty());
    // Callers name things as they like; a terminal obeys some of it.
    named.unwrap_or("-").escape_default().to_string()
}

/// Columns as wide as what is in them.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header = header.iter().map(|&title| title.to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!(
            "{}
",
            cells.join("  ").trim_end()
        )
    };
    rows.iter().map(line).collect()
}
