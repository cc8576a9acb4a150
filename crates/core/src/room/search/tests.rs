use std::collections::BTreeMap;
use std::slice::from_ref;

use jiff::ToSpan;
use proptest::prelude::*;

use super::*;
use crate::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG};
use crate::api::{Adopt, Creation, DeletionPolicy};
use crate::room::case::{Policies, Task};
use crate::room::census::Known;
use crate::room::recall::{Deleted, Recall};
use crate::room::sample::{self, arn, identity, policies, tags};
use crate::room::seen::Seen;
use crate::room::{Pause, Summary};

const ACCOUNT: &str = "123456789012";
const HOME: &str = "us-west-2";
const ABROAD: &str = "eu-west-1";

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + seconds.seconds()
}

/// When every search here begins; the grace is 100 seconds, and the process has been alone since second 1000.
const NOW: i64 = 10_000;

fn arn_in(account: &str, region: &str, id: &str) -> RoomArn {
    let arn = format!("arn:aws:ivschat:{region}:{account}:room/{id:x<12}");
    arn.parse().unwrap()
}

/// As of a room that is older than any grace here.
fn room(arn: &RoomArn, tags: Tags) -> ActualRoom {
    ActualRoom {
        create_time: Some(at(2000)),
        ..sample::room(arn, tags)
    }
}

fn own(arn: &RoomArn) -> ActualRoom {
    room(arn, identity().tags())
}

fn released(arn: &RoomArn) -> ActualRoom {
    room(arn, tags(&[(CONSENT_TAG, "prod/live/lobby")]))
}

fn foreign(arn: &RoomArn) -> ActualRoom {
    room(arn, tags(&[(OWNER_TAG, "prod/live/other")]))
}

/// What AWS answers. A region whose lists are used up repeats the last one.
#[derive(Default, Clone)]
struct Aws {
    rooms: BTreeMap<RoomArn, Result<ActualRoom, FailureClass>>,
    lists: BTreeMap<&'static str, Vec<Result<Listed, FailureClass>>>,
    known: Vec<RoomArn>,
    /// When the lists began that show rooms.
    shown: i64,
}

impl Aws {
    fn with(mut self, room: ActualRoom) -> Self {
        self.rooms.insert(room.arn.clone(), Ok(room));
        self
    }

    /// Lists that begin at this second show what is added from now on.
    fn shown_at(mut self, second: i64) -> Self {
        self.shown = second;
        self
    }

    fn failing(mut self, arn: &RoomArn, class: FailureClass) -> Self {
        self.rooms.insert(arn.clone(), Err(class));
        self
    }

    fn listing(mut self, region: &'static str, ours: &[RoomArn], free: &[RoomArn]) -> Self {
        let known = |arns: &[RoomArn], current| {
            let known = |arn: &RoomArn| Known {
                arn: arn.clone(),
                current,
                shown: at(self.shown),
                latest: Summary::from(&own(arn)),
                since: at(self.shown),
            };
            arns.iter().map(known).collect()
        };
        let listed = Listed {
            ours: known(ours, true),
            released: known(free, true),
            unmet: None,
        };
        self.lists.entry(region).or_default().push(Ok(listed));
        self
    }

    /// The lists of a region do not show what is needed before this second.
    fn unmet(mut self, region: &'static str, until: i64, restless: bool) -> Self {
        let until = at(until);
        let listed = Listed {
            unmet: Some(Unmet { until, restless }),
            ..Listed::default()
        };
        self.lists.entry(region).or_default().push(Ok(listed));
        self
    }

    fn unlisted(mut self, region: &'static str, class: FailureClass) -> Self {
        self.lists.entry(region).or_default().push(Err(class));
        self
    }
}

fn failed(class: FailureClass) -> Failure {
    Failure::new(class, "as this test says")
}

/// What a list has to show, in short.
fn told(need: &Need) -> String {
    let seconds = |time: Timestamp| time.duration_since(Timestamp::UNIX_EPOCH).as_secs();
    let complete = if need.complete { ", complete" } else { "" };
    let since = need.not_before;
    let since = since.map(|it| format!(" since {}", seconds(it)));
    let updated = need.since;
    let updated = updated.map(|it| format!(", updated since {}", seconds(it)));
    let whole = if need.whole { " again" } else { "" };
    let (since, updated) = (since.unwrap_or_default(), updated.unwrap_or_default());
    format!("{since}{complete}{updated}{whole}")
}

/// An object that has been seen to long before, in its own words.
#[derive(Clone)]
struct Object {
    record: Record,
    recall: Recall,
    alone_since: i64,
    seen: Seen,
    task: Task,
    regions: Vec<String>,
}

impl Default for Object {
    fn default() -> Self {
        let mut seen = sample::seen();
        seen.created_at = Some(at(1500));
        seen.deletion_policy = Some(DeletionPolicy::Delete);
        Self {
            record: Record::default(),
            recall: Recall::default(),
            alone_since: 1000,
            seen,
            task: Task::Follow,
            regions: vec![HOME.to_owned()],
        }
    }
}

impl Object {
    fn recorded(arn: &RoomArn) -> Self {
        let mut object = Self::default();
        object.record.arn = Some(arn.clone());
        object.record.region = Some(arn.region().to_owned());
        object.record.create_time = Some(at(2000));
        object
    }

    fn attempted(started: i64) -> Self {
        let mut object = Self::default();
        object.record.creation = Some(Creation {
            id: String::new(),
            started_at: at(started),
            region: HOME.to_owned(),
            account: ACCOUNT.to_owned(),
        });
        object
    }

    fn but(mut self, change: fn(&mut Seen)) -> Self {
        change(&mut self.seen);
        self
    }

    /// Without the operator's finalizer: nothing was ever tried for it.
    fn new() -> Self {
        Self::default().but(|seen| seen.finalizers.clear())
    }

    /// It is not deleted, but let go.
    fn leaving_by_release(mut self) -> Self {
        self.seen.deleted_at = None;
        self.leaving()
    }

    /// Rooms are made at home and abroad.
    fn served_in_both(mut self) -> Self {
        self.regions = vec![HOME.to_owned(), ABROAD.to_owned()];
        self
    }

    /// No room is wanted any more.
    fn leaving(mut self) -> Self {
        self.task = Task::Release;
        self
    }

