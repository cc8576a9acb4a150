use super::*;

#[test]
fn a_room_counts_under_its_conditions_until_it_is_dropped_and_on_a_leader_only() {
    let metrics = Metrics::default();
    let line = |reason: &str, count: i64| {
        format!(
            "ivschat_operator_chat_rooms{{condition=\"Ready\",status=\"True\",reason=\"{reason}\"}} {count}\n"
        )
    };
    let shown = metrics.show(&[["Ready", "True", "Available"]], None);
    assert!(!metrics.encode().contains("Available"));
    metrics.lead(true);
    assert!(metrics.encode().contains(&line("Available", 1)));
    drop(shown);
    assert!(metrics.encode().contains(&line("Available", 0)));
}

#[test]
fn the_oldest_deletion_is_shown_until_no_object_waits_and_on_a_leader_only() {
    let metrics = Metrics::default();
    let wait_since = |seconds: u64| {
        let since = SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 400);
        metrics.show(&[], Some(since))
    };
    let oldest = || {
        let text = metrics.encode();
        let name = "ivschat_operator_oldest_deletion_timestamp_seconds ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::to_owned)
    };
    let (second, first, again) = (wait_since(200), wait_since(100), wait_since(100));
    assert_eq!(oldest(), None, "a standby knows of none");
    metrics.lead(true);
    assert_eq!(oldest(), Some("100".to_owned()));
    drop(first);
    assert_eq!(oldest(), Some("100".to_owned()));
    drop(again);
    assert_eq!(oldest(), Some("200".to_owned()));
    drop(second);
    assert_eq!(oldest(), None);
}

#[test]
fn who_no_longer_leads_reports_no_orphans_and_no_twins() {
    let metrics = Metrics::default();
    let found = |orphans: u8, twins: u8| {
        let text = metrics.encode();
        text.contains(&format!("ivschat_operator_orphans {orphans}\n"))
            && text.contains(&format!("ivschat_operator_twins {twins}\n"))
    };
    metrics.lead(true);
    metrics.swept(Duration::from_secs(1), true, 3, 2);
    assert!(found(3, 2));
    metrics.lead(true);
    assert!(found(3, 2));
    metrics.lead(false);
    assert!(found(0, 0));
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
            let deleted = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(n).unwrap());
            let conditions = conditions.map(|it| [it, "False", reason]);
            metrics.show(&conditions, Some(deleted))
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
