//! For any desired spec and any actual room, one plan applied to the emulator's world gives the desired room, and the next
//! plan is empty. Pure: no network, no clock.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use ivschat_core::api::{
    ChatRoomSpec, FallbackResult, MessageReviewHandler as SpecHandler, TagPolicy,
};
use ivschat_core::room::correction::{
    Correction, Edit, HandlerUpdate, NewRoom, RoomUpdate, correct,
};
use ivschat_core::room::{
    ActualRoom, DesiredRoom, FailureClass, Handler, Identity, KeyPattern, Origin, Owner, TagScope,
    Tags,
};
use ivschat_emulator::world::{
    self, Answer, Call, CreateRoom, MessageReviewHandler, Room, Scope, Settings, UpdateRoom, World,
};
use jiff::{Timestamp, ToSpan};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const REGION: &str = "us-west-2";
/// The logging configurations there are, each id twelve times this.
const LOGGING_IDS: [&str; 4] = ["A", "B", "C", "D"];

fn identity() -> Identity {
    let owner = Owner {
        cluster: "prod".parse().unwrap(),
        namespace: "live".to_owned(),
        name: "lobby".to_owned(),
    };
    Identity {
        owner,
        uid: "uid-1".to_owned(),
        former: Vec::new(),
    }
}

// --- any spec, any room ------------------------------------------------------------------------------------------------

fn any_spec() -> impl Strategy<Value = ChatRoomSpec> {
    (
        option::of("[a-zA-Z0-9_-]{1,12}"),
        option::of(1..=500_i32),
        option::of(1..=100_i32),
        option::of((
            any_function(),
            option::of(prop_oneof![
                Just(FallbackResult::Allow),
                Just(FallbackResult::Deny)
            ]),
        )),
        option::of(distinct_logging()),
        option::of(btree_map(any_key(), "[a-z ]{0,5}", 0..=48)),
    )
        .prop_map(
            |(name, length, rate, handler, logging, tags)| ChatRoomSpec {
                region: None,
                name,
                maximum_message_length: length,
                maximum_message_rate_per_second: rate,
                message_review_handler: handler.map(|(uri, fallback_result)| SpecHandler {
                    uri,
                    fallback_result,
                }),
                logging_configuration_identifiers: logging,
                tags,
                ..ChatRoomSpec::default()
            },
        )
}

/// A room with our proof and anything else that AWS lets a room have.
fn any_room() -> impl Strategy<Value = CreateRoom> {
    let proof = prop_oneof![
        Just(identity().tags()),
        // Someone took one of the two away, or the object was made anew under the same name.
        Just(one_of_our_tags("ivschat-operator.io/owner")),
        Just(one_of_our_tags("ivschat-operator.io/creation")),
        Just({
            let mut tags = identity().tags();
            tags.insert(
                "ivschat-operator.io/creation".to_owned(),
                "uid-0".to_owned(),
            );
            tags
        }),
    ];
    (
        option::of("[a-zA-Z0-9_-]{0,12}"),
        option::of(1..=500_i32),
        option::of(1..=100_i32),
        option::of((
            option::of(prop_oneof![Just(String::new()), any_function()]),
            option::of(any_fallback()),
        )),
        option::of(vec(any_logging(), 0..=3)),
        btree_map(any_room_key(), "[a-z ]{0,5}", 0..=48),
        proof,
    )
        .prop_map(|(name, length, rate, handler, logging, mut tags, proof)| {
            tags.extend(proof);
            CreateRoom {
                name,
                maximum_message_length: length,
                maximum_message_rate_per_second: rate,
                message_review_handler: handler.map(|(uri, fallback_result)| {
                    MessageReviewHandler {
                        uri,
                        fallback_result,
                    }
                }),
                tags: Some(tags),
                logging_configuration_identifiers: logging,
            }
        })
}

fn one_of_our_tags(key: &str) -> BTreeMap<String, String> {
    identity()
        .tags()
        .into_iter()
        .filter(|(own, _)| own == key)
        .collect()
}

fn any_settings() -> impl Strategy<Value = Settings> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(tagging, idle, empty)| Settings {
        tagging_moves_update_time: tagging,
        idle_update_moves_update_time: idle,
        detached_handler_is_empty_object: empty,
        ..Settings::default()
    })
}

fn any_function() -> impl Strategy<Value = String> {
    "[a-c]".prop_map(|name| {
        format!(
            "arn:aws:lambda:{REGION}:{}:function:{name}",
            world::DEFAULT_ACCOUNT
        )
    })
}

fn any_fallback() -> impl Strategy<Value = world::FallbackResult> {
    prop_oneof![
        Just(world::FallbackResult::Allow),
        Just(world::FallbackResult::Deny)
    ]
}

