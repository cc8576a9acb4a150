use jiff::SignedDuration;

use super::*;
use crate::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG};
use crate::api::{Adopt, DeletionPolicy};
use crate::room::case::{Policies, Task};
use crate::room::correction::NewRoom;
use crate::room::recall::{Deleted, Recall};
use crate::room::sample::{self, arn, identity, policies, room, tags};
use crate::room::search::Unsettled;
use crate::room::seen::Seen;
use crate::room::{DesiredRoom, Tags};

/// An object, and what is remembered of it.
#[derive(Clone)]
struct Object {
    seen: Seen,
    recall: Recall,
    policies: Policies,
    task: Task,
}

/// The object of every test here, without any field.
fn lobby() -> Object {
    Object {
        seen: sample::seen(),
        recall: Recall::default(),
        policies: policies(),
        task: Task::Follow,
    }
}

impl Object {
    fn but(mut self, change: fn(&mut Seen)) -> Self {
        change(&mut self.seen);
        self
    }

    fn observing() -> Self {
        lobby().but(|seen| seen.observes = true)
    }

    fn deleted() -> Self {
        lobby().but(|seen| seen.deleted_at = Some(Timestamp::UNIX_EPOCH))
    }

    fn retained(self) -> Self {
        self.but(|seen| seen.deletion_policy = Some(DeletionPolicy::Retain))
    }

    fn released() -> Self {
        Self {
            task: Task::Release,
            ..lobby()
        }
    }

    fn decides_on(&self, look: Look) -> Plan {
        let (now, alone) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let case = Case::of(
            self.task,
            &self.seen,
            &self.recall,
            &self.policies,
            alone,
            now,
        );
        decide(&case, look)
    }

    fn decides(&self, sight: Sight) -> Plan {
        self.decides_on(looked(Ok(sight)))
    }

    /// The steps, and the class of what is wrong.
    fn does(&self, sight: Sight) -> (Vec<Step>, Option<FailureClass>) {
        let plan = self.decides(sight);
        let class = class(&plan);
        (plan.steps, class)
    }
}

fn looked(sight: Result<Sight, (Failure, Knowledge)>) -> Look {
    Look {
        account: Some("123456789012".to_owned()),
        record: Record::default(),
        sight,
        others: Vec::new(),
        behind: false,
    }
}

fn looked_at(sight: Sight) -> Look {
    looked(Ok(sight))
}

fn class(plan: &Plan) -> Option<FailureClass> {
    match &plan.outcome {
        Outcome::Stays {
            verdict: Verdict::Failed { failure, .. },
            ..
        } => Some(failure.class),
        _ => None,
    }
}

fn ours() -> ActualRoom {
    room(&arn("a"), identity().tags())
}

fn foreign() -> ActualRoom {
    room(&arn("a"), tags(&[(OWNER_TAG, "prod/live/other")]))
}

fn let_go_before() -> ActualRoom {
    room(&arn("a"), tags(&[(CONSENT_TAG, "prod/live/lobby")]))
}

fn bare() -> ActualRoom {
    room(&arn("a"), Tags::new())
}

fn unsettled(reason: Reason) -> Unsettled {
    Unsettled {
        reason,
        message: "as this test says".to_owned(),
        until: Timestamp::UNIX_EPOCH,
    }
}

fn bind(room: ActualRoom) -> Step {
    let touched = Vec::new();
    Step::Bind { room, touched }
}

/// The room as an object without any field describes it.
fn desired() -> DesiredRoom {
    lobby().decides(Sight::Absent).desired.unwrap()
}

// --- an object that is wanted ---------------------------------------------------------------------------------------