    fn adopting(mut self, arn: &RoomArn) -> Self {
        let arn = arn.to_string();
        let spec = self.seen.spec.as_mut().unwrap();
        spec.adopt = Some(Adopt { arn });
        spec.deletion_policy = Some(DeletionPolicy::Delete);
        self
    }

    fn missing_since(mut self, seconds: i64) -> Self {
        self.record.missing_since = Some(at(seconds));
        self
    }

    /// What is asked for, in order, and what comes of it.
    fn look(&self, aws: &Aws) -> (Vec<String>, Look) {
        let policies = Policies {
            regions: self.regions.clone(),
            ..policies()
        };
        let (alone, now) = (at(self.alone_since), at(NOW));
        let mut case = Case::of(self.task, &self.seen, &self.recall, &policies, alone, now);
        case.record = self.record.clone();
        let (mut facts, mut asked) = (Facts::default(), Vec::new());
        let mut lists = aws.lists.clone();
        facts.account(Ok(ACCOUNT.to_owned()));
        loop {
            let ask = match search(&case, &facts) {
                Ok(look) => return (asked, look),
                Err(ask) => ask,
            };
            assert!(asked.len() < 30, "{asked:?} and then {ask:?}");
            // Each answer takes a millisecond.
            let now = at(NOW) + i64::try_from(asked.len() + 1).unwrap().milliseconds();
            match ask {
                Ask::Account => panic!("it is known"),
                Ask::Known => facts.known(aws.known.clone()),
                Ask::Room(arn) => {
                    asked.push(format!("room {}", arn.id().trim_end_matches('x')));
                    let answer = aws.rooms.get(&arn).cloned().transpose();
                    facts.room(arn, now, answer.map_err(failed));
                }
                Ask::Region { region, need } => {
                    asked.push(format!("list {region}{}", told(&need)));
                    let lists = lists
                        .entry(if region == HOME { HOME } else { ABROAD })
                        .or_default();
                    let answer = match lists.len() {
                        0 => Ok(Listed::default()),
                        1 => lists[0].clone(),
                        _ => lists.remove(0),
                    };
                    facts.region(region, need, answer.map_err(failed));
                }
            }
        }
    }

    /// What is asked for, and what is seen in the end.
    fn sees(&self, aws: &Aws) -> (Vec<String>, Result<Sight, FailureClass>) {
        let (asked, look) = self.look(aws);
        let seen = look.sight.map_err(|(failure, _)| failure.class);
        (asked, seen)
    }
}

/// Asserts what is asked for, and what is seen in the end.
#[track_caller]
fn assert_sees(object: &Object, aws: &Aws, asked: &[&str], seen: Result<Sight, FailureClass>) {
    let asked = asked.iter().map(ToString::to_string).collect();
    assert_eq!(object.sees(aws), (asked, seen));
}

/// That it is not settled before this second, and why.
#[track_caller]
fn assert_waits(object: &Object, aws: &Aws, asked: &[&str], reason: Reason, until: i64) {
    let (questions, seen) = object.sees(aws);
    assert_eq!(questions, asked);
    let Ok(Sight::Unsettled(unsettled)) = seen else {
        panic!("{seen:?}");
    };
    assert_eq!((unsettled.reason, unsettled.until), (reason, at(until)));
}

// --- a room that is there -------------------------------------------------------------------------------------------

#[test]
fn a_room_on_record_that_proves_to_be_the_objects_costs_one_question() {
    let a = arn("a");
    let aws = Aws::default().with(own(&a));
    assert_sees(
        &Object::recorded(&a),
        &aws,
        &["room a"],
        Ok(Sight::Room(own(&a))),
    );
}

#[test]
fn a_room_that_is_not_on_record_is_found_by_its_tags_whatever_happened_before() {
    let a = arn("a");
    let aws = Aws::default()
        .with(own(&a))
        .listing(HOME, from_ref(&a), &[]);
    let seen = || Ok(Sight::Room(own(&a)));
    let new = Object::new();
    assert_sees(&new, &aws, &["list us-west-2", "room a"], seen());
    // It has been worked on before this process was alone.
    let wiped = Object::default().but(|seen| seen.created_at = Some(at(500)));
    assert_sees(
        &wiped,
        &aws,
        &["list us-west-2 since 1100, complete", "room a"],
        seen(),
    );
    let attempted = Object::attempted(9990);
    assert_sees(
        &attempted,
        &aws,
        &["list us-west-2 since 9998, updated since 9980", "room a"],
        seen(),
    );
}

#[test]
fn a_room_on_record_that_is_somebody_elses_is_shown_unless_the_object_has_one_of_its_own() {
    let (a, b) = (arn("a"), arn("b"));
    let aws = Aws::default().with(foreign(&a)).with(own(&b));
    let object = Object::recorded(&a);
    let asked = ["room a", "list us-west-2"];
    assert_sees(&object, &aws, &asked, Ok(Sight::Room(foreign(&a))));
    let aws = aws.listing(HOME, from_ref(&b), &[]);
    let asked = ["room a", "list us-west-2", "room b"];
    assert_sees(&object, &aws, &asked, Ok(Sight::Room(own(&b))));
}

#[test]
fn where_the_region_on_record_does_not_answer_the_room_is_looked_for_in_the_others() {
    let (made_up, b) = (arn_in(ACCOUNT, ABROAD, "a"), arn("b"));
    let aws = Aws::default()
        .with(own(&b))
        .failing(&made_up, FailureClass::Unavailable);
    let object = Object::recorded(&made_up);
    let asked = ["room a", "list us-west-2"];
    assert_sees(&object, &aws, &asked, Err(FailureClass::Unavailable));
    let aws = aws.listing(HOME, from_ref(&b), &[]);
    let asked = ["room a", "list us-west-2", "room b"];
    assert_sees(&object, &aws, &asked, Ok(Sight::Room(own(&b))));
}

// --- absence --------------------------------------------------------------------------------------------------------

#[test]
fn an_object_for_which_nothing_was_ever_tried_has_no_room_once_a_list_shows_none() {
    let new = Object::new();
    assert_sees(
        &new,
        &Aws::default(),
        &["list us-west-2"],
        Ok(Sight::Absent),
    );
    // Made since this process is alone: it would know.
    let held = Object::default();
    assert_sees(
        &held,
        &Aws::default(),
        &["list us-west-2"],
        Ok(Sight::Absent),
    );
}