fn any_logging() -> impl Strategy<Value = String> {
    select(&LOGGING_IDS[..]).prop_map(logging)
}

/// In any order, each once.
fn distinct_logging() -> impl Strategy<Value = Vec<String>> {
    let ids = subsequence(&LOGGING_IDS[..], 0..=3).prop_shuffle();
    ids.prop_map(|ids| ids.into_iter().map(logging).collect())
}

fn logging(id: &str) -> String {
    let account = world::DEFAULT_ACCOUNT;
    let id = id.repeat(12);
    format!("arn:aws:ivschat:{REGION}:{account}:logging-configuration/{id}")
}

/// Those of specs, and some that specs may be told to leave alone.
fn any_room_key() -> impl Strategy<Value = String> {
    prop_oneof![3 => any_key(), 1 => "p[0-9]{1,2}"]
}

/// What is the object's of a room's tags.
#[derive(Debug, Clone)]
struct Whose {
    policy: TagPolicy,
    applied: Vec<String>,
    ignored: Vec<KeyPattern>,
}

impl Whose {
    fn scope(&self) -> TagScope<'_> {
        TagScope {
            policy: self.policy,
            applied: &self.applied,
            ignored: &self.ignored,
        }
    }

    /// Said once more, in other words than the operator's.
    fn keeps(&self, key: &str) -> bool {
        let ignored = !self.ignored.is_empty() && key.starts_with('p');
        let others = self.policy == TagPolicy::Additive && !self.applied.iter().any(|it| it == key);
        !key.starts_with("ivschat-operator.io/") && (ignored || others)
    }
}

fn any_whose() -> impl Strategy<Value = Whose> {
    let policy = prop_oneof![Just(TagPolicy::Exclusive), Just(TagPolicy::Additive)];
    (policy, vec(any_room_key(), 0..20), any::<bool>()).prop_map(|(policy, applied, ignores)| {
        Whose {
            policy,
            applied,
            ignored: if ignores {
                vec!["p*".parse().unwrap()]
            } else {
                Vec::new()
            },
        }
    })
}

/// Few enough that spec and room often share some.
fn any_key() -> impl Strategy<Value = String> {
    "[k-n][0-9]{1,2}"
}

// --- between the domain and the world ------------------------------------------------------------------------------------

struct Stage {
    world: World,
    scope: Scope,
    now: Timestamp,
}

impl Stage {
    fn new(settings: Settings) -> Self {
        let scope = Scope::in_region(REGION);
        let now = Timestamp::UNIX_EPOCH;
        let mut world = World::new(settings, 1);
        for id in LOGGING_IDS {
            world.put_logging_configuration(&scope, &id.repeat(12), now);
        }
        Self { world, scope, now }
    }

    fn call(&mut self, call: Call) -> Answer {
        self.now += 1.second();
        let shown = format!("{call:?}");
        self.world
            .call(&self.scope, call, self.now)
            .unwrap_or_else(|error| panic!("{shown}: {error:?}"))
    }

    fn room(&self) -> Option<Room> {
        let rooms = self.world.rooms(&self.scope);
        assert!(rooms.len() <= 1, "{rooms:#?}");
        rooms.into_iter().next()
    }

    fn apply(&mut self, plan: Correction) {
        match plan {
            Correction::None => {}
            Correction::Create(new) => drop(self.call(Call::CreateRoom(create(new)))),
            Correction::Change(change) => {
                let arn = self.room().unwrap().arn;
                for step in change.steps {
                    let resource_arn = arn.clone();
                    self.call(match step {
                        Edit::Tag(tags) => Call::TagResource { resource_arn, tags },
                        Edit::Untag(tag_keys) => Call::UntagResource {
                            resource_arn,
                            tag_keys,
                        },
                        Edit::Update(changes) => Call::UpdateRoom(update(arn.clone(), changes)),
                    });
                    // At no moment may someone look and take the room for nobody's.
                    let tags = self.room().unwrap().tags;
                    assert!(
                        identity().prove(&tags) == ivschat_core::room::Proof::Ours,
                        "{tags:?}"
                    );
                }
            }
        }
    }
}

fn create(NewRoom { room, tags }: NewRoom) -> CreateRoom {
    CreateRoom {
        name: Some(room.name),
        maximum_message_length: Some(room.maximum_message_length),
        maximum_message_rate_per_second: Some(room.maximum_message_rate_per_second),
        message_review_handler: room.message_review_handler.map(attach),
        tags: Some(tags),
        logging_configuration_identifiers: Some(room.logging_configuration_identifiers),
    }
}

