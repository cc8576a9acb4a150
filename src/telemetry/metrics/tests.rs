use super::*;

#[test]
fn a_room_counts_under_its_conditions_until_it_is_dropped_and_on_a_leader_only() {
    let metrics = Metrics::default();
    let line = |reason: &str, count: i64| {
        format!(
            "ivschat_operator_chat_rooms{{condition=\"Ready\",status=\"True\",reason=\"{reason}\"}} {count}\n"
        )
    };
    let shown = metrics.show(vec![["Ready", "True", "Available"]]);
    assert!(!metrics.encode().contains("Available"));
    metrics.lead(true);
    assert!(metrics.encode().contains(&line("Available", 1)));
    drop(shown);
    assert!(metrics.encode().contains(&line("Available", 0)));
}

#[test]
fn a_pass_is_in_flight_until_it_ends() {
    let metrics = Metrics::default();
    let mut pass = metrics.pass();
    assert!(
        metrics
            .encode()
            .contains("ivschat_operator_reconciles_in_flight 1\n")
    );
    pass.outcome = "synced";
    drop(pass);
    let text = metrics.encode();
    for line in [
        "ivschat_operator_reconciles_in_flight 0\n",
        "ivschat_operator_reconciles_total{outcome=\"synced\"} 1\n",
        "ivschat_operator_reconcile_duration_seconds_count 1\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_scrape_with_ten_thousand_rooms_takes_less_than_five_milliseconds() {
    let metrics = Metrics::default();
    metrics.lead(true);
    let reasons = ["Available", "Throttled", "Unavailable", "Denied", "Invalid"];
    let shown: Vec<_> = (0..10_000)
        .map(|n| {
            let reason = reasons[n % reasons.len()];
            let conditions = ["Ready", "Synced", "Stalled"];
            metrics.show(conditions.map(|it| [it, "False", reason]).to_vec())
        })
        .collect();
    for operation in [
        "CreateRoom",
        "GetRoom",
        "UpdateRoom",
        "DeleteRoom",
        "ListRooms",
    ] {
        metrics.expect_calls(operation);
        for code in reasons {
            metrics.called(operation, code, Duration::from_millis(20));
        }
    }
    let mut times: Vec<_> = (0..101)
        .map(|_| {
            let begun = Instant::now();
            assert!(metrics.encode().ends_with("# EOF\n"));
            begun.elapsed()
        })
        .collect();
    times.sort();
    let (median, slowest) = (times[50], times[100]);
    println!(
        "a scrape of {} rooms: median {median:?}, slowest {slowest:?}",
        shown.len()
    );
    assert!(median < Duration::from_millis(5), "{median:?}");
}
