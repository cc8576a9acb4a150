//! Reads that lag behind writes, and pages of a snapshot.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const BOUND: Duration = Duration::from_secs(10);

/// Each read lags by a time of its own, up to ten seconds.
fn drawn() -> Settings {
    Settings {
        get_lag: BOUND,
        list_lag: BOUND,
        lag_is_drawn: true,
        ..Settings::default()
    }
}

fn touched(room: &Room, rate: i32) -> UpdateRoom {
    UpdateRoom {
        identifier: room.arn.clone(),
        maximum_message_rate_per_second: Some(rate),
        ..UpdateRoom::default()
    }
}

#[test]
fn a_drawn_lag_shows_older_states_after_newer_ones_and_none_beyond_its_bound_and_repeats_by_seed() {
    // How many updates each read is behind. One comes every two seconds, and the read a second after it.
    let behind = |seed| {
        let mut stage = Stage::with(drawn());
        stage.world = World::new(drawn(), seed);
        let room = stage.named("lobby");
        stage.update(touched(&room, 100)).unwrap();
        stage.now += 1.minute();
        let reads = (1..=99).map(|rate| {
            stage.update(touched(&room, rate)).unwrap();
            let seen = stage.get(&room.arn).unwrap();
            match seen.maximum_message_rate_per_second {
                100 => rate,
                seen => rate - seen,
            }
        });
        reads.collect::<Vec<i32>>()
    };
    let reads = behind(7);
    for age in 0..=5 {
        assert!(reads.contains(&age), "{age} of {reads:?}");
    }
    assert!(reads.iter().all(|age| (0..=5).contains(age)), "{reads:?}");
    assert!(
        reads.windows(2).any(|reads| reads[1] > reads[0] + 1),
        "the later read shows the older state: {reads:?}"
    );
    assert_eq!(behind(7), reads);
    assert_ne!(behind(8), reads);
}

#[test]
fn what_lags_are_drawn_changes_no_id() {
    let ids = |settings| {
        let mut stage = Stage::with(settings);
        ["a", "b", "c"].map(|name| stage.named(name).id)
    };
    assert_eq!(ids(drawn()), ids(Settings::default()));
}

#[test]
fn what_no_read_can_show_any_more_is_forgotten() {
    let mut stage = Stage::with(drawn());
    let room = stage.named("lobby");
    for rate in 1..=100 {
        stage.update(touched(&room, rate)).unwrap();
    }
    for replica in [&stage.world.get_replica, &stage.world.list_replica] {
        assert_eq!(replica.remembered(), 10, "a change a second");
    }
    stage.now += 1.minute();
    assert_eq!(
        stage
            .get(&room.arn)
            .unwrap()
            .maximum_message_rate_per_second,
        100
    );
    for replica in [&stage.world.get_replica, &stage.world.list_replica] {
        assert_eq!(replica.remembered(), 0);
    }
}

#[test]
fn with_a_drawn_lag_a_room_that_moves_between_pages_may_be_neither_in_its_page_nor_in_the_front_read_again()
 {
    let missed = |settings| {
        let mut stage = Stage::with(settings);
        let (mover, other) = (stage.named("mover"), stage.named("other"));
        let page = |next_token| ListRooms {
            max_results: Some(1),
            next_token,
            ..ListRooms::default()
        };
        let missed = (1..=100).filter(|rate| {
            stage.update(touched(&other, *rate)).unwrap();
            stage.now += 1.minute();
            let (first, token) = stage.list(page(None)).unwrap();
            assert_eq!(first, ["other"]);
            stage.update(touched(&mover, *rate)).unwrap();
            let (second, _) = stage.list(page(token)).unwrap();
            let (front, _) = stage.list(page(None)).unwrap();
            !second.iter().chain(&front).any(|name| name == "mover")
        });
        missed.count()
    };
    assert!(missed(drawn()) > 0);
    let fixed = Settings {
        lag_is_drawn: false,
        ..drawn()
    };
    assert_eq!(missed(fixed), 0);
    assert_eq!(missed(Settings::default()), 0);
}

#[derive(Debug, Clone)]
enum Step {
    Create,
    Update(Index, i32),
    Tag(Index, usize),
    Delete(Index),
    Read(Index),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Create),
        3 => (any::<Index>(), 1..100).prop_map(|(which, rate)| Step::Update(which, rate)),
        2 => (any::<Index>(), 0..5_usize).prop_map(|(which, count)| Step::Tag(which, count)),
        1 => any::<Index>().prop_map(Step::Delete),
        6 => any::<Index>().prop_map(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_a_drawn_lag_a_read_shows_what_there_was_at_some_moment_within_the_bound(
        steps in vec(any_step(), 1..100),
    ) {
        let mut stage = Stage::with(drawn());
        let mut known = vec![stage.named("lobby").arn];
        // What there was, and since when.
        let mut states = vec![(Timestamp::UNIX_EPOCH, Vec::new())];
        states.push((stage.now, stage.world.rooms(&stage.scope)));
        for step in steps {
            let arn = |which: Index| which.get(&known).clone();
            match step {
                Step::Create => {
                    let arn = stage.named("lobby").arn;
                    known.push(arn);
                }
                // What is gone is refused.
                Step::Update(which, rate) => {
                    let update = UpdateRoom {
                        identifier: arn(which),
                        maximum_message_rate_per_second: Some(rate),
                        ..UpdateRoom::default()
                    };
                    let _ = stage.update(update);
                }
                Step::Tag(which, count) => {
                    let _ = stage.tag(&arn(which), tags(count));
                }
                Step::Delete(which) => {
                    let _ = stage.delete(&arn(which));
                }
                Step::Read(which) => {
                    let arn = arn(which);
                    let got = stage.get(&arn).ok();
                    let shows = |rooms: &Vec<Room>| rooms.iter().find(|room| room.arn == arn) == got.as_ref();
                    prop_assert!(within_the_bound(&states, stage.now).any(shows), "{got:?} of {states:?}");
                    let Ok(Answer::Rooms { rooms: listed, .. }) = stage.call(Call::ListRooms(ListRooms::default())) else {
                        panic!("no list");
                    };
                    let shows = |rooms: &Vec<Room>| rooms.iter().map(Room::summary).eq(listed.iter().cloned());
                    prop_assert!(within_the_bound(&states, stage.now).any(shows), "{listed:?} of {states:?}");
                }
            }
            states.push((stage.now, stage.world.rooms(&stage.scope)));
        }
    }
}

/// The states that there were at some time within the bound before `now`.
fn within_the_bound(
    states: &[(Timestamp, Vec<Room>)],
    now: Timestamp,
) -> impl Iterator<Item = &Vec<Room>> {
    let oldest = states
        .iter()
        .rposition(|(since, _)| *since <= now - BOUND)
        .unwrap_or(0);
    states[oldest..].iter().map(|(_, rooms)| rooms)
}

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
