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

    // Only so many lists under way are remembered at a time. One that is whole on its first page is not under way.
    for _ in 0..100 {
        stage.list(ListRooms::default()).unwrap();
    }
    assert_eq!(stage.list(page(token.clone())).unwrap().0, ["b", "a"]);
    for _ in 0..100 {
        stage.list(page(None)).unwrap();
    }
    assert_eq!(
        refused_field(&stage.list(page(token)).unwrap_err()),
        "nextToken"
    );
}

#[test]
fn a_skewed_clock_shows_odd_times_and_disturbs_nothing_else() {
    let settings = Settings {
        quotas: "aws".parse().unwrap(),
        get_lag: Duration::from_secs(1),
        list_lag: Duration::from_secs(1),
        ..Settings::default()
    };
    for hours in [-1, 1] {
        let mut stage = Stage::with(settings.clone());
        let skew = SignedDuration::from_hours(hours);
        let destination_configuration = DestinationConfiguration::S3 {
            bucket_name: "logs".to_owned(),
        };
        let configure = Call::CreateLoggingConfiguration(CreateLoggingConfiguration {
            name: None,
            destination_configuration,
            tags: None,
        });
        let skewed = |stage: &mut Stage, call| {
            let world = &mut stage.world;
            world.call_with_skew(&stage.scope, call, stage.now, skew)
        };
        stage.now += 10.seconds();
        let now = stage.now;
        let Ok(Answer::Room(odd)) = skewed(&mut stage, Call::CreateRoom(CreateRoom::default()))
        else {
            panic!("no room");
        };
        assert_eq!((odd.create_time, odd.update_time), (now + skew, now + skew));
        let Ok(Answer::LoggingConfiguration(logs)) = skewed(&mut stage, configure) else {
            panic!("no logging configuration");
        };
        for _ in 0..4 {
            skewed(&mut stage, Call::CreateRoom(CreateRoom::default())).unwrap();
        }
        let full = skewed(&mut stage, Call::CreateRoom(CreateRoom::default()));
        assert_eq!(refused(full.unwrap_err()).0, 429);

        // A second later: there are calls again, reads have caught up, and the transition is over.
        let even = stage.named("even");
        assert_eq!(even.create_time, now + 1.second());
        assert_eq!(stage.get(&odd.arn), Ok(odd), "{hours} h");
        let identifier = logs.arn.clone();
        let got = stage.call(Call::GetLoggingConfiguration { identifier });
        assert_eq!(got, Ok(Answer::LoggingConfiguration(logs)), "{hours} h");
        assert_eq!(stage.list(ListRooms::default()).unwrap().0.len(), 6);
    }
}