#[test]
fn an_object_keeps_its_own_room_makes_one_where_none_is_and_touches_no_other() {
    let kept = (vec![Step::Hold, bind(ours())], None);
    assert_eq!(lobby().does(Sight::Room(ours())), kept);
    let new = NewRoom {
        room: desired(),
        tags: identity().tags(),
    };
    let home = || "us-west-2".to_owned();
    let ahead = Step::WriteAhead {
        region: home(),
        adopts: None,
    };
    let made = [
        Step::Hold,
        Step::Admit(home()),
        ahead,
        Step::Create(new),
        Step::WriteRoom,
    ];
    assert_eq!(lobby().does(Sight::Absent), (made.to_vec(), None));
    for (room, class) in [
        (foreign(), FailureClass::Foreign),
        (bare(), FailureClass::OwnershipLost),
    ] {
        assert_eq!(lobby().does(Sight::Room(room)), (Vec::new(), Some(class)));
    }
    for reason in [Reason::NotFound, Reason::CreationPending] {
        let plan = lobby().decides(Sight::Unsettled(unsettled(reason)));
        let message = "as this test says".to_owned();
        let until = When::By(Timestamp::UNIX_EPOCH, FailureClass::NotFound);
        assert_eq!(
            plan,
            Plan {
                account: plan.account.clone(),
                desired: plan.desired.clone(),
                ..Plan::waiting(reason, message, until)
            }
        );
    }
}

#[test]
fn a_room_that_consents_is_taken_over_in_steps_that_can_each_be_the_last() {
    let mut tagged = let_go_before();
    tagged.tags.extend(identity().tags());
    let taken_over = vec![
        Step::Claim(arn("a")),
        Step::Hold,
        Step::WriteAhead {
            region: "us-west-2".to_owned(),
            adopts: Some(let_go_before()),
        },
        Step::Edit(arn("a"), Edit::Tag(identity().tags())),
        Step::Offered(tagged),
    ];
    let plan = lobby().decides(Sight::Adoptable(let_go_before()));
    assert_eq!(plan.steps, taken_over);
    let verdict = under_way(Some(&let_go_before()));
    let when = When::Now;
    assert_eq!(plan.outcome, Outcome::Stays { verdict, when });
    for (room, class) in [
        (foreign(), FailureClass::Foreign),
        (bare(), FailureClass::ConsentMissing),
    ] {
        let refused = (Vec::new(), Some(class));
        assert_eq!(lobby().does(Sight::Adoptable(room)), refused);
    }
}

#[test]
fn an_attempt_that_is_under_way_says_what_is_done_and_to_which_room() {
    let pending = |reason, message: &str| Verdict::Pending {
        reason,
        message: message.to_owned(),
    };
    let made = pending(Reason::CreationPending, "CreateRoom is under way");
    assert_eq!(under_way(None), made);
    let message =
        "Room arn:aws:ivschat:us-west-2:123456789012:room/axxxxxxxxxxx is being taken over";
    assert_eq!(under_way(Some(&bare())), pending(Reason::Adopting, message));
}

#[test]
fn a_room_that_the_spec_names_is_not_taken_over_beside_another() {
    let naming = |id: &str| {
        let mut object = lobby();
        let arn = arn(id).to_string();
        let spec = object.seen.spec.as_mut().unwrap();
        spec.adopt = Some(Adopt { arn });
        spec.deletion_policy = Some(DeletionPolicy::Delete);
        object
    };
    assert_eq!(naming("a").does(Sight::Room(ours())).1, None);
    let another = (Vec::new(), Some(FailureClass::Invalid));
    assert_eq!(naming("b").does(Sight::Room(ours())), another);
}

#[test]
fn what_differs_is_changed_and_the_room_read_again_where_no_answer_shows_it() {
    let object = lobby();
    let mut renamed = ours();
    renamed.name = "other".to_owned();
    let plan = object.decides(Sight::Room(renamed.clone()));
    assert!(matches!(
        &plan.steps[..],
        [
            Step::Hold,
            Step::Bind { .. },
            Step::Edit(_, Edit::Update(_))
        ]
    ));
    assert!(matches!(plan.finding, Finding::Changed(_)));
    let mut tagged = ours();
    tagged.tags.insert("team".to_owned(), "live".to_owned());
    let plan = object.decides(Sight::Room(tagged));
    let untag = Step::Edit(arn("a"), Edit::Untag(vec!["team".to_owned()]));
    assert_eq!(plan.steps[2..], [untag, Step::ReadAgain(arn("a"))]);
}

