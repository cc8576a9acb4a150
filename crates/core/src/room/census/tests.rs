use jiff::ToSpan;
use proptest::prelude::*;

use super::*;
use crate::api::FallbackResult;
use crate::room::Handler;
use crate::room::sample::{arn, identity, room, tags};

/// Pages may be behind by 10 seconds; AWS's clock and ours go alike.
const LAG: Lag = Lag {
    bound: SignedDuration::from_secs(10),
    skew: SignedDuration::ZERO,
};

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + second.seconds()
}

fn summary(id: &str, updated: i64) -> Summary {
    Summary {
        update_time: Some(at(updated)),
        create_time: Some(at(0)),
        ..Summary::from(&room(&arn(id), identity().tags()))
    }
}

/// A reading that took a second. `down_to`: of the first page, and of all of them.
fn reading(begun: i64, down_to: [Option<i64>; 2], rooms: &[Summary]) -> Reading {
    Reading {
        begun: at(begun),
        ended: at(begun + 1),
        first_down_to: down_to[0].map(at),
        down_to: down_to[1].map(at),
        rooms: rooms.iter().cloned().collect(),
    }
}

fn census(readings: impl IntoIterator<Item = Reading>) -> Census {
    let mut census = Census::default();
    for reading in readings {
        census.take(reading, LAG);
    }
    census
}

/// The ids of rooms, and whether the newest list shows them.
fn ids(rooms: &[Known]) -> Vec<(&str, bool)> {
    let id = |known: &'_ Known| known.arn.id().trim_end_matches('x').len();
    let told = rooms.iter().map(|it| (&it.arn.id()[..id(it)], it.current));
    told.collect()
}

#[test]
fn a_need_is_covered_by_one_that_asks_for_as_much() {
    let (early, late) = (at(1), at(2));
    let plain = Need::since(early);
    let whole = Need {
        whole: true,
        ..plain
    };
    for (more, less) in [
        (Need::since(late), plain),
        (plain, Need::default()),
        (Need::complete(early), plain),
        (plain, plain.updated(early)),
        (plain.updated(early), plain.updated(late)),
        (whole, plain),
    ] {
        assert!(more.covers(&less), "{more:?} {less:?}");
        assert!(!less.covers(&more), "{more:?} {less:?}");
    }
}

#[test]
fn a_region_of_one_page_is_complete_at_once() {
    let census = census([reading(100, [None, None], &[])]);
    for need in [Need::complete(at(100)), Need::since(at(100))] {
        assert_eq!(census.next(&need, at(101), LAG), Next::Nothing);
    }
    // What was updated more than a lag bound before the last reading is known.
    let later = Need::complete(at(101));
    assert_eq!(census.next(&later, at(101), LAG), Next::Read(Some(at(90))));
    let later = Need::since(at(101));
    assert_eq!(census.next(&later, at(101), LAG), Next::Read(None));
}

#[test]
fn several_pages_are_complete_once_the_front_fits_a_page_a_lag_bound_after_them() {
    let pages = || reading(100, [Some(95), None], &[]);
    let complete = Need::complete(at(100));
    let waits = census([pages()]);
    let next = |time| waits.next(&complete, at(time), LAG);
    assert_eq!(next(110), Next::Wait(at(111)));
    assert_eq!(next(111), Next::Read(Some(at(90))));
    let plain = Need::since(at(100));
    assert_eq!(waits.next(&plain, at(110), LAG), Next::Nothing);
    for (front, next) in [
        // Too early: a replica may still be behind.
        (
            reading(110, [Some(90), Some(90)], &[]),
            Next::Read(Some(at(90))),
        ),
        // Not far enough.
        (
            reading(111, [Some(91), Some(91)], &[]),
            Next::Read(Some(at(90))),
        ),
        (reading(111, [Some(90), Some(90)], &[]), Next::Nothing),
        (reading(111, [Some(89), Some(50)], &[]), Next::Nothing),
        // Two pages: what they missed, the next one shows.
        (reading(111, [Some(91), Some(90)], &[]), Next::Wait(at(122))),
    ] {
        let census = census([pages(), front.clone()]);
        assert_eq!(census.next(&complete, at(112), LAG), next, "{front:?}");
    }
    let restless = census([pages(), reading(111, [Some(91), Some(90)], &[])]);
    assert!(restless.is_restless() && !waits.is_restless());
    let next = restless.next(&complete, at(122), LAG);
    assert_eq!(next, Next::Read(Some(at(101))));
    let calm = census([
        pages(),
        reading(111, [Some(91), Some(90)], &[]),
        reading(122, [Some(101), Some(101)], &[]),
    ]);
    for since in [100, 122] {
        let need = Need::complete(at(since));
        assert_eq!(calm.next(&need, at(123), LAG), Next::Nothing);
    }
}

