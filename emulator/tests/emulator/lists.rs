//! Pages read while rooms are written.

use std::collections::BTreeMap;

use aws_sdk_ivschat::Client;
use ivschat_emulator::Emulator;
use ivschat_emulator::world::Settings;

use crate::stage::client;

const ROOMS: usize = 300;
/// Rooms whose number divides by this are updated while the pages are read.
const BUSY: usize = 3;

/// How often each room was listed, by name.
async fn list(sdk: &Client) -> BTreeMap<String, usize> {
    let mut listed = BTreeMap::new();
    let mut pages = sdk.list_rooms().max_results(10).into_paginator().send();
    while let Some(page) = pages.next().await {
        for room in page.unwrap().rooms {
            *listed.entry(room.name.unwrap()).or_default() += 1;
        }
    }
    listed
}

/// Lists all rooms again and again while others are updated, deleted and made.
async fn listed_under_writes(settings: Settings) -> Vec<BTreeMap<String, usize>> {
    let emulator = Emulator::start(settings).await.unwrap();
    let sdk = client(&emulator.endpoint());
    let mut arns = Vec::new();
    for n in 0..ROOMS {
        let room = sdk
            .create_room()
            .name(format!("room-{n}"))
            .send()
            .await
            .unwrap();
        arns.push(room.arn.unwrap());
    }
    let (done, mut is_done) = tokio::sync::watch::channel(false);
    let writer = {
        let (sdk, arns) = (sdk.clone(), arns.clone());
        tokio::spawn(async move {
            for rate in (1..=100).cycle() {
                for arn in arns.iter().step_by(BUSY) {
                    if is_done.has_changed().unwrap() {
                        is_done.mark_unchanged();
                        return;
                    }
                    let update = sdk.update_room().identifier(arn);
                    update
                        .maximum_message_rate_per_second(rate)
                        .send()
                        .await
                        .unwrap();
                }
                let new = sdk.create_room().name("new").send().await.unwrap();
                sdk.delete_room()
                    .identifier(new.arn.unwrap())
                    .send()
                    .await
                    .unwrap();
            }
        })
    };
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(list(&sdk).await);
    }
    done.send_replace(true);
    writer.await.unwrap();
    all
}

fn untouched() -> impl Iterator<Item = String> {
    (0..ROOMS)
        .filter(|n| n % BUSY != 0)
        .map(|n| format!("room-{n}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn under_writes_every_room_that_nobody_touches_is_listed_once_and_a_touched_one_may_be_missed()
 {
    let all = listed_under_writes(Settings::default()).await;
    let mut missed = 0;
    for listed in &all {
        for name in untouched() {
            assert_eq!(listed.get(&name), Some(&1), "{name}");
        }
        for n in (0..ROOMS).step_by(BUSY) {
            let times = listed.get(&format!("room-{n}")).copied().unwrap_or(0);
            assert!(
                times <= 1,
                "a live cursor moves away from what jumps to the front"
            );
            missed += 1 - times;
        }
    }
    assert!(missed > 0, "the writes came in between");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_writes_a_snapshot_lists_every_room_once() {
    let settings = Settings {
        pages_are_a_snapshot: true,
        ..Settings::default()
    };
    for listed in listed_under_writes(settings).await {
        for n in 0..ROOMS {
            assert_eq!(listed.get(&format!("room-{n}")), Some(&1), "room-{n}");
        }
    }
}