#[test]
fn a_room_that_is_missing_is_absent_a_grace_after_the_first_404_and_its_creation_and_a_list_since()
{
    let a = arn("a");
    let first = Object::recorded(&a);
    let none = Aws::default();
    // From the answer to the first question, a millisecond after the search began.
    let (asked, seen) = first.sees(&none);
    let Ok(Sight::Unsettled(unsettled)) = seen else {
        panic!("{seen:?}");
    };
    assert_eq!(asked, ["room a"]);
    let until = at(NOW + 100) + 1.millisecond();
    assert_eq!(
        (unsettled.reason, unsettled.until),
        (Reason::NotFound, until)
    );
    let soon = Object::recorded(&a).missing_since(9901);
    assert_waits(&soon, &none, &["room a"], Reason::NotFound, 10_001);
    let over = Object::recorded(&a).missing_since(9900);
    let asked = ["room a", "list us-west-2 since 10000, complete"];
    assert_sees(&over, &none, &asked, Ok(Sight::Absent));
    let mut young = over.clone();
    young.record.create_time = Some(at(9950));
    assert_waits(&young, &none, &["room a"], Reason::NotFound, 10_050);
}

#[test]
fn the_first_404_stands_in_the_record_until_the_room_is_seen_again() {
    let a = arn("a");
    let (none, there) = (Aws::default(), Aws::default().with(own(&a)));
    let noon = at(NOW) + 1.millisecond();
    for (before, aws, after) in [
        (None, &none, Some(noon)),
        (Some(at(9950)), &none, Some(at(9950))),
        (Some(at(9950)), &there, None),
        (None, &there, None),
    ] {
        let mut object = Object::recorded(&a);
        object.record.missing_since = before;
        let (_, look) = object.look(aws);
        assert_eq!(look.record.missing_since, after, "{before:?}");
    }
    // Somebody has edited it: this process has seen the room since, or another room.
    for (known, seen, since) in [
        ("a", 9950, noon),
        ("a", 9951, noon),
        ("a", 9949, at(9950)),
        ("b", 9951, at(9950)),
    ] {
        let mut object = Object::recorded(&a).missing_since(9950);
        object.recall.saw(&arn(known), at(seen));
        let (_, look) = object.look(&none);
        assert_eq!(look.record.missing_since, Some(since), "{known} {seen}");
    }
    // Whatever else cannot be read.
    let unlisted = Aws::default().unlisted(HOME, FailureClass::Throttled);
    let (_, look) = Object::recorded(&a).missing_since(5000).look(&unlisted);
    assert!(look.sight.is_err());
    assert_eq!(look.record.missing_since, Some(at(5000)));
    let mut unread = Aws::default();
    unread.rooms.insert(a.clone(), Err(FailureClass::Throttled));
    let (_, look) = Object::recorded(&a).missing_since(5000).look(&unread);
    assert_eq!(look.record.missing_since, Some(at(5000)));
}

#[test]
fn an_attempt_whose_outcome_is_not_known_is_looked_for_until_a_grace_has_passed() {
    let none = Aws::default();
    // One list of two seconds ago does for all, but none from before the attempt.
    for (started, since) in [(9990, 9998), (9999, 9999)] {
        let asked = format!(
            "list us-west-2 since {since}, updated since {}",
            started - 10
        );
        let young = Object::attempted(started);
        let reason = Reason::CreationPending;
        assert_waits(&young, &none, &[&asked], reason, started + 100);
    }
    let old = Object::attempted(9800);
    let complete = "list us-west-2 since 9900, complete, updated since 9790";
    let asked = [complete, "list us-west-2"];
    assert_sees(&old, &none, &asked, Ok(Sight::Absent));
}

#[test]
fn an_object_with_a_blank_status_that_another_process_worked_on_waits_a_grace_from_the_handover() {
    let mut object = Object::default().but(|seen| seen.created_at = Some(at(500)));
    object.alone_since = 9950;
    let none = Aws::default();
    let asked = ["list us-west-2 since 9950"];
    assert_waits(&object, &none, &asked, Reason::CreationPending, 10_050);
    let mut known = object.clone();
    known.recall.released.insert(arn("a"));
    assert_sees(&known, &none, &["list us-west-2"], Ok(Sight::Absent));
    let bare = object.but(|seen| seen.finalizers.clear());
    assert_sees(&bare, &none, &["list us-west-2"], Ok(Sight::Absent));
}

#[test]
fn what_was_proven_absent_and_then_refused_does_not_wait_for_another_process_again() {
    let mut object = Object::default().but(|seen| seen.created_at = Some(at(500)));
    object.alone_since = 9950;
    for (proven, waits) in [(None, true), (Some(9940), true), (Some(9950), false)] {
        object.recall.absent_since = proven.map(at);
        let (_, look) = object.look(&Aws::default());
        let waited = matches!(look.sight, Ok(Sight::Unsettled(_)));
        assert_eq!(waited, waits, "{proven:?}");
    }
}

#[test]
fn an_object_that_is_being_deleted_needs_a_list_begun_since_and_nothing_to_adopt() {
    let leaving = Object::default().but(|seen| seen.deleted_at = Some(at(9999)));
    let asked = ["list us-west-2 since 9999, complete"];
    assert_sees(&leaving, &Aws::default(), &asked, Ok(Sight::Absent));
}

#[test]
fn a_region_that_cannot_be_listed_hides_no_room_of_another_and_proves_nothing_absent() {
    let (a, b) = (arn("a"), arn_in(ACCOUNT, ABROAD, "b"));
    let mut object = Object::recorded(&a).missing_since(5000);
    object.seen.spec.as_mut().unwrap().region = Some(ABROAD.to_owned());
    object = object.leaving();
    let aws = Aws::default()
        .with(own(&b))
        .unlisted(HOME, FailureClass::Throttled);
    let asked = [
        "room a",
        "list us-west-2 since 5100, complete",
        "list eu-west-1 since 5100, complete",
    ];
    assert_sees(&object, &aws, &asked, Err(FailureClass::Throttled));
    let aws = aws.listing(ABROAD, from_ref(&b), &[]);
    let asked = [&asked[..], &["room b"]].concat();
    assert_sees(&object, &aws, &asked, Ok(Sight::Room(own(&b))));
}

