//! `ivschat-operator check`: the table it prints, and that it leaves nothing behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{Call, CreateRoom, Operation, Scope, Settings};
use kube::config::Kubeconfig;
use serde_json::json;

use crate::stage::{CLUSTER, ControlPlane, DEADLINE, Options, REGION, Source, Stage, command};

/// Runs it, and gives whether all is well and what it printed, one line each, without what differs from run to run.
async fn check(
    stage: &Stage,
    kubeconfig: &Path,
    options: Options,
    flags: &[&str],
) -> (bool, Vec<String>) {
    let endpoint = stage.emulator.endpoint();
    let output = command("check", kubeconfig, &stage.namespace, &endpoint, options)
        .args(flags)
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let told = String::from_utf8(output.stdout).unwrap();
    let version = stage.client.apiserver_version().await.unwrap().git_version;
    let told = told.lines().map(|line| {
        let words: Vec<_> = line
            .split_whitespace()
            .map(|word| plain(word, &stage.namespace, &version))
            .collect();
        words.join(" ")
    });
    (output.status.success(), told.collect())
}

/// A word as it is in every run.
fn plain(word: &str, namespace: &str, version: &str) -> String {
    let word = word.replace(namespace, "NAMESPACE");
    let word = word.replace(version, "VERSION");
    match word.split_once(":room/") {
        Some((start, _)) => format!("{start}:room/ID"),
        None => word,
    }
}

fn replicas() -> Options {
    Options {
        lease: Some("15s"),
        ..Options::default()
    }
}

/// Of the table's lines that with this name.
fn row<'a>(table: &'a [String], what: &str) -> &'a str {
    let mut rows = table.iter().filter(|line| line.starts_with(what));
    rows.next()
        .unwrap_or_else(|| panic!("no row {what}: {table:#?}"))
}

