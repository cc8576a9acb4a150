//! Reads that lag behind writes, and pages of a snapshot.

use std::time::Duration;

use super::*;

#[test]
fn gets_and_lists_show_each_change_only_after_their_lag() {
    // Each call of a stage comes a second after the one before.
    let mut stage = Stage::with(Settings {
        get_lag: Duration::from_secs(3),
        list_lag: Duration::from_secs(6),
        ..Settings::default()
    });
    let room = stage.named("lobby");
    let missing = stage.get(&room.arn).unwrap_err();
    assert_eq!(
        refused(missing),
        (404, "ResourceNotFoundException".to_owned()),
        "1 s later"
    );
    stage.get(&room.arn).unwrap_err();
    assert_eq!(stage.get(&room.arn), Ok(room.clone()), "3 s later");
    assert_eq!(
        stage.list(ListRooms::default()).unwrap().0,
        Vec::<String>::new()
    );
    stage.list(ListRooms::default()).unwrap();
    assert_eq!(
        stage.list(ListRooms::default()).unwrap().0,
        ["lobby"],
        "6 s"
    );

    // Writes know better than reads.
    let hall = UpdateRoom {
        identifier: room.arn.clone(),
        name: Some("hall".to_owned()),
        ..UpdateRoom::default()
    };
    assert_eq!(stage.update(hall).unwrap().name, "hall");
    assert_eq!(stage.get(&room.arn).unwrap().name, "lobby");
    stage.delete(&room.arn).unwrap();
    assert_eq!(
        refused(stage.delete(&room.arn).unwrap_err()),
        (404, "ResourceNotFoundException".to_owned())
    );
    assert_eq!(
        stage.get(&room.arn).unwrap().name,
        "hall",
        "2 s after the end, 4 s after the update"
    );
    stage.get(&room.arn).unwrap_err();
    assert_eq!(
        stage.list(ListRooms::default()).unwrap().0,
        ["hall"],
        "4 s after the end, 6 s after the update"
    );
    assert_eq!(
        stage.world.rooms(&stage.scope),
        [],
        "the truth does not lag"
    );
    stage.list(ListRooms::default()).unwrap();
    assert_eq!(
        stage.list(ListRooms::default()).unwrap().0,
        Vec::<String>::new()
    );
}

#[test]
fn tags_lag_with_gets() {
    let mut stage = Stage::with(Settings {
        get_lag: Duration::from_secs(2),
        ..Settings::default()
    });
    let room = stage.named("lobby");
    stage.tag(&room.arn, tags(1)).unwrap();
    let list = || Call::ListTagsForResource {
        resource_arn: room.arn.clone(),
    };
    assert_eq!(stage.call(list()), Ok(Answer::Tags { tags: Tags::new() }));
    assert_eq!(stage.call(list()), Ok(Answer::Tags { tags: tags(1) }));
}

#[test]
fn pages_of_a_snapshot_show_what_there_was_when_the_first_one_was_read() {
    let mut stage = Stage::with(Settings {
        pages_are_a_snapshot: true,
        ..Settings::default()
    });
    let rooms: Vec<_> = ["a", "b", "c", "d"].map(|name| stage.named(name)).into();
    let page = |token| ListRooms {
        max_results: Some(2),
        next_token: token,
        ..ListRooms::default()
    };
    let (first, token) = stage.list(page(None)).unwrap();
    stage.delete(&rooms[1].arn).unwrap();
    stage
        .update(UpdateRoom {
            identifier: rooms[0].arn.clone(),
            name: Some("z".to_owned()),
            ..UpdateRoom::default()
        })
        .unwrap();
    stage.named("e");
    let (second, end) = stage.list(page(token.clone())).unwrap();
    assert_eq!(
        (first, second, end),
        (
            vec!["d".to_owned(), "c".to_owned()],
            vec!["b".to_owned(), "a".to_owned()],
            None
        )
    );
    assert_eq!(stage.list(page(None)).unwrap().0, ["e", "z"]);

    // Only so many lists are remembered at a time.
    for _ in 0..100 {
        stage.list(page(None)).unwrap();
    }
    assert_eq!(
        refused_field(&stage.list(page(token)).unwrap_err()),
        "nextToken"
    );
}