// --- where a room can be --------------------------------------------------------------------------------------------

#[test]
fn an_object_whose_status_is_lost_has_its_room_in_any_region_where_rooms_are_made() {
    let b = arn_in(ACCOUNT, ABROAD, "b");
    let aws = Aws::default()
        .with(own(&b))
        .listing(ABROAD, from_ref(&b), &[]);
    let wiped = Object::default()
        .but(|seen| seen.created_at = Some(at(500)))
        .served_in_both();
    let lists = [
        "list us-west-2 since 1100, complete",
        "list eu-west-1 since 1100, complete",
    ];
    let asked = [&lists[..], &["room b"]].concat();
    let found = || Ok(Sight::Room(own(&b)));
    assert_sees(&wiped, &aws, &asked, found());
    assert_sees(&wiped.clone().leaving(), &aws, &asked, found());
    let none = Aws::default();
    assert_sees(&wiped, &none, &lists, Ok(Sight::Absent));
    // Its status names a region: it was made nowhere else.
    let mut recorded = wiped;
    recorded.record.region = Some(HOME.to_owned());
    assert_sees(&recorded, &aws, &lists[..1], Ok(Sight::Absent));
}

#[test]
fn a_room_of_an_earlier_object_of_the_name_is_not_taken_where_the_spec_asks_for_another_region() {
    let b = arn_in(ACCOUNT, ABROAD, "b");
    let earlier = tags(&[(OWNER_TAG, "prod/live/lobby"), (CREATION_TAG, "uid-0")]);
    let there = |tags: Tags| {
        let aws = Aws::default().with(room(&b, tags));
        aws.listing(ABROAD, from_ref(&b), &[])
    };
    let (anywhere, at_home) = (Object::new().served_in_both(), |seen: &mut Seen| {
        seen.spec.as_mut().unwrap().region = Some(HOME.to_owned());
    });
    let asked = ["list us-west-2", "list eu-west-1", "room b"];
    let taken = |tags: Tags| Ok(Sight::Room(room(&b, tags)));
    let aws = there(earlier.clone());
    assert_sees(&anywhere, &aws, &asked, taken(earlier.clone()));
    let placed = anywhere.but(at_home);
    assert_sees(&placed, &aws, &asked, Ok(Sight::Absent));
    // It goes with the object all the same.
    assert_sees(&placed.clone().leaving(), &aws, &asked, taken(earlier));
    // This very object asked for it there.
    let own = identity().tags();
    assert_sees(&placed, &there(own.clone()), &asked, taken(own));
}

#[test]
fn a_room_of_an_earlier_object_of_the_name_is_taken_only_once_what_this_one_asked_for_cannot_show_up()
 {
    let (a, b) = (arn("a"), arn("b"));
    let earlier = || {
        let earlier = tags(&[(OWNER_TAG, "prod/live/lobby"), (CREATION_TAG, "uid-0")]);
        room(&a, earlier)
    };
    let aws = Aws::default()
        .with(earlier())
        .listing(HOME, from_ref(&a), &[]);
    let asked = ["list us-west-2 since 9998, updated since 9980", "room a"];
    let young = Object::attempted(9990);
    assert_waits(&young, &aws, &asked, Reason::CreationPending, 10_090);
    let both =
        Aws::default()
            .with(earlier())
            .with(own(&b))
            .listing(HOME, &[a.clone(), b.clone()], &[]);
    let asked = [asked[0], asked[1], "room b"];
    assert_sees(&young, &both, &asked, Ok(Sight::Room(own(&b))));
    let complete = "list us-west-2 since 9900, complete, updated since 9790";
    let old = Object::attempted(9800);
    let taken = || Ok(Sight::Room(earlier()));
    let plain = "list us-west-2";
    assert_sees(&old, &aws, &[complete, "room a", plain], taken());
    // Nothing is made for an object that goes: both rooms go with it.
    let going = Object::attempted(9990).leaving();
    assert_sees(&going, &aws, &asked[..2], taken());
}

#[test]
fn a_room_that_was_released_elsewhere_is_not_taken_back_where_the_spec_asks_for_another_region() {
    let b = arn_in(ACCOUNT, ABROAD, "b");
    let aws = Aws::default()
        .with(released(&b))
        .listing(ABROAD, &[], from_ref(&b));
    let anywhere = Object::new().served_in_both();
    let asked = ["list us-west-2", "list eu-west-1", "room b"];
    assert_sees(&anywhere, &aws, &asked, Ok(Sight::Adoptable(released(&b))));
    let at_home = anywhere.but(|seen| {
        seen.spec.as_mut().unwrap().region = Some(HOME.to_owned());
    });
    assert_sees(&at_home, &aws, &asked[..2], Ok(Sight::Absent));
}

#[test]
fn a_region_that_cannot_be_listed_holds_up_only_objects_for_which_something_was_tried_nobody_knows_where()
 {
    let denied = Aws::default().unlisted(ABROAD, FailureClass::Denied);
    let both = ["list us-west-2", "list eu-west-1"];
    let new = Object::new().served_in_both();
    assert_sees(&new, &denied, &both, Ok(Sight::Absent));
    let held = Object::default().served_in_both();
    let (asked, look) = held.look(&denied);
    assert_eq!(asked, both);
    let (failure, _) = look.sight.unwrap_err();
    assert_eq!(failure.class, FailureClass::Denied);
    let told = "The room of this object may be in eu-west-1, which is one of --regions and cannot be listed: as this test says";
    assert_eq!(failure.message(), told);
    let mut recorded = held.clone();
    recorded.record.region = Some(HOME.to_owned());
    assert_sees(&recorded, &denied, &both[..1], Ok(Sight::Absent));
    // Where the spec wants it, it is told as it is.
    let at_home = Aws::default().unlisted(HOME, FailureClass::Denied);
    assert_sees(&new, &at_home, &both, Err(FailureClass::Denied));
}