#[test]
fn while_a_change_is_under_way_every_tag_counts_as_the_objects_that_a_call_may_have_left() {
    let mut object = lobby();
    let wanted = tags(&[("new", "1")]);
    object.seen.spec.as_mut().unwrap().tags = Some(wanted);
    let touched = |recorded: &RoomArn| {
        let mut look = looked_at(Sight::Room(ours()));
        look.record.arn = Some(recorded.clone());
        look.record.applied_tag_keys = vec!["old".to_owned()];
        let plan = object.decides_on(look);
        assert_eq!(plan.applied, Some(vec!["new".to_owned()]));
        match plan.steps.into_iter().nth(1) {
            Some(Step::Bind { touched, .. }) => touched,
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(touched(&arn("a")), ["new", "old"]);
    // What was put on another room says nothing of this one.
    assert_eq!(touched(&arn("b")), ["new"]);
}

#[test]
fn an_object_that_observes_reports_writes_nothing_to_aws_and_needs_no_finalizer() {
    let object = Object::observing();
    for sight in [Sight::Room(ours()), Sight::Adoptable(let_go_before())] {
        let plan = object.decides(sight);
        assert_eq!(plan.steps, [Step::Unhold]);
        assert_eq!(plan.record.arn, Some(arn("a")));
        let (verdict, when) = (Verdict::InSync, When::Interval);
        assert_eq!(plan.outcome, Outcome::Stays { verdict, when });
    }
    let mut renamed = ours();
    renamed.name = "other".to_owned();
    let plan = object.decides(Sight::Room(renamed));
    assert!(matches!(&plan.finding, Finding::Observed(found) if found.len() == 1));
    let nothing = (vec![Step::Void, Step::Unhold], Some(FailureClass::NotFound));
    assert_eq!(object.does(Sight::Absent), nothing);
    for (sight, class) in [
        (Sight::Room(foreign()), FailureClass::Foreign),
        (Sight::Adoptable(bare()), FailureClass::ConsentMissing),
    ] {
        assert_eq!(object.does(sight), (vec![Step::Unhold], Some(class)));
    }
    // The room of an attempt that was made before may still come.
    let mut look = looked_at(Sight::Unsettled(unsettled(Reason::CreationPending)));
    look.record.creation = Some(crate::api::Creation {
        id: String::new(),
        started_at: Timestamp::UNIX_EPOCH,
        region: "us-west-2".to_owned(),
        account: "123456789012".to_owned(),
    });
    assert_eq!(object.decides_on(look).steps, []);
}

// --- other rooms of the object --------------------------------------------------------------------------------------

/// What is done about another room of an object that was made at second 10, and whose room at second 20.
fn about(object: &Object, shown: Option<Result<Option<ActualRoom>, Failure>>) -> Plan {
    let mut object = object.clone();
    object.seen.created_at = Some(second(10));
    let kept = ActualRoom {
        create_time: Some(second(20)),
        ..ours()
    };
    let mut look = looked_at(Sight::Room(kept));
    look.others = vec![Another {
        arn: arn("b"),
        shown,
    }];
    object.decides_on(look)
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn twin(creation: &str, created: i64) -> ActualRoom {
    let owner = (OWNER_TAG, "prod/live/lobby");
    ActualRoom {
        create_time: Some(second(created)),
        ..room(&arn("b"), tags(&[owner, (CREATION_TAG, creation)]))
    }
}

/// What is done with a twin of second 30 that may go.
fn twin_goes() -> [Step; 3] {
    [
        Step::Turn(arn("b")),
        Step::Confirm(arn("a")),
        Step::Delete {
            arn: arn("b"),
            create_time: Some(second(30)),
            twin: true,
        },
    ]
}

#[test]
fn a_second_room_is_deleted_once_the_status_names_the_first_and_told_of_where_nobody_can_judge() {
    let goes = twin_goes();
    let object = lobby();
    let done = |shown| about(&object, Some(Ok(shown))).others;
    assert_eq!(done(Some(twin("uid-1", 30))), goes);
    assert_eq!(done(Some(twin("uid-1", 5))), [Step::TellOfTwin(arn("b"))]);
    assert_eq!(done(Some(twin("uid-0", 30))), [Step::TellOfTwin(arn("b"))]);
    assert_eq!(done(None), []);
    assert_eq!(done(Some(foreign())), []);
    let mut had_its_turn = lobby();
    had_its_turn.recall.deleted = Some(Deleted {
        arn: arn("b"),
        create_time: None,
    });
    let again = about(&had_its_turn, Some(Ok(Some(twin("uid-1", 30)))));
    assert_eq!(again.others, goes[1..]);
}

#[test]
fn a_second_room_that_cannot_be_judged_yet_is_come_back_for() {
    let unnamed = about(&lobby(), None);
    assert_eq!(unnamed.sooner, Some(When::Now));
    let failure = Failure::new(FailureClass::Throttled, "as this test says");
    let unread = about(&lobby(), Some(Err(failure.clone())));
    assert_eq!(unread.sooner, Some(When::Backoff(FailureClass::Throttled)));
    assert_eq!(unread.unread, Some((arn("b"), failure)));
    assert_eq!((unnamed.others, unread.others), (Vec::new(), Vec::new()));
}

// --- an object that goes, or is let go ------------------------------------------------------------------------------

#[test]
fn an_object_that_is_deleted_takes_its_own_room_along_and_waits_for_no_other() {
    let deletes = vec![
        Step::Rehearse,
        Step::Turn(arn("a")),
        Step::Delete {
            arn: arn("a"),
            create_time: None,
            twin: false,
        },
    ];
    let plan = Object::deleted().decides(Sight::Room(ours()));
    assert_eq!((plan.steps, plan.record.arn), (deletes, Some(arn("a"))));
    let plan = Object::deleted().retained().decides(Sight::Room(ours()));
    let untag = [OWNER_TAG, CREATION_TAG].map(str::to_owned).to_vec();
    let consent = tags(&[(CONSENT_TAG, "prod/live/lobby")]);
    let releases = [
        Step::Edit(arn("a"), Edit::Tag(consent)),
        Step::Edit(arn("a"), Edit::Untag(untag)),
        Step::Released(let_go_before()),
    ];
    assert_eq!(plan.steps, releases);

    let observing = Object::deleted().but(|seen| seen.observes = true);
    let (goes, stays) = (Object::deleted(), Object::deleted().retained());
    for (object, sight, why) in [
        (&observing, Sight::Room(ours()), Some(OBSERVED)),
        (&goes, Sight::Room(foreign()), Some(FOREIGN)),
        (&stays, Sight::Room(bare()), Some(FOREIGN)),
        (&stays, Sight::Room(let_go_before()), None),
        (&goes, Sight::Adoptable(let_go_before()), None),
        (&goes, Sight::Absent, None),
        (&observing, Sight::Unneeded, None),
    ] {
        let plan = object.decides(sight.clone());
        let left = why.map(|why| (arn("a"), why));
        let decided = (plan.steps, plan.outcome, plan.left);
        assert_eq!(
            decided,
            (vec![Step::LetGo], Outcome::Gone, left),
            "{sight:?}"
        );
    }
    let gone = Object::deleted().but(|seen| seen.finalizers.clear());
    let plan = gone.decides(Sight::Unneeded);
    assert_eq!((plan.steps, plan.outcome), (Vec::new(), Outcome::Gone));
}

#[test]
fn a_room_that_may_only_be_observed_is_left_and_named() {
    let observing = Object::deleted().but(|seen| seen.observes = true);
    let unreadable = Object::deleted().but(|seen| seen.may_observe = true);
    for (object, left) in [
        // Whoever only observes a room knows that it stays.
        (observing, None),
        (unreadable, Some((arn("a"), UNREADABLE))),
    ] {
        let mut look = looked(Ok(Sight::Unneeded));
        look.record.arn = Some(arn("a"));
        let plan = object.decides_on(look);
        assert_eq!(
            (plan.steps, plan.outcome, plan.left),
            (vec![Step::LetGo], Outcome::Gone, left)
        );
    }
}

#[test]
fn an_object_that_others_still_hold_says_so_instead_of_what_it_waited_for() {
    let waited = |object: Object| {
        let mut object = object.but(|seen| seen.finalizers = vec!["theirs".to_owned()]);
        let waiting = Verdict::Pending {
            reason: Reason::Deleting,
            message: "until noon".to_owned(),
        };
        let (record, now) = (Record::default(), Timestamp::UNIX_EPOCH);
        object.seen.status = status::next(&object.seen.status, &record, &waiting, 1, now);
        object
    };
    let told = |object: &Object| match object.decides(Sight::Unneeded).outcome {
        Outcome::Stays {
            verdict: Verdict::Pending { reason, message },
            when: When::Interval,
        } => (reason, message),
        outcome => panic!("{outcome:?}"),
    };
    let held = "Other finalizers still hold the object: theirs. It goes once they are removed";
    let gone = format!("No room of its own is left. {held}");
    let stays = format!("Its room stays. {held}");
    let goes = waited(Object::deleted());
    assert_eq!(told(&goes), (Reason::Deleting, gone));
    for object in [
        Object::deleted().retained(),
        Object::deleted().but(|seen| seen.observes = true),
        Object::deleted().but(|seen| seen.may_observe = true),
    ] {
        assert_eq!(told(&waited(object)), (Reason::Deleting, stays.clone()));
    }
    // The operator has had nothing to do with it.
    let others = Object::deleted().but(|seen| seen.finalizers = vec!["theirs".to_owned()]);
    assert_eq!(others.decides(Sight::Unneeded).outcome, Outcome::Gone);
}

#[test]
fn a_deletion_looks_again_early_only_where_a_room_may_still_come() {
    let epoch = Timestamp::UNIX_EPOCH;
    for (reason, when) in [
        (Reason::NotFound, When::At(epoch)),
        (
            Reason::CreationPending,
            When::By(epoch, FailureClass::NotFound),
        ),
    ] {
        let plan = Object::deleted().decides(Sight::Unsettled(unsettled(reason)));
        let verdict = Verdict::Pending {
            reason: Reason::Deleting,
            message: "as this test says".to_owned(),
        };
        assert_eq!(plan.outcome, Outcome::Stays { verdict, when });
    }
}

#[test]
fn credentials_of_another_account_hold_a_deletion_unless_the_room_is_to_stay() {
    let mismatch = || {
        let failure = Failure::new(FailureClass::AccountMismatch, "as this test says");
        let mut look = looked(Err((failure, Knowledge::Nothing)));
        look.record.arn = Some(arn("a"));
        look
    };
    let object = Object::deleted();
    let held = object.decides_on(mismatch());
    assert_eq!(class(&held), Some(FailureClass::AccountMismatch));
    let goes = object.retained().decides_on(mismatch());
    assert_eq!(goes.steps, [Step::LetGo]);
    assert_eq!(goes.left, Some((arn("a"), UNREACHED)));
}

#[test]
fn an_object_that_is_released_and_stays_gives_up_its_own_rooms_and_hides_no_other() {
    let object = Object::released();
    let last = [Step::WriteReleased, Step::Unhold];
    for sight in [
        Sight::Room(let_go_before()),
        Sight::Adoptable(let_go_before()),
        Sight::Absent,
    ] {
        assert_eq!(object.does(sight), (last.to_vec(), None));
    }
    for (room, class) in [
        (foreign(), FailureClass::Foreign),
        (bare(), FailureClass::OwnershipLost),
    ] {
        assert_eq!(object.does(Sight::Room(room)), (Vec::new(), Some(class)));
    }
    let mut look = looked_at(Sight::Room(ours()));
    look.others = vec![Another {
        arn: arn("b"),
        shown: Some(Ok(Some(twin("uid-1", 30)))),
    }];
    let plan = object.decides_on(look.clone());
    let released = plan.steps.iter().filter_map(|step| match step {
        Step::Released(room) => Some(room.arn.clone()),
        _ => None,
    });
    assert_eq!(released.collect::<Vec<_>>(), [arn("a"), arn("b")]);
    assert_eq!(plan.steps[plan.steps.len() - 2..], last);
    // The status goes on naming the room.
    assert_eq!(plan.record.arn, Some(arn("a")));
    look.others[0].shown = Some(Err(Failure::new(
        FailureClass::Throttled,
        "as this test says",
    )));
    let held = object.decides_on(look);
    assert_eq!(
        (class(&held), held.steps),
        (Some(FailureClass::Throttled), Vec::new())
    );
}

#[test]
fn what_aws_keeps_otherwise_after_a_correction_is_told_and_not_tried_again() {
    let renamed = ActualRoom {
        name: "other".to_owned(),
        ..ours()
    };
    let retagged = ActualRoom {
        tags: tags(&[(OWNER_TAG, "prod/live/lobby"), ("team", "other")])
            .into_iter()
            .chain(identity().tags())
            .collect(),
        ..renamed.clone()
    };
    let mut object = lobby();
    let Plan { finding, .. } = object.decides(Sight::Room(renamed.clone()));
    let Finding::Changed(differences) = finding else {
        panic!("{finding:?}");
    };
    object.recall.resists.clone_from(&differences);
    let plan = object.decides(Sight::Room(renamed.clone()));
    assert_eq!(plan.steps, [Step::Hold, bind(renamed)]);
    assert_eq!(plan.finding, Finding::Resists(differences.clone()));
    let told = correction::keeps_otherwise(&differences);
    assert_eq!(
        plan.outcome,
        Outcome::failed(told, Knowledge::NotAsSpecified)
    );
    // Whatever else differs is corrected, and with it what resisted before.
    let (steps, class) = object.does(Sight::Room(retagged));
    let edits = steps.iter().filter(|step| matches!(step, Step::Edit(..)));
    assert_eq!((edits.count(), class), (2, None));
}

#[test]
fn what_a_read_may_show_as_before_a_correction_is_not_corrected_again_until_a_grace_is_over() {
    let retagged = ActualRoom {
        tags: tags(&[("team", "other")])
            .into_iter()
            .chain(identity().tags())
            .collect(),
        create_time: Some(second(20)),
        ..ours()
    };
    let mut object = lobby();
    object.seen.created_at = Some(second(10));
    let mut look = looked_at(Sight::Room(retagged.clone()));
    look.record.arn = Some(arn("a"));
    let Plan { finding, .. } = object.decides_on(look.clone());
    let Finding::Changed(differences) = finding else {
        panic!("{finding:?}");
    };
    let plan_since = |object: &mut Object, since: Timestamp| {
        let known = differences.iter().map(|it| (it.clone(), Some(since)));
        object.recall.otherwise = known.collect();
        object.decides_on(look.clone())
    };
    let (now, grace) = (Timestamp::UNIX_EPOCH, policies().grace);
    let plan = plan_since(&mut object, now - grace + SignedDuration::from_secs(1));
    assert_eq!(plan.steps, [Step::Hold, bind(retagged.clone())]);
    let soon = When::At(now + SignedDuration::from_secs(1));
    assert_eq!((plan.applied, plan.sooner), (None, Some(soon)));
    let plan = plan_since(&mut object, now - grace);
    assert_eq!(plan.finding, Finding::Changed(differences.clone()));
    // Another room is deleted only while the status still names this one.
    let known = differences.iter().map(|it| (it.clone(), Some(now)));
    object.recall.otherwise = known.collect();
    look.others = vec![Another {
        arn: arn("b"),
        shown: Some(Ok(Some(twin("uid-1", 30)))),
    }];
    assert_eq!(object.decides_on(look).others, twin_goes());
}
