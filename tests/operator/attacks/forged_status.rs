//! Edits of the status that could hide an object's own room, or lead to a second one.

use ivschat_core::api::ChatRoom;
use ivschat_emulator::world::{Operation, Settings};
use serde_json::json;

use crate::stage::{ControlPlane, Options, REGION, Stage, arn_of, status_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_region_does_not_make_the_spec_invalid() {
    let control_plane = ControlPlane::without_cel().await;
    let stage = Stage::on(control_plane, Options::default(), Settings::default()).await;
    let own = arn_of(&stage.settle("lobby", json!({"region": REGION})).await);
    stage.forge("lobby", json!({"region": "eu-west-1"})).await;
    let mended = |object: &ChatRoom| {
        object
            .status
            .as_ref()
            .is_some_and(|status| status.region.as_deref() == Some(REGION))
    };
    let object = stage.until("lobby", "mended", mended).await;
    assert_eq!(
        status_of(&object, "Ready"),
        ("True".into(), "Available".into())
    );
    assert_eq!(stage.room().arn, own);
}

/// Every way to edit the status that could hide the room: none may lead to a second one.
#[tokio::test(flavor = "multi_thread")]
async fn no_edit_of_the_status_leads_to_a_second_room() {
    let elsewhere = "arn:aws:ivschat:eu-west-1:123456789012:room/AbCdEfGhIjKl";
    let here = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl";
    for forged in [
        json!({"arn": elsewhere}),
        json!({"arn": elsewhere, "region": "eu-west-1"}),
        json!({"arn": elsewhere, "region": null}),
        json!({"region": "eu-west-1"}),
        json!({"arn": here}),
        json!({"arn": "nonsense", "region": "not a region"}),
        json!({"arn": null, "region": "eu-west-1"}),
    ] {
        let stage = Stage::open().await;
        let own = arn_of(&stage.settle("lobby", json!({})).await);
        stage.forge("lobby", forged.clone()).await;
        stage
            .until("lobby", "back at its own room", |object| {
                let status = object.status.clone().unwrap_or_default();
                status.arn.as_deref() == Some(own.as_str())
                    && status.region.as_deref() == Some(REGION)
                    && status_of(object, "Ready").0 == "True"
            })
            .await;
        assert_eq!(stage.room().arn, own, "{forged}");
        assert_eq!(stage.rooms_in("eu-west-1"), [], "{forged}");
        stage.delete("lobby").await;
        stage.gone("lobby").await;
        assert_eq!(stage.rooms_in(REGION), [], "{forged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_wiped_while_a_create_has_no_known_outcome_does_not_lead_to_a_second_room() {
    let stage = Stage::open().await;
    stage.settle("other", json!({})).await;
    stage.create_and_lose("lobby").await;
    stage.forge("lobby", json!({"creation": null, "region": null, "conditions": null, "observedGeneration": null})).await;
    let kept = |object: &ChatRoom| {
        object
            .status
            .as_ref()
            .is_some_and(|status| status.creation.is_some())
    };
    stage
        .until("lobby", "aware of its attempt again", kept)
        .await;
    stage.emulator.clear_faults();
    stage.ready("lobby").await;
    assert_eq!(stage.rooms_in(REGION).len(), 2, "one each");
    assert_eq!(stage.calls(Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_arn_of_another_account_leads_back_to_the_objects_own_room() {
    let stage = Stage::open().await;
    let own = arn_of(&stage.settle("lobby", json!({})).await);
    let elsewhere = "arn:aws:ivschat:us-west-2:999999999999:room/AbCdEfGhIjKl";
    stage.forge("lobby", json!({"arn": elsewhere})).await;
    stage
        .until("lobby", "back at its own room", |object| {
            arn_of(object) == own
        })
        .await;
    stage.forge("lobby", json!({"arn": elsewhere})).await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), [], "its own room went with it");
}