fn update(identifier: String, update: RoomUpdate) -> UpdateRoom {
    UpdateRoom {
        identifier,
        name: update.name,
        maximum_message_length: update.maximum_message_length,
        maximum_message_rate_per_second: update.maximum_message_rate_per_second,
        message_review_handler: update.message_review_handler.map(|handler| match handler {
            HandlerUpdate::Attach(handler) => attach(handler),
            HandlerUpdate::Detach => MessageReviewHandler {
                uri: Some(String::new()),
                fallback_result: None,
            },
        }),
        logging_configuration_identifiers: update.logging_configuration_identifiers,
    }
}

fn attach(handler: Handler) -> MessageReviewHandler {
    let fallback_result = match handler.fallback_result {
        FallbackResult::Allow => world::FallbackResult::Allow,
        FallbackResult::Deny => world::FallbackResult::Deny,
    };
    MessageReviewHandler {
        uri: Some(handler.uri),
        fallback_result: Some(fallback_result),
    }
}

fn observe(room: Room) -> ActualRoom {
    let handler = room.message_review_handler.and_then(|handler| {
        let fallback_result = match handler.fallback_result {
            Some(world::FallbackResult::Deny) => FallbackResult::Deny,
            _ => FallbackResult::Allow,
        };
        handler
            .uri
            .filter(|uri| !uri.is_empty())
            .map(|uri| Handler {
                uri,
                fallback_result,
            })
    });
    ActualRoom {
        arn: room.arn.parse().unwrap(),
        name: room.name,
        maximum_message_length: room.maximum_message_length,
        maximum_message_rate_per_second: room.maximum_message_rate_per_second,
        message_review_handler: handler,
        logging_configuration_identifiers: room.logging_configuration_identifiers,
        tags: room.tags,
        create_time: Some(room.create_time),
        update_time: Some(room.update_time),
    }
}

// --- the property --------------------------------------------------------------------------------------------------------

fn converges(
    spec: &ChatRoomSpec,
    room: Option<CreateRoom>,
    system_tags: &BTreeMap<String, String>,
    settings: Settings,
    whose: &Whose,
) {
    let origin = Origin {
        name: "lobby",
        default_region: REGION,
        fixed_region: None,
        default_tags: &Tags::new(),
        ignored_tags: &[],
    };
    let desired =
        DesiredRoom::try_from((spec, origin)).unwrap_or_else(|violations| panic!("{violations}"));
    let mut stage = Stage::new(settings);
    if let Some(room) = room {
        stage.call(Call::CreateRoom(room));
        let arn = stage.room().unwrap().arn;
        for (key, value) in system_tags {
            assert!(
                stage
                    .world
                    .set_system_tag(&stage.scope.clone(), &arn, key, value, stage.now)
            );
        }
    }
    let existed = stage.room();
    let look = |stage: &Stage| stage.room().map(observe);

    let found = existed.iter().flat_map(|room| room.tags.clone());
    let mut tags: Tags = found.filter(|(key, _)| whose.keeps(key)).collect();
    tags.retain(|key, _| !key.starts_with("aws:"));
    tags.extend(desired.tags.clone());
    tags.extend(identity().tags());
    let planned = correct(&desired, look(&stage).as_ref(), &identity(), whose.scope());
    let first = match planned {
        Ok(first) => first,
        Err(failure) => {
            assert_eq!(failure.class, FailureClass::TagQuota, "{failure}");
            assert!(tags.len() > 50, "{} tags fit: {failure}", tags.len());
            return;
        }
    };
    assert!(tags.len() <= 50, "{} tags", tags.len());
    stage.apply(first);
    let reached = stage.room().unwrap();
    assert_eq!(
        correct(&desired, look(&stage).as_ref(), &identity(), whose.scope()),
        Ok(Correction::None),
        "the next plan is empty"
    );

    let actual = observe(reached.clone());
    assert_eq!(actual.name, desired.name);
    assert_eq!(
        actual.maximum_message_length,
        desired.maximum_message_length
    );
    assert_eq!(
        actual.maximum_message_rate_per_second,
        desired.maximum_message_rate_per_second
    );
    assert_eq!(
        actual.message_review_handler,
        desired.message_review_handler
    );
    let set = |arns: &[String]| arns.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        set(&actual.logging_configuration_identifiers),
        set(&desired.logging_configuration_identifiers)
    );
    if let Some(existed) = existed {
        assert_eq!(reached.arn, existed.arn, "the same room");
        tags.extend(system_tags.clone());
    }
    assert_eq!(actual.tags, tags);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_room_becomes_the_desired_one_in_one_pass_and_then_needs_nothing(
        spec in any_spec(),
        room in option::weighted(0.9, any_room()),
        system_tags in btree_map("aws:[a-c]", "[a-z]{0,3}", 0..3),
        settings in any_settings(),
        whose in any_whose(),
    ) {
        converges(&spec, room, &system_tags, settings, &whose);
    }
}