#[test]
fn what_is_complete_stays_so_with_each_page_that_joins_on() {
    let census = census([
        reading(100, [None, None], &[]),
        reading(105, [Some(90), Some(90)], &[]),
        // This one does not.
        reading(110, [Some(96), Some(96)], &[]),
    ]);
    for (not_before, next) in [(105, Next::Nothing), (106, Next::Read(Some(at(95))))] {
        let need = Need::complete(at(not_before));
        assert_eq!(census.next(&need, at(111), LAG), next, "{not_before}");
    }
    let updated = Need::complete(at(110)).updated(at(96));
    assert_eq!(census.next(&updated, at(111), LAG), Next::Nothing);
}

#[test]
fn for_rooms_that_were_updated_lately_a_page_that_goes_back_so_far_is_complete() {
    let need = Need::complete(at(100)).updated(at(50));
    let none = Census::default();
    assert_eq!(none.next(&need, at(100), LAG), Next::Read(Some(at(50))));
    let one = census([reading(100, [Some(50), Some(50)], &[])]);
    assert_eq!(one.next(&need, at(101), LAG), Next::Nothing);
    let two = census([reading(100, [Some(60), Some(50)], &[])]);
    assert_eq!(two.next(&need, at(101), LAG), Next::Wait(at(111)));
    let hint = Need::since(at(100)).updated(at(50));
    assert_eq!(two.next(&hint, at(101), LAG), Next::Nothing);
}

#[test]
fn what_a_list_from_later_alone_can_show_is_not_read_before() {
    let census = census([reading(100, [None, None], &[])]);
    let later = Need::complete(at(130));
    assert_eq!(census.next(&later, at(120), LAG), Next::Wait(at(130)));
    assert_eq!(census.next(&later, at(130), LAG), Next::Read(Some(at(90))));
}

#[test]
fn a_list_of_several_pages_holds_up_nothing_that_one_page_shows() {
    // A sweep, whose first page went back to 95.
    let census = census([reading(100, [Some(95), None], &[])]);
    for (since, next) in [(95, Next::Read(Some(at(95)))), (94, Next::Wait(at(111)))] {
        let need = Need::complete(at(102)).updated(at(since));
        assert_eq!(census.next(&need, at(103), LAG), next, "{since}");
    }
}

#[test]
fn a_look_for_what_came_of_an_attempt_costs_no_list_that_others_wait_for() {
    let census = census([
        reading(100, [Some(99), None], &[]),
        // It could be completed now, and this does not reach so far.
        reading(112, [Some(111), Some(105)], &[]),
    ]);
    let next = census.next(&Need::complete(at(100)), at(113), LAG);
    assert_eq!(next, Next::Read(Some(at(90))));
}

#[test]
fn a_room_that_was_deleted_before_any_list_showed_it_is_not_told_by_a_page_that_is_behind() {
    let mut census = Census::default();
    census.deleted(&arn("a"), at(100), LAG);
    let a = summary("a", 1);
    for (begun, told) in [(105, 0), (109, 0), (110, 1)] {
        let shown = std::slice::from_ref(&a);
        census.take(reading(begun, [None, None], shown), LAG);
        assert_eq!(census.rooms_of(&identity()).len(), told, "{begun}");
    }
}

#[test]
fn a_reading_that_can_be_completed_soon_is_not_given_up_for_a_later_one() {
    let census = census([
        reading(100, [Some(99), None], &[]),
        reading(105, [Some(104), None], &[]),
    ]);
    let next = census.next(&Need::complete(at(100)), at(106), LAG);
    assert_eq!(next, Next::Wait(at(111)));
}