const HEAD: [&str; 11] = [
    "WHAT RESULT DETAIL",
    "Kubernetes API ok VERSION",
    "cluster id ok test-cluster",
    "CRD ok established; its fields are this program's",
    "ChatRooms in NAMESPACE ok may get, list, watch, patch",
    "ChatRooms' status in NAMESPACE ok may patch",
    "events in NAMESPACE ok may create",
    "lease in NAMESPACE ok may create",
    "lease in NAMESPACE ok may get, update",
    "leader ok none",
    "AWS credentials ok account 123456789012, region us-west-2",
];

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_there_all_is_well_and_nothing_is_written() {
    let stage = Stage::open().await;
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &[]).await;
    let reads = [
        "ivschat:ListRooms ok 0 rooms on the first page",
        "ivschat:GetRoom ok told that there is no such room",
        "AWS actions that write skipped give --write to try them on a room of their own",
        "",
        "all is well",
    ];
    assert_eq!(table, [&HEAD[..], &reads].concat());
    assert!(well);
    assert_eq!(stage.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_write_every_action_is_tried_on_a_room_that_is_gone_in_the_end() {
    let stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    let before = (stage.rooms_in(REGION), stage.writes().len());
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &["--write"]).await;
    let tried = [
        "ivschat:ListRooms ok a room on the first page",
        "ivschat:GetRoom ok shown a room",
        "ivschat:CreateRoom ok made arn:aws:ivschat:us-west-2:123456789012:room/ID",
        "ivschat:UpdateRoom ok done",
        "ivschat:TagResource ok done",
        "ivschat:UntagResource ok done",
        "ivschat:DeleteRoom ok deleted arn:aws:ivschat:us-west-2:123456789012:room/ID",
        "",
        "all is well",
    ];
    assert_eq!(table, [&HEAD[..], &tried].concat());
    assert!(well);
    assert_eq!(stage.rooms_in(REGION), before.0);
    let writes: Vec<_> = stage.writes()[before.1..]
        .iter()
        .map(|(operation, _)| *operation)
        .collect();
    let each = [
        Operation::CreateRoom,
        Operation::UpdateRoom,
        Operation::TagResource,
        Operation::UntagResource,
        Operation::DeleteRoom,
    ];
    assert_eq!(writes, each);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_whose_making_was_not_answered_is_found_and_deleted() {
    let stage = Stage::open().await;
    stage
        .emulator
        .inject(Fault::lose_answer(Operation::CreateRoom, Symptom::Reset).times(1));
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &["--write"]).await;
    assert!(
        row(&table, "ivschat:CreateRoom").starts_with("ivschat:CreateRoom FAILED Unavailable"),
        "{table:#?}"
    );
    let skipped = "other actions that write skipped there is no room to try them on";
    assert_eq!(row(&table, "other actions"), skipped);
    let deleted = "room that was left ok deleted arn:aws:ivschat:us-west-2:123456789012:room/ID";
    assert_eq!(row(&table, "room that was left"), deleted);
    assert!(!well);
    assert_eq!(stage.rooms_in(REGION), []);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_reads_lag_it_waits_for_its_room_and_takes_a_deleted_one_for_none_that_is_left() {
    let lagging = Settings {
        get_lag: Duration::from_secs(1),
        list_lag: Duration::from_secs(5),
        ..Settings::default()
    };
    let control_plane = ControlPlane::shared().await;
    let stage = Stage::on(control_plane, Options::default(), lagging).await;
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &["--write"]).await;
    assert!(well, "{table:#?}");
    for action in [
        "CreateRoom",
        "UpdateRoom",
        "TagResource",
        "UntagResource",
        "DeleteRoom",
    ] {
        let row = row(&table, &format!("ivschat:{action}"));
        assert!(row.starts_with(&format!("ivschat:{action} ok")), "{row}");
    }
    assert_eq!(stage.rooms_in(REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_check_that_was_killed_left_behind_is_deleted_by_the_next() {
    let stage = Stage::open().await;
    let owner = format!("{CLUSTER}/ivschat-operator.io/check");
    let tags = BTreeMap::from([("ivschat-operator.io/owner".to_owned(), owner)]);
    let left = CreateRoom {
        tags: Some(tags),
        ..CreateRoom::default()
    };
    let made = stage
        .emulator
        .call(&Scope::in_region(REGION), Call::CreateRoom(left));
    made.unwrap();
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &["--write"]).await;
    let deleted =
        "room of an earlier check ok deleted arn:aws:ivschat:us-west-2:123456789012:room/ID";
    assert_eq!(row(&table, "room of an earlier check"), deleted);
    assert!(well, "{table:#?}");
    assert_eq!(stage.rooms_in(REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_is_denied_is_named_with_what_to_allow() {
    let stage = Stage::open().await;
    for operation in [
        Operation::ListRooms,
        Operation::UpdateRoom,
        Operation::TagResource,
    ] {
        stage.emulator.inject(Fault::refuse(
            operation,
            403,
            "AccessDeniedException",
            "not yours",
        ));
    }
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &[]).await;
    let denied = |action: &str| {
        format!(
            "ivschat:{action} FAILED Denied: {action}: AccessDeniedException: not yours. Check the operator's AWS credentials \
             and IAM policy. Allow ivschat:{action} as deploy/aws/policy.json does"
        )
    };
    assert_eq!(row(&table, "ivschat:ListRooms"), denied("ListRooms"));
    assert_eq!(table.last().unwrap(), "1 of 13 failed");
    assert!(!well);
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_changes_leave_no_room_either() {
    let stage = Stage::open().await;
    for operation in [Operation::UpdateRoom, Operation::TagResource] {
        stage.emulator.inject(Fault::refuse(
            operation,
            403,
            "AccessDeniedException",
            "not yours",
        ));
    }
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &["--write"]).await;
    for action in ["UpdateRoom", "TagResource"] {
        let row = row(&table, &format!("ivschat:{action}"));
        assert!(
            row.ends_with(&format!(
                "Allow ivschat:{action} as deploy/aws/policy.json does"
            )),
            "{row}"
        );
    }
    assert_eq!(
        row(&table, "ivschat:UntagResource"),
        "ivschat:UntagResource ok done"
    );
    assert_eq!(table.last().unwrap(), "2 of 17 failed");
    assert!(!well);
    assert_eq!(stage.rooms_in(REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_that_is_said_once() {
    let stage = Stage::open().await;
    let options = Options {
        credentials: Source::Container("http://127.0.0.1:1/"),
        ..replicas()
    };
    let (well, table) = check(&stage, &stage.kubeconfig, options, &["--write"]).await;
    let told = row(&table, "AWS credentials");
    assert!(
        told.starts_with("AWS credentials FAILED Denied: no usable AWS credentials"),
        "{told}"
    );
    assert_eq!(
        row(&table, "AWS actions"),
        "AWS actions skipped there are no credentials"
    );
    assert!(!well);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kubeconfig_and_region_both_are_said() {
    let stage = Stage::open().await;
    let (nowhere, endpoint) = (Path::new("/nowhere"), stage.emulator.endpoint());
    let output = command("check", nowhere, &stage.namespace, &endpoint, replicas())
        .env_remove("AWS_REGION")
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<_> = told.lines().collect();
    assert!(told[1].starts_with("Kubernetes API  FAILED"), "{told:#?}");
    assert!(told[1].contains("/nowhere"), "{told:#?}");
    let region = "AWS region      FAILED   no AWS region: set AWS_REGION or --region";
    assert_eq!(told[2..], [region, "", "2 of 2 failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_crd_it_says_how_to_get_it() {
    let control_plane = ControlPlane::without_crd().await;
    let stage = Stage::on(&control_plane, Options::default(), Settings::default()).await;
    let (well, table) = check(&stage, &stage.kubeconfig, replicas(), &[]).await;
    let missing = "CRD FAILED not there; apply it: ivschat-operator crds | kubectl apply -f -";
    assert_eq!(row(&table, "CRD"), missing);
    assert_eq!(table.last().unwrap(), "1 of 13 failed");
    assert!(!well);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_api_server_aws_is_tried_all_the_same() {
    let stage = Stage::open().await;
    let mut kubeconfig = Kubeconfig::read_from(&stage.kubeconfig).unwrap();
    let cluster = kubeconfig.clusters[0].cluster.as_mut().unwrap();
    cluster.server = Some("https://127.0.0.1:1".to_owned());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_yaml::to_string(&kubeconfig).unwrap()).unwrap();
    let (well, table) = check(&stage, file.path(), replicas(), &[]).await;
    assert!(
        row(&table, "Kubernetes API").starts_with("Kubernetes API FAILED"),
        "{table:#?}"
    );
    let skipped = "CRD, permissions, lease skipped the API server cannot be reached";
    assert_eq!(row(&table, "CRD"), skipped);
    assert_eq!(row(&table, "AWS credentials"), HEAD[10]);
    assert_eq!(table.last().unwrap(), "1 of 6 failed");
    assert!(!well);
}

/// The same without one of its flags.
pub fn without(flag: &str, command: &tokio::process::Command) -> tokio::process::Command {
    let command = command.as_std();
    let mut arguments: Vec<_> = command.get_args().collect();
    let at = arguments.iter().position(|it| *it == flag).unwrap();
    arguments.drain(at..=at + 1);
    let mut fewer = tokio::process::Command::new(command.get_program());
    fewer.env_clear().args(arguments);
    fewer.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    fewer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_id_that_nobody_chose_is_warned_of() {
    let stage = Stage::open().await;
    let endpoint = stage.emulator.endpoint();
    let check = command(
        "check",
        &stage.kubeconfig,
        &stage.namespace,
        &endpoint,
        replicas(),
    );
    let output = without("--cluster-id", &check).output().await.unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let row = told
        .lines()
        .find(|line| line.starts_with("cluster id"))
        .unwrap();
    assert!(row.contains(" warning "), "{row}");
    assert!(
        row.contains("Set --cluster-id to a name of your choice before the first room is made"),
        "{row}"
    );
    assert!(told.ends_with("all works, with a warning\n"), "{told}");
}

/// What the SDK would take, to fail at every call.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_or_an_endpoint_that_cannot_be_one_ends_the_operator_at_once_and_fails_the_check()
{
    let stage = Stage::open().await;
    let endpoint = stage.emulator.endpoint();
    for (variable, value, row, told) in [
        (
            "AWS_REGION",
            "Oregon",
            "AWS region",
            "\"Oregon\" is not the name of an AWS region",
        ),
        (
            "AWS_REGION",
            "us-west-2a",
            "AWS region",
            "\"us-west-2a\" is not the name of an AWS region",
        ),
        (
            "AWS_REGION",
            "us-west-2\n",
            "AWS region",
            "\"us-west-2\\n\" is not the name of an AWS region",
        ),
        (
            "AWS_ENDPOINT_URL",
            "127.0.0.1:4680",
            "AWS endpoint",
            "\"127.0.0.1:4680\" is not an endpoint: AWS_ENDPOINT_URL takes",
        ),
        (
            "AWS_ENDPOINT_URL_IVSCHAT",
            "http://a/b",
            "AWS endpoint",
            "\"http://a/b\" is not an endpoint: AWS_ENDPOINT_URL_IVSCHAT takes",
        ),
    ] {
        let run = |subcommand| {
            let mut command = command(
                subcommand,
                &stage.kubeconfig,
                &stage.namespace,
                &endpoint,
                replicas(),
            );
            command.env(variable, value);
            command
        };
        let output = run("check").output().await.unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        let wrong = table.lines().find(|line| line.starts_with(row)).unwrap();
        assert!(wrong.contains("FAILED") && wrong.contains(told), "{wrong}");
        assert!(!output.status.success());
        let output = tokio::time::timeout(DEADLINE, run("run").output());
        let output = output.await.expect("it ends").unwrap();
        assert_eq!(output.status.code(), Some(1));
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.contains(told), "{log}");
    }
}
