//! Streamed lists: asked for where the API server has them, done without elsewhere.

use std::process::Command;

use ivschat_core::api::chat_room_crd;
use ivschat_emulator::world::{Operation, Settings};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::current;
use crate::stage::{ControlPlane, Options, REGION, Stage, control_plane};

/// How many lists of ChatRooms the API server has streamed. Of those who list them here only the operator asks for that.
async fn streamed(client: &Client) -> u64 {
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = client.request_text(request).await.unwrap();
    let counts = metrics.lines().filter(|line| {
        line.starts_with("apiserver_watch_list_duration_seconds_count{")
            && line.contains("resource=\"chatrooms\"")
    });
    counts
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_objects_that_are_there_at_the_start_come_as_a_stream() {
    if current().await.is_none() {
        return;
    }
    let control_plane = ControlPlane::start(chat_room_crd().unwrap()).await;
    let mut stage = Stage::on(&control_plane, Options::default(), Settings::default()).await;
    for name in ["one", "two", "three"] {
        stage.settle(name, json!({})).await;
    }
    let before = streamed(&stage.client).await;
    assert!(before >= 1, "{before}");
    stage.operator.kill().await;
    stage.edit("two", json!({"maximumMessageLength": 20})).await;
    stage.delete("three").await;
    stage.restart(Options::default()).await;
    stage.ready("two").await;
    stage.gone("three").await;
    assert_eq!(streamed(&stage.client).await, before + 1);
    assert_eq!(stage.rooms_in(REGION).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_refuses_to_stream_is_asked_for_pages_and_nobody_is_warned() {
    if current().await.is_none() {
        return;
    }
    let control_plane = ControlPlane::with_flags(&["--feature-gates=WatchList=false"]).await;
    control_plane.install(chat_room_crd().unwrap()).await;
    let mut stage = Stage::on(&control_plane, Options::default(), Settings::default()).await;
    stage.settle("lobby", json!({})).await;
    stage.operator.kill().await;
    stage
        .edit("lobby", json!({"maximumMessageLength": 20}))
        .await;
    stage.restart(Options::default()).await;
    stage.ready("lobby").await;
    assert_eq!(streamed(&stage.client).await, 0);
    let warnings: Vec<_> = stage
        .operator
        .log()
        .into_iter()
        .filter(|line| !line.contains("\"DEBUG\"") && !line.contains("\"INFO\""))
        .collect();
    assert_eq!(warnings, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_restarts_costs_no_write_and_edits_arrive_again() {
    if current().await.is_none() {
        return;
    }
    let control_plane = ControlPlane::start(chat_room_crd().unwrap()).await;
    let stage = Stage::on(&control_plane, Options::default(), Settings::default()).await;
    for name in ["untouched", "edited", "deleted"] {
        stage.settle(name, json!({})).await;
    }
    let untouched = stage.chat_rooms.get("untouched").await.unwrap();
    for round in 1..=3 {
        restart(&control_plane).await;
        stage
            .edit("edited", json!({"maximumMessageLength": 100 + round}))
            .await;
        stage.ready("edited").await;
    }
    restart(&control_plane).await;
    stage.delete("deleted").await;
    stage.gone("deleted").await;
    let after = stage.chat_rooms.get("untouched").await.unwrap();
    assert_eq!(after.resource_version(), untouched.resource_version());
    let writes: Vec<_> = stage
        .writes()
        .into_iter()
        .map(|(operation, _)| operation)
        .collect();
    let creates = [Operation::CreateRoom; 3].into_iter();
    let wanted = creates
        .chain([Operation::UpdateRoom; 3])
        .chain([Operation::DeleteRoom]);
    assert_eq!(writes, wanted.collect::<Vec<_>>());
}

async fn restart(control_plane: &ControlPlane) {
    let directory = control_plane.kubeconfig.parent().unwrap().to_owned();
    let restarted = tokio::task::spawn_blocking(move || {
        Command::new(control_plane::SCRIPT)
            .arg("restart")
            .arg(directory)
            .status()
    });
    assert!(restarted.await.unwrap().unwrap().success());
}