#[test]
fn a_room_that_a_list_does_not_show_any_more_is_told_until_get_room_or_two_lists_say_it_is_gone() {
    let (a, b) = (summary("a", 1), summary("b", 2));
    let one = |begun| reading(begun, [Some(begun - 10), None], std::slice::from_ref(&b));
    let mut census = census([reading(100, [Some(90), None], &[b.clone(), a])]);
    let told = |census: &Census| {
        let rooms = census.rooms_of(&identity());
        let told = ids(&rooms);
        let told = told
            .into_iter()
            .map(|(id, current)| (id.to_owned(), current));
        told.collect::<Vec<_>>()
    };
    let expected = |rooms: &[(&str, bool)]| {
        let rooms = rooms
            .iter()
            .map(|(id, current)| ((*id).to_owned(), *current));
        rooms.collect::<Vec<_>>()
    };
    assert_eq!(told(&census), expected(&[("a", true), ("b", true)]));
    census.missing(&arn("a"));
    census.take(one(200), LAG);
    assert_eq!(told(&census), expected(&[("a", false), ("b", true)]));
    assert_eq!(census.owned().len(), 1);
    let mut asked = census.clone();
    asked.missing(&arn("a"));
    asked.missing(&arn("b"));
    assert_eq!(told(&asked), expected(&[("b", true)]));
    census.take(one(300), LAG);
    assert_eq!(told(&census), expected(&[("b", true)]));
}

#[test]
fn a_room_that_this_process_made_and_no_list_shows_since_may_be_gone() {
    let made = room(&arn("a"), identity().tags());
    let mut census = census([reading(90, [None, None], &[])]);
    census.made(&made, at(100), LAG);
    let told = |census: &Census| {
        let rooms = census.rooms_of(&identity());
        rooms.first().map(|it| it.current)
    };
    for (begun, current) in [
        (109, Some(true)),
        (110, Some(false)),
        (120, Some(false)),
        (121, None),
    ] {
        census.take(reading(begun, [None, None], &[]), LAG);
        assert_eq!(told(&census), current, "{begun}");
    }
}

#[test]
fn that_time_goes_back_a_little_drops_no_room() {
    let a = summary("a", 1);
    let readings =
        [103, 102, 101, 100].map(|begun| reading(begun, [None, None], std::slice::from_ref(&a)));
    assert_eq!(ids(&census(readings).rooms_of(&identity())), [("a", true)]);
}

#[test]
fn what_rested_on_rooms_that_are_dropped_is_dropped_with_them() {
    let mut census = census([
        reading(100, [None, None], &[]),
        reading(105, [Some(90), Some(90)], &[]),
    ]);
    let complete = Need::complete(at(100));
    census.take(reading(200, [Some(199), None], &[]), LAG);
    assert_ne!(census.next(&complete, at(201), LAG), Next::Nothing);
}

#[test]
fn pages_do_not_undo_what_this_process_has_done_until_they_cannot_be_behind_it() {
    let made = |id: &str, tagged: Tags| ActualRoom {
        create_time: Some(at(100)),
        update_time: Some(at(100)),
        ..room(&arn(id), tagged)
    };
    let (a, b) = (made("a", identity().tags()), made("b", identity().tags()));
    let mut census = census([reading(90, [None, None], &[summary("c", 3)])]);
    census.made(&a, at(100), LAG);
    census.made(&b, at(100), LAG);
    census.deleted(&arn("b"), at(101), LAG);
    census.deleted(&arn("c"), at(101), LAG);
    let told = |census: &Census| {
        let (ours, free) = (census.rooms_of(&identity()), census.released(&identity()));
        let own = |rooms: &[Known]| ids(rooms).iter().map(|it| it.0).collect::<String>();
        (own(&ours), own(&free))
    };
    let is = |ours: &str, free: &str| (ours.to_owned(), free.to_owned());
    assert_eq!(told(&census), is("a", ""));
    let released = made("a", tags(&[(CONSENT_TAG, "prod/live/lobby")]));
    census.made(&released, at(102), LAG);
    assert_eq!(told(&census), is("", "a"));
    // A page that is behind.
    let behind = [Summary::from(&a), Summary::from(&b), summary("c", 3)];
    census.take(reading(110, [None, None], &behind), LAG);
    assert_eq!(told(&census), is("", "a"));
    // One that cannot be: somebody has put the tags back.
    census.take(reading(112, [None, None], &[Summary::from(&a)]), LAG);
    assert_eq!(told(&census), is("a", ""));
}

