//! A world that is stored change by change and restored.

use std::collections::BTreeMap;

use super::*;

/// What a state file holds: the last change of each thing that is still there.
#[derive(Default)]
struct Stored(BTreeMap<String, Change>);

impl Stored {
    fn save(&mut self, changes: &[Change]) {
        for change in changes {
            let gone = matches!(
                change.shelved,
                Shelved::Room(None) | Shelved::LoggingConfiguration(None)
            );
            if gone {
                self.0.remove(&change.id);
            } else {
                self.0.insert(change.id.clone(), change.clone());
            }
        }
    }
}

#[test]
fn a_restored_world_is_the_one_that_was_stored_and_repeats_no_id() {
    let mut stage = Stage::new();
    let mut stored = Stored::default();
    let mut ids = Vec::new();
    let mut carry_out = |stage: &mut Stage, call| {
        let answer = stage.call(call).unwrap();
        stored.save(stage.world.changes());
        answer
    };
    let named = |name: &str| {
        Call::CreateRoom(CreateRoom {
            name: Some(name.to_owned()),
            ..CreateRoom::default()
        })
    };
    for name in ["a", "b", "c"] {
        if let Answer::Room(room) = carry_out(&mut stage, named(name)) {
            ids.push(room.id);
        }
    }
    let rooms = stage.world.rooms(&stage.scope);
    let identifier = rooms[1].arn.clone();
    carry_out(&mut stage, Call::DeleteRoom { identifier });
    carry_out(
        &mut stage,
        Call::TagResource {
            resource_arn: rooms[2].arn.clone(),
            tags: tags(2),
        },
    );
    let configuration = CreateLoggingConfiguration {
        name: None,
        destination_configuration: DestinationConfiguration::Firehose {
            delivery_stream_name: "stream".to_owned(),
        },
        tags: None,
    };
    let Answer::LoggingConfiguration(configuration) =
        carry_out(&mut stage, Call::CreateLoggingConfiguration(configuration))
    else {
        panic!("no logging configuration");
    };
    let first_page = ListRooms {
        max_results: Some(1),
        ..ListRooms::default()
    };
    let (_, next_token) = stage.list(first_page.clone()).unwrap();

    let before = stage.world.rooms(&stage.scope);
    stage.world = World::restored(Settings::default(), 7, 1, stored.0.into_values());
    assert_eq!(stage.world.rooms(&stage.scope), before);
    let rest = ListRooms {
        next_token,
        ..first_page
    };
    assert_eq!(
        stage.list(rest).unwrap().0,
        ["a"],
        "a page token still serves"
    );
    let again = stage.call(Call::GetLoggingConfiguration {
        identifier: configuration.arn.clone(),
    });
    assert_eq!(
        again,
        Ok(Answer::LoggingConfiguration(configuration)),
        "the transition under way went on"
    );
    for name in ["d", "e", "f"] {
        let id = stage.named(name).id;
        assert!(!ids.contains(&id), "{id}");
        ids.push(id);
    }
}

#[test]
fn what_was_stored_is_seen_at_once_however_far_reads_lag() {
    let mut stage = Stage::new();
    let mut stored = Stored::default();
    let rooms: Vec<_> = ["a", "b"]
        .map(|name| {
            let room = stage.named(name);
            stored.save(stage.world.changes());
            room
        })
        .into();
    let settings = Settings {
        get_lag: Duration::from_hours(1),
        list_lag: Duration::from_hours(1),
        ..Settings::default()
    };
    stage.world = World::restored(settings, 7, 1, stored.0.into_values());
    assert_eq!(stage.get(&rooms[0].arn), Ok(rooms[0].clone()));
    assert_eq!(stage.list(ListRooms::default()).unwrap().0, ["b", "a"]);
}

#[test]
fn a_token_of_a_snapshot_does_not_outlive_a_restart() {
    let settings = Settings {
        pages_are_a_snapshot: true,
        ..Settings::default()
    };
    let mut stage = Stage::with(settings.clone());
    let one = ListRooms {
        max_results: Some(1),
        ..ListRooms::default()
    };
    stage.named("a");
    stage.named("b");
    let (_, next_token) = stage.list(one.clone()).unwrap();
    stage.world = World::restored(settings, 7, 1, []);
    stage.named("c");
    stage.named("d");
    stage.list(one.clone()).unwrap();
    let old = ListRooms { next_token, ..one };
    assert_eq!(refused_field(&stage.list(old).unwrap_err()), "nextToken");
}

#[test]
fn regions_that_clients_invent_do_not_pile_up() {
    let settings = Settings {
        quotas: "aws".parse().unwrap(),
        ..Settings::default()
    };
    let mut stage = Stage::with(settings);
    for region in 0..20_000 {
        stage.scope.region = format!("aa-{region}");
        let room = stage.named("lobby");
        stage.delete(&room.arn).unwrap();
    }
    assert!(stage.world.buckets.len() <= 10_001);
    assert_eq!(
        stage.world.truth.len(),
        1,
        "the stage's own logging configuration"
    );
}
