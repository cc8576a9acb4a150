//! The figures are exact, bounded, and the ones that the documentation names.

#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use ivschat_core::api::Reason;
use ivschat_core::room::correction::Difference;
use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{Answer, Call, Operation, Scope, UpdateRoom};
use serde_json::json;

use crate::policies::annotate;
use crate::stage::{Options, REGION, SERVING, Scrape, Stage};

fn serving() -> Options {
    Options {
        flags: SERVING,
        ..Options::default()
    }
}

/// How much each of these series grew.
fn growth<'a>(before: &Scrape, after: &Scrape, series: &[&'a str]) -> Vec<(&'a str, f64)> {
    let grown = |series: &&'a str| (*series, after.of(series) - before.of(series));
    series.iter().map(grown).collect()
}

const FIGURES: [&str; 9] = [
    "aws_calls_total{operation=\"CreateRoom\",code=\"OK\"}",
    "aws_calls_total{operation=\"UpdateRoom\",code=\"OK\"}",
    "aws_calls_total{operation=\"UpdateRoom\",code=\"Throttled\"}",
    "aws_call_duration_seconds_count{operation=\"UpdateRoom\"}",
    "aws_throttles_total{operation=\"UpdateRoom\"}",
    "time_to_ready_seconds_count",
    "drift_found_total{field=\"maximumMessageLength\"}",
    "drift_corrected_total{field=\"maximumMessageLength\"}",
    "reconciles_total{outcome=\"failed\"}",
];