#[test]
fn of_two_pages_the_one_with_the_later_update_tells() {
    let mut census = Census::default();
    let (old, mut new) = (summary("a", 5), summary("a", 6));
    new.tags = tags(&[(OWNER_TAG, "prod/live/other")]);
    let both = [new, old.clone()];
    census.take(reading(100, [Some(6), None], &both), LAG);
    census.take(reading(101, [Some(6), None], &[old]), LAG);
    assert!(census.rooms_of(&identity()).is_empty());
    let other = ("prod/live/other".to_owned(), arn("a"));
    assert_eq!(census.owned(), [other]);
}

#[test]
fn rooms_are_sorted_by_what_their_tags_say() {
    let of = |id: &str, created: i64, pairs: &[(&str, &str)]| Summary {
        create_time: Some(at(created)),
        tags: tags(pairs),
        ..summary(id, 9)
    };
    let (owner, uid) = ("prod/live/lobby", "uid-1");
    let rooms = [
        of("a", 3, &[(OWNER_TAG, owner), (CREATION_TAG, uid)]),
        of("b", 2, &[(OWNER_TAG, owner), (CREATION_TAG, uid)]),
        of("c", 1, &[(OWNER_TAG, owner), (CREATION_TAG, "uid-0")]),
        of("d", 4, &[(CREATION_TAG, uid)]),
        of("e", 1, &[(CREATION_TAG, "uid-0")]),
        of(
            "f",
            1,
            &[(OWNER_TAG, "prod/live/other"), (CREATION_TAG, uid)],
        ),
        of("g", 2, &[(CONSENT_TAG, owner)]),
        of("h", 1, &[(CONSENT_TAG, owner)]),
        of("i", 1, &[(CONSENT_TAG, "prod/live/")]),
        of("j", 1, &[("team", "live")]),
    ];
    let census = census([reading(100, [None, None], &rooms)]);
    let told = |rooms: &[Known]| ids(rooms).iter().map(|it| it.0).collect::<String>();
    assert_eq!(told(&census.rooms_of(&identity())), "badc");
    assert_eq!(told(&census.released(&identity())), "hg");
    let marked = census.owned();
    let owners: Vec<_> = marked.iter().map(|(owner, _)| owner.as_str()).collect();
    assert_eq!(owners, [owner, owner, owner, "prod/live/other"]);
}

#[test]
fn after_another_has_led_what_was_shown_may_be_gone_and_proves_nothing() {
    let mut census = census([reading(100, [None, None], &[summary("a", 1)])]);
    census.distrust();
    assert_eq!(ids(&census.rooms_of(&identity())), [("a", false)]);
    let plain = Need::since(at(50));
    assert_eq!(census.next(&plain, at(101), LAG), Next::Read(None));
    assert_eq!(census.owned(), []);
}

/// The changes that a census reports after this.
fn changes_after(census: &mut Census, change: impl FnOnce(&mut Census)) -> Changes {
    change(census);
    census.changes()
}

fn changes(changed: &[&str], gone: &[&str]) -> Changes {
    let arns = |ids: &[&str]| ids.iter().map(|id| arn(id)).collect();
    Changes {
        changed: arns(changed),
        gone: arns(gone),
    }
}

#[test]
fn what_readings_show_otherwise_than_before_is_told_once_and_what_this_process_has_done_is_not() {
    let whole = |begun, rooms: &[Summary]| reading(begun, [None, None], rooms);
    let mut census = Census::default();
    let all = [summary("a", 1), summary("b", 1), summary("c", 1)];
    // Nothing was known of them before.
    let is = changes_after(&mut census, |it| it.take(whole(100, &all), LAG));
    assert_eq!(is, changes(&[], &[]));
    // A room of somebody else's is none of ours.
    let nobodys = Summary {
        tags: Tags::new(),
        ..summary("x", 1)
    };
    let more = [&all[..], &[nobodys, summary("n", 1)]].concat();
    let is = changes_after(&mut census, |it| it.take(whole(110, &more), LAG));
    assert_eq!(is, changes(&["n"], &[]));
    // Somebody updates a, takes the tags of b, and deletes c and n.
    let untagged = Summary {
        tags: Tags::new(),
        ..summary("b", 1)
    };
    let touched = [summary("a", 2), untagged];
    let is = changes_after(&mut census, |it| it.take(whole(120, &touched), LAG));
    assert_eq!(is, changes(&["a", "b"], &["c", "n"]));
    let is = changes_after(&mut census, |it| it.take(whole(130, &touched), LAG));
    assert_eq!(is, changes(&[], &[]));
    // This process makes d and deletes a.
    let made = ActualRoom {
        create_time: Some(at(135)),
        update_time: Some(at(135)),
        ..room(&arn("d"), identity().tags())
    };
    let shown = Summary::from(&made);
    let is = changes_after(&mut census, |census| {
        census.made(&made, at(135), LAG);
        census.deleted(&arn("a"), at(135), LAG);
        for begun in [150, 160, 170] {
            census.take(whole(begun, std::slice::from_ref(&shown)), LAG);
        }
    });
    assert_eq!(is, changes(&[], &[]));
}