#[test]
fn no_room_is_made_or_taken_over_in_a_region_that_is_not_served_but_one_on_record_is_kept() {
    let (none, a) = (Aws::default(), arn_in(ACCOUNT, ABROAD, "a"));
    let abroad = |seen: &mut Seen| {
        seen.spec.as_mut().unwrap().region = Some(ABROAD.to_owned());
    };
    let new = Object::new().but(abroad);
    let (asked, look) = new.look(&none);
    assert!(asked.is_empty());
    let (failure, _) = look.sight.unwrap_err();
    assert_eq!(failure.class, FailureClass::RegionNotServed);
    let told = "This operator makes and takes over no rooms in eu-west-1: its --regions are us-west-2. Correct spec.region, or add \
                eu-west-1 to --regions (aws.regions of the chart)";
    assert_eq!(failure.message(), told);
    let refused = || Err(FailureClass::RegionNotServed);
    assert_sees(&Object::new().adopting(&a), &none, &[], refused());
    let served = new.clone().served_in_both();
    let asked = ["list eu-west-1", "list us-west-2"];
    assert_sees(&served, &none, &asked, Ok(Sight::Absent));
    let aws = Aws::default().with(own(&a));
    let kept = Object::recorded(&a).but(abroad);
    assert_sees(&kept, &aws, &["room a"], Ok(Sight::Room(own(&a))));
}

#[test]
fn while_a_list_may_have_missed_rooms_nothing_is_absent() {
    let a = arn("a");
    let missing = Object::recorded(&a).missing_since(5000);
    let wiped = Object::default().but(|seen| seen.created_at = Some(at(500)));
    let attempted = Object::attempted(9800);
    for (object, reason) in [
        (missing, Reason::NotFound),
        (wiped, Reason::CreationPending),
        (attempted, Reason::CreationPending),
    ] {
        let sees = |restless| {
            let aws = Aws::default().unmet(HOME, 10_030, restless);
            let (_, seen) = object.sees(&aws);
            let Ok(Sight::Unsettled(unsettled)) = seen else {
                panic!("{seen:?}");
            };
            unsettled
        };
        let (calm, restless) = (sees(false), sees(true));
        assert_eq!((calm.reason, calm.until), (reason, at(10_030)));
        let told = "; more rooms are updated here than one page of ListRooms shows, and it may take until fewer are";
        assert_eq!(restless.message, calm.message + told);
    }
}

#[test]
fn an_object_goes_as_soon_as_a_list_since_its_rooms_youth_shows_no_other_once_the_room_is_deleted_for_certain()
 {
    let a = arn("a");
    let deleted = |created: i64| {
        let mut object = Object::recorded(&a).but(|seen| seen.deleted_at = Some(at(9999)));
        object.recall.deleted = Some(Deleted {
            arn: a.clone(),
            create_time: Some(at(created)),
        });
        object
    };
    let none = Aws::default();
    let list = "list us-west-2 since 9890, complete";
    assert_sees(&deleted(9790), &none, &[list], Ok(Sight::Absent));
    let b = arn("b");
    let twin = none.clone().with(own(&b)).listing(HOME, from_ref(&b), &[]);
    let asked = [list, "room b"];
    assert_sees(&deleted(9790), &twin, &asked, Ok(Sight::Room(own(&b))));
    // What is missing of the grace. Another process knows since when the room is missing.
    let young = deleted(9950);
    assert_waits(&young, &none, &["room a"], Reason::NotFound, 10_050);
    let (_, look) = young.look(&none);
    let noted = at(NOW) + 1.millisecond();
    assert_eq!(look.record.missing_since, Some(noted));
    // Not for certain, another room, or with an attempt under way.
    let mut uncertain = deleted(9790);
    uncertain.recall.deleted.as_mut().unwrap().create_time = None;
    let mut other = deleted(9790);
    other.recall.deleted.as_mut().unwrap().arn = b;
    let mut attempted = deleted(9790);
    attempted.record.creation = Object::attempted(9990).record.creation;
    for object in [
        uncertain,
        other,
        attempted,
        deleted(9790).leaving_by_release(),
    ] {
        let (asked, look) = object.look(&none);
        assert_eq!(asked[0], "room a");
        assert!(matches!(look.sight, Ok(Sight::Unsettled(_))), "{look:?}");
    }
}

#[test]
fn a_blank_object_that_is_being_deleted_waits_for_a_grace_since_then_however_often_others_take_over()
 {
    let wiped = |deleted: fn(&mut Seen)| {
        let mut object = Object::default().but(|seen| seen.created_at = Some(at(500)));
        object.alone_since = 9999;
        object.but(deleted)
    };
    let none = Aws::default();
    let waits = wiped(|seen| seen.deleted_at = Some(at(9950)));
    let asked = ["list us-west-2 since 9950"];
    assert_waits(&waits, &none, &asked, Reason::CreationPending, 10_050);
    let over = wiped(|seen| seen.deleted_at = Some(at(9800)));
    let asked = ["list us-west-2 since 9900, complete"];
    assert_sees(&over, &none, &asked, Ok(Sight::Absent));
}

#[test]
fn a_status_that_may_be_older_than_a_takeover_makes_no_room_before_lists_show_what_was_made_then() {
    let a = arn("a");
    let mut object = Object::recorded(&a).missing_since(5000);
    object.alone_since = 9950;
    let list = |since: i64| format!("list us-west-2 since {since}, complete");
    // A lag of 80 seconds, and 10 by which clocks may be off.
    let keeps = list(9950 + 90);
    let asked = ["room a", &keeps];
    assert_sees(&object, &Aws::default(), &asked, Ok(Sight::Absent));
    // The attempt on record may not be the last one.
    let mut attempted = Object::attempted(9800);
    attempted.alone_since = 9950;
    let tried = format!("{keeps}, updated since 9790");
    let asked = [&tried[..], "list us-west-2"];
    assert_sees(&attempted, &Aws::default(), &asked, Ok(Sight::Absent));
    // Before the object goes, a list since its deletion tells what a frozen process has sent late.
    let mut going = Object::attempted(9800).but(|seen| seen.deleted_at = Some(at(9990)));
    going.alone_since = 9950;
    let gone = format!("{}, updated since 9790", list(9990));
    assert_eq!(going.sees(&Aws::default()).0[0], gone);
    // A deletion is not held up: what it leaves is reported.
    let goes = list(5100);
    let asked = ["room a", &goes];
    assert_sees(
        &object.leaving(),
        &Aws::default(),
        &asked,
        Ok(Sight::Absent),
    );
}