fn all(values: [f64; 9]) -> Vec<(&'static str, f64)> {
    FIGURES.into_iter().zip(values).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_create_an_edit_drift_a_failure_and_a_deletion_the_figures_are_exact() {
    let mut stage = Stage::with(serving()).await;
    stage.operator.ready().await;
    let start = stage.operator.scrape().await;
    assert_eq!(growth(&start, &start, &FIGURES), all([0.0; 9]));
    for name in ["lobby", "other"] {
        stage.settle(name, json!({})).await;
    }
    let available = "chat_rooms{condition=\"Ready\",status=\"True\",reason=\"Available\"}";
    let made = stage
        .operator
        .scrape_until(|scrape| (scrape.of(available) - 2.0).abs() < f64::EPSILON)
        .await;
    assert_eq!(
        growth(&start, &made, &FIGURES),
        all([2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0])
    );

    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    let object = stage.ready("lobby").await;
    let edited = passes_until(&mut stage, &made, "synced", 1.0).await;
    assert_eq!(
        growth(&made, &edited, &FIGURES),
        all([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    );

    // Somebody changes the room.
    let arn = crate::stage::arn_of(&object);
    let drift = UpdateRoom {
        maximum_message_length: Some(7),
        identifier: arn,
        ..UpdateRoom::default()
    };
    let changed = stage
        .emulator
        .call(&Scope::in_region(REGION), Call::UpdateRoom(drift));
    assert!(matches!(changed, Ok(Answer::Room(_))), "{changed:?}");
    annotate(
        &stage,
        "lobby",
        json!({"ivschat-operator.io/reconcile-at": "now"}),
    )
    .await;
    stage.event("lobby", "DriftCorrected").await;
    let corrected = passes_until(&mut stage, &edited, "synced", 1.0).await;
    assert_eq!(
        growth(&edited, &corrected, &FIGURES),
        all([0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    );

    // Every attempt counts: the SDK makes three.
    let throttled = Fault::refuse(Operation::UpdateRoom, 429, "ThrottlingException", "slow");
    stage.emulator.inject(throttled.times(3));
    stage
        .edit("lobby", json!({"maximumMessageLength": 200}))
        .await;
    stage.ready("lobby").await;
    let failed = passes_until(&mut stage, &corrected, "synced", 1.0).await;
    assert_eq!(
        growth(&corrected, &failed, &FIGURES),
        all([0.0, 1.0, 3.0, 4.0, 3.0, 1.0, 0.0, 0.0, 1.0])
    );

    stage.delete("lobby").await;
    stage.gone("lobby").await;
    let gone = passes_until(&mut stage, &failed, "gone", 1.0).await;
    assert_eq!(gone.of(available), 1.0, "{}", gone.text);
    assert_eq!(gone.of("leader"), 1.0);
    assert_eq!(gone.of("reconciles_in_flight"), 0.0);
}

/// Scrapes once this many more passes have had this outcome, and none is under way.
async fn passes_until(stage: &mut Stage, before: &Scrape, outcome: &str, more: f64) -> Scrape {
    let series = format!("reconciles_total{{outcome=\"{outcome}\"}}");
    let count = before.of(&series) + more;
    // The pass that writes a status ends a moment later.
    stage
        .operator
        .scrape_until(|scrape| {
            scrape.of(&series) >= count && scrape.of("reconciles_in_flight") < 0.5
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_because_too_many_passes_are_under_way_is_the_queues_depth() {
    // As many of one namespace may be under way.
    const MOST: u32 = 128;
    let mut stage = Stage::with(Options {
        flags: &["--http-address", "127.0.0.1:0", "--concurrency", "1"],
        operation_timeout: "10s",
        ..Options::default()
    })
    .await;
    stage.operator.ready().await;
    let slow = Fault::new(Operation::CreateRoom, Symptom::Delay).delayed(Duration::from_secs(5));
    stage.emulator.inject(slow.times(1));
    stage.create("slow", json!({})).await;
    stage.creating("slow").await;
    let names: Vec<String> = (0..MOST + 2)
        .map(|number| format!("room-{number}"))
        .collect();
    join_all(names.iter().map(|name| stage.create(name, json!({})))).await;
    stage
        .operator
        .scrape_until(|scrape| {
            let figures = ["reconciles_in_flight", "queue_depth"].map(|it| scrape.of(it));
            figures == [f64::from(MOST), 3.0]
        })
        .await;
    // What is elsewhere does not wait.
    stage
        .create("elsewhere", json!({"region": "eu-west-1"}))
        .await;
    stage
        .condition("elsewhere", "Ready", "False", "RegionNotServed")
        .await;
    for name in &names {
        stage.ready(name).await;
    }
    stage.operator.metric("queue_depth", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_series_does_not_grow_with_the_number_of_rooms() {
    let mut stage = Stage::with(Options {
        flags: &[
            "--http-address",
            "127.0.0.1:0",
            "--kubernetes-timeout",
            "30s",
        ],
        ..Options::default()
    })
    .await;
    stage.operator.ready().await;
    // One of every kind of thing that the many do.
    stage.settle("first", json!({"tags": {"n": "0"}})).await;
    let available = "chat_rooms{condition=\"Ready\",status=\"True\",reason=\"Available\"}";
    let one = stage
        .operator
        .scrape_until(|scrape| scrape.of(available) > 0.5)
        .await;
    for batch in 0..20 {
        let made = (0..50).map(|n| {
            let (name, stage) = (format!("room-{batch}-{n}"), &stage);
            async move { stage.create(&name, json!({"tags": {"n": name}})).await }
        });
        join_all(made).await;
    }
    let all = stage
        .operator
        .scrape_until(|scrape| scrape.of(available) > 1000.5)
        .await;
    for series in all.series.keys() {
        for label in [
            "operation",
            "code",
            "reason",
            "field",
            "condition",
            "status",
        ] {
            let start = [format!("{{{label}=\""), format!(",{label}=\"")];
            let value = start.iter().find_map(|start| series.split_once(start));
            if let Some((value, _)) = value.and_then(|(_, rest)| rest.split_once('"')) {
                assert!(values_of(label).contains(value), "{series}");
            }
        }
    }
    let names = |scrape: &Scrape| scrape.series.keys().cloned().collect::<BTreeSet<_>>();
    // What went wrong on the way, if anything, has outcomes of its own from the same closed lists.
    let new: Vec<_> = names(&all).difference(&names(&one)).cloned().collect();
    let conditions = |name: &&String| !name.starts_with("ivschat_operator_chat_rooms{");
    assert_eq!(new.iter().filter(conditions).count(), 0, "{new:?}");
    assert!(new.len() <= 9, "{new:?}");
    assert!(!all.text.contains("room-"), "no name of an object");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_names_every_metric_its_type_and_its_labels_and_no_other() {
    let mut stage = Stage::with(serving()).await;
    stage.operator.ready().await;
    stage.settle("lobby", json!({})).await;
    let scrape = stage
        .operator
        .scrape_until(|scrape| scrape.text.contains("chat_rooms{") && scrape.of("leader") > 0.5)
        .await;
    assert_eq!(documented(), served(&scrape));
}

#[test]
fn the_documentation_names_every_value_that_a_label_can_have_and_no_other() {
    let names = |values: &[&'static str]| values.iter().map(ToString::to_string).collect();
    let mut operations: BTreeSet<String> =
        names(&ivschat_aws::Operation::ALL.map(ivschat_aws::Operation::name));
    operations.insert("GetCallerIdentity".to_owned());
    let reasons = names(&Reason::ALL.map(Reason::as_str));
    let fields = names(&Difference::FIELDS);
    for (label, values) in [
        ("operation", operations),
        ("reason", reasons),
        ("field", fields),
    ] {
        assert_eq!(values_of(label), values, "{label}");
    }
}

/// The values of a label, as the documentation says.
fn values_of(label: &str) -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let start = format!("| `{label}` |");
    let row = text.lines().find_map(|line| line.strip_prefix(&start));
    let row = row.unwrap_or_else(|| panic!("no row for {label}"));
    let values = row.split('|').next().unwrap().split(',');
    values
        .map(|it| it.trim().trim_matches('`').to_owned())
        .collect()
}

/// Name to type, labels and meaning.
type Described = BTreeMap<String, (String, String, String)>;

/// As the table says.
fn documented() -> Described {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, labels, help, _] = cells.as_slice() else {
            return None;
        };
        let name = name.trim_matches('`').to_owned();
        let labels = labels.replace('`', "");
        Some((name, ((*kind).to_owned(), labels, (*help).to_owned())))
    })
    .collect()
}

/// As the operator says.
fn served(scrape: &Scrape) -> Described {
    let mut described = Described::new();
    let mut family = String::new();
    for line in scrape.text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                (*name).clone_into(&mut family);
                let help = help.trim_end_matches('.').to_owned();
                described.insert(family.clone(), (String::new(), String::new(), help));
            }
            ["#", "TYPE", name, kind] => {
                (*kind).clone_into(&mut described.get_mut(*name).unwrap().0);
            }
            ["#", ..] => {}
            _ => {
                let labels = line.split_once('{').map_or("", |(_, labels)| labels);
                let names = labels.split("\",").map(|it| it.split('=').next().unwrap());
                let names =
                    names.filter(|name| !["le", ""].contains(name) && !name.starts_with(' '));
                let names: Vec<_> = names.collect();
                described.get_mut(&family).unwrap().1 = names.join(", ");
            }
        }
    }
    described
}
