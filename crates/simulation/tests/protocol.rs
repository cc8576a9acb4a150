//! The protocol by which an object gets its one room, checked over every order of events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeSet;

use ivschat_simulation::protocol::{
    Clock, ENDS_WELL, Faults, GONE, NOTHING_LEFT, ONE_ROOM, Protocol, READY, Rules, WriteAhead,
    story,
};
use stateright::{Checker, HasDiscoveries, Model};

/// Nothing goes wrong.
const NONE: Faults = Faults {
    handovers: 0,
    lost_answers: 0,
    wipes: 0,
    freezes: 0,
    vanished: 0,
    clock_steps: 0,
};

const TODAY: Rules = Rules::today();

/// Asserts that every property holds whatever happens in which order. Returns how many states there are.
fn states(rules: Rules, faults: Faults) -> usize {
    let model = Protocol::new(rules, faults).unwrap();
    let checker = model.checker().threads(2).spawn_bfs().join();
    assert!(checker.is_done());
    let mut found = checker.discoveries();
    for property in [ONE_ROOM, NOTHING_LEFT, ENDS_WELL] {
        if let Some(path) = found.remove(property) {
            panic!("{faults:?} breaks: {property}.\n{}", story(path));
        }
    }
    let found: BTreeSet<_> = found.into_keys().collect();
    assert_eq!(found, BTreeSet::from([GONE, READY]), "{faults:?}");
    checker.unique_state_count()
}

/// How a property breaks; `None`: it does not.
fn broken(property: &'static str, rules: Rules, faults: Faults) -> Option<String> {
    let model = Protocol::new(rules, faults).unwrap();
    let enough = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    // One thread: with more, a longer trace may come before the shortest one.
    let checker = model.checker().finish_when(enough).spawn_bfs().join();
    checker.discovery(property).map(story)
}

/// Asserts that each weakening breaks its property, and tells how.
fn assert_found(weakenings: &[(&str, &'static str, Rules, Faults)]) {
    for (weakening, property, rules, faults) in weakenings {
        let found = broken(property, *rules, *faults);
        let story = found.unwrap_or_else(|| panic!("{weakening}, and still: {property}"));
        println!("{weakening}. Broken: {property}.\n{story}");
    }
}

#[test]
fn an_object_has_one_room_and_leaves_none_whatever_two_things_go_wrong() {
    let (handovers, lost_answers, wipes, freezes, vanished, clock_steps) = (1, 1, 1, 1, 1, 1);
    #[rustfmt::skip]
    let cases = [
        (NONE, 1_485),
        (Faults { handovers, lost_answers, ..NONE }, 243_632),
        (Faults { handovers, wipes, ..NONE }, 252_244),
        (Faults { handovers, freezes, ..NONE }, 232_085),
        (Faults { lost_answers, wipes, ..NONE }, 13_649),
        (Faults { lost_answers, vanished, ..NONE }, 17_749),
        (Faults { wipes, vanished, ..NONE }, 14_709),
        (Faults { lost_answers, clock_steps, ..NONE }, 96_035),
    ];
    for (faults, expected) in cases {
        assert_eq!(states(TODAY, faults), expected, "{faults:?}");
    }
}

#[test]
#[ignore = "millions of states: `make test` runs it with optimisation"]
fn an_object_has_one_room_and_leaves_none_whatever_three_things_go_wrong() {
    let (handovers, lost_answers, wipes, freezes, vanished) = (1, 1, 1, 1, 1);
    #[rustfmt::skip]
    let cases = [
        (Faults { handovers, lost_answers, wipes, ..NONE }, 839_328),
        (Faults { handovers, wipes, freezes, ..NONE }, 766_492),
        (Faults { handovers, lost_answers, vanished, ..NONE }, 1_299_436),
        (Faults { handovers, wipes, vanished, ..NONE }, 1_128_192),
        (Faults { lost_answers, wipes, vanished, ..NONE }, 56_825),
    ];
    for (faults, expected) in cases {
        assert_eq!(states(TODAY, faults), expected, "{faults:?}");
    }
}

#[test]
fn each_weakening_of_the_rules_is_found() {
    let (handovers, lost_answers, wipes) = (1, 1, 1);
    let lost = Faults {
        lost_answers,
        ..NONE
    };
    let handed_over = Faults { handovers, ..NONE };
    let both = Faults {
        lost_answers,
        wipes,
        ..NONE
    };
    #[rustfmt::skip]
    assert_found(&[
        ("No grace", ONE_ROOM, Rules { grace: 0, ..TODAY }, lost),
        ("A grace that is a tick too short", ONE_ROOM, Rules { grace: TODAY.grace - 1, ..TODAY }, Faults { handovers, ..lost }),
        ("No attempt is noted", ONE_ROOM, Rules { write_ahead: WriteAhead::Missing, ..TODAY }, lost),
        ("The finalizer comes after the room", NOTHING_LEFT, Rules { finalizer_first: false, ..TODAY }, NONE),
        ("No fence", ONE_ROOM, Rules { fenced: false, ..TODAY }, handed_over),
        ("The SDK repeats CreateRoom", ONE_ROOM, Rules { repeats_create: true, ..TODAY }, lost),
        ("A wiped attempt is forgotten", ONE_ROOM, Rules { remembers_attempt: false, ..TODAY }, both),
        ("A room that was seen is forgotten", ONE_ROOM, Rules { remembers_seen: false, ..TODAY }, both),
        ("A room that was seen is forgotten", NOTHING_LEFT, Rules { remembers_seen: false, ..TODAY }, both),
        ("Times are those of the machine's clock", ONE_ROOM, Rules { clock: Clock::Wall, ..TODAY }, Faults { clock_steps: 1, ..lost }),
        ("A new leader trusts an empty status", ONE_ROOM, Rules { minds_handover: false, ..TODAY }, Faults { handovers, ..both }),
    ]);
}

#[test]
#[ignore = "many states before it is found: `make test` runs it with optimisation"]
fn an_attempt_that_is_noted_without_precondition_is_found() {
    let (handovers, lost_answers) = (2, 1);
    let blind = Rules {
        write_ahead: WriteAhead::Blind,
        ..TODAY
    };
    let faults = Faults {
        handovers,
        lost_answers,
        ..NONE
    };
    assert_found(&[("No precondition", ONE_ROOM, blind, faults)]);
}