#[test]
fn a_room_that_get_room_has_not_shown_for_a_grace_is_gone_unless_a_list_has_shown_it_since() {
    let a = arn("a");
    let listed = |second| {
        Aws::default()
            .shown_at(second)
            .listing(HOME, from_ref(&a), &[])
    };
    let missing = Object::recorded(&a).missing_since(9900);
    let asked = ["room a", "list us-west-2 since 10000, complete"];
    // That list may have been behind by 80 seconds when the room was first missing.
    assert_sees(&missing, &listed(9979), &asked, Ok(Sight::Absent));
    // This one was not: of GetRoom and ListRooms one is wrong.
    let again = ["list us-west-2 since 10000 again", "room a"];
    let asked = [&asked[..], &again].concat();
    assert_sees(&missing, &listed(9980), &asked, Err(FailureClass::NotFound));
}

#[test]
fn a_status_that_names_somebody_elses_room_does_not_hide_the_objects_own() {
    let a = arn("a");
    let aws = Aws::default().with(foreign(&a));
    let elder = Object::recorded(&a).but(|seen| seen.created_at = Some(at(500)));
    let complete = "list us-west-2 since 1100, complete";
    let told = || Ok(Sight::Room(foreign(&a)));
    assert_sees(&elder, &aws, &["room a", complete], told());
    let unmet = aws.clone().unmet(HOME, 10_030, false);
    assert_sees(&elder, &unmet, &["room a", complete], told());
    // But nothing is let go before it is known.
    let leaving = elder.leaving();
    let asked = ["room a", complete];
    assert_waits(&leaving, &unmet, &asked, Reason::CreationPending, 10_030);
}

#[test]
fn a_list_that_shows_rooms_otherwise_than_get_room_is_asked_for_once_more_and_then_settles_nothing()
{
    let a = arn("a");
    let new = Object::new();
    let gone = Aws::default().listing(HOME, from_ref(&a), &[]);
    let asked = [
        "list us-west-2",
        "room a",
        "list us-west-2 since 10000 again",
    ];
    let caught_up = gone.clone().listing(HOME, &[], &[]);
    assert_sees(&new, &caught_up, &asked, Ok(Sight::Absent));
    let asked = [&asked[..], &["room a"]].concat();
    assert_sees(&new, &gone, &asked, Err(FailureClass::NotFound));
}

// --- rooms to take over ---------------------------------------------------------------------------------------------

#[test]
fn a_room_that_was_released_is_taken_back_where_somebody_has_said_what_becomes_of_it() {
    let a = arn("a");
    let aws = Aws::default()
        .with(released(&a))
        .listing(HOME, &[], from_ref(&a));
    let new = Object::new();
    let asked = ["list us-west-2", "room a"];
    assert_sees(&new, &aws, &asked, Ok(Sight::Adoptable(released(&a))));
    let undecided = |seen: &mut Seen| seen.deletion_policy = None;
    for object in [
        Object::default().but(undecided),
        Object::default().but(|seen| seen.observes = true),
        Object::default().leaving(),
    ] {
        assert_sees(&object, &aws, &["list us-west-2"], Ok(Sight::Absent));
    }
    let recorded = Object::recorded(&a);
    let asked = ["room a", "list us-west-2"];
    assert_sees(&recorded, &aws, &asked, Ok(Sight::Adoptable(released(&a))));
    let undecided = recorded.but(undecided);
    assert_sees(&undecided, &aws, &asked, Err(FailureClass::ConsentMissing));
    assert_is_without_room(&undecided, &aws);
}

/// That nobody takes it for Ready, whatever its status says.
#[track_caller]
fn assert_is_without_room(object: &Object, aws: &Aws) {
    let (_, look) = object.look(aws);
    let known = look.sight.map_err(|(_, known)| known);
    assert_eq!(known, Err(Knowledge::NotAsSpecified));
}

#[test]
fn the_room_that_the_spec_names_is_found_but_never_made() {
    let a = arn("a");
    let consents = room(&a, tags(&[(CONSENT_TAG, "prod/")]));
    let object = Object::default().adopting(&a);
    let asked = ["list us-west-2", "room a"];
    let aws = Aws::default().with(consents.clone());
    assert_sees(&object, &aws, &asked, Ok(Sight::Adoptable(consents)));
    let ours = Aws::default().with(own(&a));
    assert_sees(&object, &ours, &asked, Ok(Sight::Room(own(&a))));
    assert_sees(
        &object,
        &Aws::default(),
        &asked,
        Err(FailureClass::NotFound),
    );
    assert_is_without_room(&object, &Aws::default());
    let denied = Aws::default().failing(&a, FailureClass::Denied);
    assert_sees(&object, &denied, &asked, Err(FailureClass::Denied));

    let leaving = object.clone().leaving();
    assert_sees(&leaving, &Aws::default(), &asked, Ok(Sight::Absent));
    assert_sees(&leaving, &denied, &asked, Ok(Sight::Absent));
    let mut released = leaving;
    released.recall.released.insert(a.clone());
    assert_sees(&released, &ours, &asked[..1], Ok(Sight::Absent));
}

#[test]
fn a_room_to_adopt_that_is_out_of_reach_holds_no_deletion() {
    for (account, region) in [(ACCOUNT, "eu-south-9"), ("999999999999", HOME)] {
        let arn = arn_in(account, region, "a");
        let mut object = Object::default().adopting(&arn).leaving();
        // Otherwise the region of the room would be one to look in.
        object.record.region = Some(HOME.to_owned());
        let asked = ["list us-west-2"];
        assert_sees(&object, &Aws::default(), &asked, Ok(Sight::Absent));
    }
}

#[test]
fn a_room_that_was_to_be_adopted_and_was_not_is_nothing_to_an_object_that_wants_its_own() {
    let a = arn("a");
    let aws = Aws::default().with(foreign(&a));
    let mut object = Object::attempted(9800);
    object.record.arn = Some(a.clone());
    let complete = "list us-west-2 since 9900, complete, updated since 9790";
    let asked = ["room a", complete, "list us-west-2"];
    assert_sees(&object, &aws, &asked, Ok(Sight::Absent));
    // It was made for the object, and somebody has taken it.
    object.recall.had = Some(a.clone());
    assert_sees(&object, &aws, &asked, Ok(Sight::Room(foreign(&a))));
}