#[test]
fn a_front_is_read_down_to_what_the_newest_reading_may_have_missed() {
    let mut census = Census::default();
    assert_eq!(census.front(LAG), None);
    // A front that joins on to nothing.
    census.take(reading(90, [Some(80), Some(80)], &[]), LAG);
    assert_eq!(census.front(LAG), None);
    census.take(reading(100, [Some(99), None], &[]), LAG);
    assert_eq!(census.front(LAG), Some(at(90)));
    census.take(reading(105, [Some(90), Some(90)], &[]), LAG);
    assert_eq!(census.front(LAG), Some(at(95)));
    // One that does not go down so far.
    census.take(reading(110, [Some(96), Some(96)], &[]), LAG);
    assert_eq!(census.front(LAG), Some(at(95)));
    // A reading that ended late.
    census.take(reading(101, [Some(100), None], &[]), LAG);
    assert_eq!(census.front(LAG), Some(at(95)));
    census.distrust();
    assert_eq!(census.front(LAG), None);
}

/// The name that a census knows of room a, when it was updated, and since when it is shown like this.
fn shown(census: &Census) -> (String, Timestamp, Timestamp) {
    let rooms = census.rooms_of(&identity());
    let known = rooms.first().unwrap();
    let latest = &known.latest;
    (
        latest.name.clone(),
        latest.update_time.unwrap(),
        known.since,
    )
}

fn named(name: &str, updated: i64) -> Summary {
    Summary {
        name: name.to_owned(),
        ..summary("a", updated)
    }
}

#[test]
fn an_earlier_update_time_is_believed_once_no_page_can_be_behind_the_later_one() {
    let whole = |begun, room: Summary| reading(begun, [None, None], &[room]);
    let mut census = census([whole(100, named("old", 50))]);
    let is = changes_after(&mut census, |it| {
        it.take(whole(110, named("new", 105)), LAG);
    });
    assert_eq!(is, changes(&["a"], &[]));
    let is = changes_after(&mut census, |it| it.take(whole(119, named("old", 50)), LAG));
    assert_eq!(is, changes(&[], &[]));
    assert_eq!(shown(&census), ("new".to_owned(), at(105), at(110)));
    let is = changes_after(&mut census, |it| it.take(whole(120, named("old", 50)), LAG));
    assert_eq!(is, changes(&["a"], &[]));
    assert_eq!(shown(&census), ("old".to_owned(), at(50), at(120)));
}

#[test]
fn a_reading_that_ends_late_undoes_nothing_that_began_after_it() {
    let mut census = census([reading(
        100,
        [None, None],
        &[named("old", 50), summary("b", 50)],
    )]);
    // The front shows an update of a, a new room c, and nothing of b.
    let front = [named("new", 110), summary("c", 111)];
    census.take(reading(112, [Some(90), Some(90)], &front), LAG);
    assert_eq!(census.changes(), changes(&["a", "c"], &[]));
    // A whole reading that began before has neither.
    let late = [named("old", 50), summary("b", 50)];
    census.take(reading(105, [Some(100), None], &late), LAG);
    assert_eq!(census.changes(), changes(&[], &[]));
    assert_eq!(shown(&census).0, "new");
    let told = ["a", "b", "c"].map(|id| (id, true));
    let mut rooms = census.rooms_of(&identity());
    rooms.sort_by(|one, other| one.arn.cmp(&other.arn));
    assert_eq!(ids(&rooms), told);
    // The next one drops none of them either.
    let all = [named("new", 110), summary("b", 50), summary("c", 111)];
    census.take(reading(120, [Some(110), None], &all), LAG);
    assert_eq!(census.changes(), changes(&[], &[]));
}