#[test]
fn a_room_that_was_the_objects_and_proves_nothing_any_more_is_lost_though_the_spec_names_it() {
    let a = arn("a");
    let bare = room(&a, tags(&[("team", "live")]));
    let object = Object::recorded(&a).adopting(&a);
    let aws = Aws::default().with(bare.clone());
    let asked = ["room a", "list us-west-2"];
    assert_sees(&object, &aws, &asked, Ok(Sight::Room(bare.clone())));
    let never_held = object.but(|seen| seen.finalizers.clear());
    assert_sees(&never_held, &aws, &asked, Ok(Sight::Adoptable(bare)));
}

#[test]
fn an_adoption_that_came_to_nothing_is_void_and_can_be_made_again() {
    let a = arn("a");
    let mut object = Object::attempted(9990).adopting(&a);
    object.record.arn = Some(a.clone());
    let consents = room(&a, tags(&[(CONSENT_TAG, "prod/")]));
    let aws = Aws::default().with(consents.clone());
    let asked = ["room a", "list us-west-2"];
    assert_sees(&object, &aws, &asked, Ok(Sight::Adoptable(consents)));
    // It is not wanted any more: what may come of it is waited for.
    object.seen.spec.as_mut().unwrap().adopt = None;
    let asked = ["room a", "list us-west-2 since 9998, updated since 9980"];
    assert_waits(&object, &aws, &asked, Reason::CreationPending, 10_090);
}

#[test]
fn a_room_that_was_only_observed_does_not_stand_in_the_way_of_one_of_its_own() {
    let a = arn("a");
    // To every object of the cluster, not to this one alone: nobody has released it.
    let consents = room(&a, tags(&[(CONSENT_TAG, "prod/")]));
    let aws = Aws::default().with(consents);
    let asked = ["room a", "list us-west-2"];
    assert_sees(&Object::recorded(&a), &aws, &asked, Ok(Sight::Absent));
}

#[test]
fn nothing_is_asked_where_it_makes_no_difference() {
    let observed = |seen: &mut Seen| {
        seen.deleted_at = Some(at(9999));
        seen.observes = true;
    };
    let unreadable = |seen: &mut Seen| {
        seen.deleted_at = Some(at(9999));
        seen.may_observe = true;
    };
    for object in [
        Object::new().but(|seen| seen.deleted_at = Some(at(9999))),
        Object::default().but(observed),
        Object::default().but(|seen| seen.pause = Some(Pause::Asked)),
        // Nobody knows whether it only observes: not even what was tried may be looked after.
        Object::attempted(9800).but(unreadable),
        Object::attempted(9800)
            .but(|seen| seen.may_observe = true)
            .leaving(),
    ] {
        assert_sees(&object, &Aws::default(), &[], Ok(Sight::Unneeded));
    }
    // What was tried before may have come to something.
    let attempted = Object::attempted(9800).but(observed);
    let asked = ["list us-west-2 since 9999, complete, updated since 9790"];
    assert_sees(&attempted, &Aws::default(), &asked, Ok(Sight::Absent));
}

// --- other rooms of the object --------------------------------------------------------------------------------------

#[test]
fn other_rooms_are_looked_at_once_the_status_names_the_one_that_is_kept_and_until_they_are_told_of()
{
    let (a, b) = (arn("a"), arn("b"));
    let mut aws = Aws::default().with(own(&a)).with(own(&b));
    aws.known = vec![a.clone(), b.clone()];
    let others = |object: &Object| {
        let (asked, look) = object.look(&aws);
        assert_eq!(look.sight, Ok(Sight::Room(own(&a))));
        (asked, look.others)
    };
    let another = |shown| {
        vec![Another {
            arn: b.clone(),
            shown,
        }]
    };
    let mut object = Object::recorded(&a);
    let unnamed = (vec!["room a".to_owned()], another(None));
    assert_eq!(others(&object), unnamed);
    object.seen.status.arn = Some(a.to_string());
    let both = || vec!["room a".to_owned(), "room b".to_owned()];
    let looked_at = (both(), another(Some(Ok(Some(own(&b))))));
    assert_eq!(others(&object), looked_at);
    // One that is let go gives up every room, told of or not.
    object.recall.twins.insert(b.clone());
    assert_eq!(others(&object), (vec!["room a".to_owned()], Vec::new()));
    object.seen.status.arn = None;
    assert_eq!(others(&object.clone().leaving()), looked_at);
    let observing = object.but(|seen| seen.observes = true);
    assert_eq!(others(&observing), (vec!["room a".to_owned()], Vec::new()));
}

// --- records that somebody has edited -------------------------------------------------------------------------------

#[test]
fn credentials_of_another_account_than_the_records_are_told_from_an_edited_record() {
    let (elsewhere, b) = (arn_in("999999999999", HOME, "a"), arn("b"));
    let object = Object::recorded(&elsewhere);
    let aws = Aws::default().with(own(&b));
    assert_sees(
        &object,
        &aws,
        &["list us-west-2"],
        Err(FailureClass::AccountMismatch),
    );
    let aws = aws.listing(HOME, from_ref(&b), &[]);
    let (asked, look) = object.look(&aws);
    assert_eq!(asked, ["list us-west-2", "room b"]);
    assert_eq!(
        (look.record.arn, look.sight),
        (Some(b.clone()), Ok(Sight::Room(own(&b))))
    );

    let unlisted = Aws::default().unlisted(HOME, FailureClass::Unavailable);
    assert_sees(
        &object,
        &unlisted,
        &["list us-west-2"],
        Err(FailureClass::Unavailable),
    );
    let retained = object
        .but(|seen| seen.deletion_policy = Some(DeletionPolicy::Retain))
        .leaving();
    assert_sees(
        &retained,
        &unlisted,
        &["list us-west-2"],
        Err(FailureClass::AccountMismatch),
    );
}