#[test]
fn what_aws_shows_of_a_room_after_our_own_act_is_noted_but_whose_it_is_follows_from_the_act() {
    let own = ActualRoom {
        update_time: Some(at(100)),
        create_time: Some(at(0)),
        ..room(&arn("a"), identity().tags())
    };
    let mut census = census([reading(90, [None, None], &[])]);
    census.made(&own, at(100), LAG);
    let behind = Summary {
        tags: Tags::new(),
        ..named("old", 99)
    };
    let is = changes_after(&mut census, |it| {
        it.take(reading(104, [None, None], &[behind]), LAG);
    });
    assert_eq!(is, changes(&[], &[]));
    assert_eq!(shown(&census), ("lobby".to_owned(), at(100), at(100)));
    let later = Summary {
        tags: Tags::new(),
        ..named("new", 103)
    };
    let is = changes_after(&mut census, |it| {
        it.take(
            reading(105, [None, None], std::slice::from_ref(&later)),
            LAG,
        );
    });
    assert_eq!(is, changes(&["a"], &[]));
    assert_eq!(shown(&census), ("new".to_owned(), at(103), at(105)));
    // Once no page can be behind our act, the tags are gone.
    let is = changes_after(&mut census, |it| {
        it.take(reading(110, [None, None], &[later]), LAG);
    });
    assert_eq!(is, changes(&[], &[]));
    assert!(census.rooms_of(&identity()).is_empty());
}

#[test]
fn a_reading_is_complete_only_after_the_lag_and_as_much_more_as_the_clock_may_have_been_set() {
    let lag = Lag {
        skew: SignedDuration::from_secs(3),
        ..LAG
    };
    let mut census = Census::default();
    census.take(reading(100, [Some(95), None], &[]), lag);
    let need = Need::complete(at(101));
    assert_eq!(census.next(&need, at(113), lag), Next::Wait(at(114)));
    assert_eq!(census.next(&need, at(114), lag), Next::Read(Some(at(87))));
}

#[test]
fn a_room_that_a_whole_reading_missed_is_not_back_because_a_page_shows_it_that_may_be_behind() {
    let current = |census: &Census| {
        let rooms = census.rooms_of(&identity());
        rooms.first().map(|it| it.current)
    };
    let front = |begun, updated| {
        reading(
            begun,
            [Some(begun - 10), Some(begun - 10)],
            &[summary("a", updated)],
        )
    };
    let missed = || {
        let whole = |begun, rooms: &[Summary]| reading(begun, [Some(begun - 10), None], rooms);
        census([whole(100, &[summary("a", 1)]), whole(200, &[])])
    };
    // The reading that missed it ended at 201.
    for (begun, updated, back) in [
        (199, 1, false),
        (205, 1, false),
        (210, 1, false),
        (211, 1, true),
        (205, 203, true),
    ] {
        let mut census = missed();
        assert_eq!(census.changes(), changes(&[], &["a"]));
        census.take(front(begun, updated), LAG);
        assert_eq!(current(&census), Some(back), "{begun} {updated}");
    }
}

#[test]
fn two_whole_readings_within_a_lag_drop_no_room_that_both_may_be_behind() {
    let whole = |begun| reading(begun, [None, None], &[]);
    let mut census = census([reading(100, [None, None], &[summary("a", 1)]), whole(101)]);
    for (begun, known) in [(103, 1), (111, 1), (112, 0)] {
        census.take(whole(begun), LAG);
        assert_eq!(census.rooms_of(&identity()).len(), known, "{begun}");
    }
}

proptest! {
    #[test]
    fn a_room_comes_back_from_the_census_as_a_list_showed_it(
        name in ".*",
        handler in proptest::option::of(".*"),
        logging in prop::collection::vec(".*", 0..3),
        tags in prop::collection::btree_map(".*", ".*", 0..5),
        nanoseconds in proptest::option::of(any::<i64>()),
    ) {
        let time = nanoseconds.map(|it| Timestamp::from_nanosecond(it.into()).unwrap());
        let mut shown = Summary {
            name,
            message_review_handler: handler.map(|uri| Handler { uri, fallback_result: FallbackResult::Deny }),
            logging_configuration_identifiers: logging,
            create_time: time,
            update_time: time,
            ..summary("a", 0)
        };
        shown.tags.extend(tags);
        shown.tags.extend(identity().tags());
        let mut census = Census::default();
        census.take(reading(100, [None, None], &[shown.clone()]), LAG);
        let known = census.rooms_of(&identity());
        prop_assert_eq!(known.into_iter().map(|it| it.latest).collect::<Vec<_>>(), [shown]);
    }
}