#[test]
fn only_a_region_that_may_be_told_later_or_a_room_that_is_to_stay_keeps_an_account_from_being_refused()
 {
    let elsewhere = arn_in("999999999999", HOME, "a");
    let denied = Aws::default().unlisted(HOME, FailureClass::Denied);
    let down = Aws::default().unlisted(HOME, FailureClass::Unavailable);
    let kept = Object::recorded(&elsewhere);
    let retained = |seen: &mut Seen| seen.deletion_policy = Some(DeletionPolicy::Retain);
    for (object, aws, class) in [
        (kept.clone(), &denied, FailureClass::AccountMismatch),
        (kept.clone(), &down, FailureClass::Unavailable),
        (kept.clone().but(retained), &down, FailureClass::Unavailable),
        (kept.clone().leaving(), &down, FailureClass::Unavailable),
        (
            kept.but(retained).leaving(),
            &down,
            FailureClass::AccountMismatch,
        ),
    ] {
        assert_sees(&object, aws, &["list us-west-2"], Err(class));
    }
}

#[test]
fn a_room_that_the_list_shows_as_the_objects_and_get_room_as_anothers_is_neither() {
    let a = arn("a");
    let aws = Aws::default()
        .with(foreign(&a))
        .listing(HOME, from_ref(&a), &[]);
    let asked = [
        "list us-west-2",
        "room a",
        "list us-west-2 since 10000 again",
        "room a",
    ];
    assert_sees(&Object::new(), &aws, &asked, Err(FailureClass::NotFound));
}

#[test]
fn a_room_that_was_the_objects_and_consents_again_can_be_adopted_again() {
    let a = arn("a");
    let consents = room(&a, tags(&[(CONSENT_TAG, "prod/")]));
    let aws = Aws::default().with(consents.clone());
    let object = Object::recorded(&a).adopting(&a);
    let asked = ["room a", "list us-west-2"];
    assert_sees(&object, &aws, &asked, Ok(Sight::Adoptable(consents)));
}

#[test]
fn beside_a_room_of_somebody_else_no_other_room_is_looked_for() {
    let (a, b) = (arn("a"), arn("b"));
    let mut aws = Aws::default().with(foreign(&a)).with(own(&b));
    aws.known = vec![b];
    let (_, look) = Object::recorded(&a).look(&aws);
    assert_eq!(
        (look.sight, look.others),
        (Ok(Sight::Room(foreign(&a))), Vec::new())
    );
}

#[test]
fn of_an_arn_and_a_region_that_disagree_the_room_itself_tells_which_is_right() {
    let a = arn_in(ACCOUNT, ABROAD, "a");
    let mut object = Object::recorded(&a);
    object.record.region = Some(HOME.to_owned());
    let aws = Aws::default().with(own(&a));
    let (asked, look) = object.look(&aws);
    assert_eq!(asked, ["room a"]);
    assert_eq!(look.record.region.as_deref(), Some(ABROAD));
    assert_eq!(look.sight, Ok(Sight::Room(own(&a))));
    // Else the ARN is worth nothing.
    let (asked, look) = object.look(&Aws::default().with(foreign(&a)));
    assert_eq!(asked, ["room a", "list us-west-2"]);
    assert_eq!((look.record.arn, look.sight), (None, Ok(Sight::Absent)));
    // Whatever else is wrong with the object.
    object.seen.spec.as_mut().unwrap().name = Some(String::new());
    let (_, look) = object.look(&Aws::default().with(own(&a)));
    let class = look.sight.map_err(|(failure, _)| failure.class);
    assert_eq!(class, Err(FailureClass::Unparseable));
    assert_eq!(look.record.region.as_deref(), Some(ABROAD));
    let dead = Aws::default().failing(&a, FailureClass::Unavailable);
    assert_sees(
        &object,
        &dead,
        &["room a", "list us-west-2"],
        Err(FailureClass::Unavailable),
    );
}

// --- whatever AWS answers -------------------------------------------------------------------------------------------

fn some_room() -> impl Strategy<Value = Result<Option<Tags>, FailureClass>> {
    prop_oneof![
        Just(Ok(None)),
        Just(Err(FailureClass::Unavailable)),
        Just(Ok(Some(identity().tags()))),
        Just(Ok(Some(tags(&[(CREATION_TAG, "uid-0")])))),
        Just(Ok(Some(tags(&[(CONSENT_TAG, "prod/live/lobby")])))),
        Just(Ok(Some(tags(&[(OWNER_TAG, "prod/live/other")])))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_ends_after_few_questions_and_shows_only_rooms_that_get_room_showed(
        shown in prop::collection::vec(some_room(), 3),
        lists in prop::collection::vec((any::<[bool; 3]>(), any::<[bool; 3]>()), 0..4),
        recorded in prop::option::of(0..3_usize),
        adopt in prop::option::of(0..3_usize),
        missing in prop::option::of(9000..10_000_i64),
        leaving: bool,
    ) {
        let arns = [arn("a"), arn("b"), arn_in(ACCOUNT, ABROAD, "c")];
        let mut aws = Aws::default();
        for (arn, answer) in arns.iter().zip(shown) {
            match answer {
                Ok(Some(tags)) => aws = aws.with(room(arn, tags)),
                Ok(None) => {}
                Err(class) => aws = aws.failing(arn, class),
            }
        }
        let pick = |flags: [bool; 3]| -> Vec<RoomArn> {
            arns.iter().zip(flags).filter(|(_, it)| *it).map(|(arn, _)| arn.clone()).collect()
        };
        for (ours, free) in lists {
            aws = aws.listing(HOME, &pick(ours), &pick(free));
        }
        let mut object = recorded.map_or_else(Object::default, |it| Object::recorded(&arns[it]));
        if let Some(adopt) = adopt {
            object = object.adopting(&arns[adopt]);
        }
        if let (Some(at), Some(_)) = (missing, recorded) {
            object = object.missing_since(at);
        }
        if leaving {
            object = object.leaving();
        }
        // It asserts that the questions come to an end.
        let (_, seen) = object.sees(&aws);
        match seen {
            Ok(Sight::Room(found) | Sight::Adoptable(found)) => {
                prop_assert_eq!(aws.rooms.get(&found.arn), Some(&Ok(found.clone())));
            }
            Ok(Sight::Absent) => {
                let room = object.record.arn.as_ref().and_then(|arn| aws.rooms.get(arn));
                prop_assert!(!matches!(room, Some(Ok(room)) if identity().prove(&room.tags) == Proof::Ours));
            }
            Ok(Sight::Unsettled(_) | Sight::Unneeded) | Err(_) => {}
        }
    }
}
