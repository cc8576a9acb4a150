//! Chat tokens and what is sent to a room's clients.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn token(stage: &mut Stage, request: CreateChatToken) -> (String, Timestamp, Timestamp) {
    match stage.call(Call::CreateChatToken(request)) {
        Ok(Answer::ChatToken {
            token,
            token_expiration_time,
            session_expiration_time,
        }) => (token, token_expiration_time, session_expiration_time),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_chat_token_stands_for_a_user_their_capabilities_and_attributes_for_a_minute() {
    let mut stage = Stage::new();
    let room = stage.named("lobby");
    let attributes = BTreeMap::from([("name".to_owned(), "Ada".to_owned())]);
    let request = CreateChatToken {
        room_identifier: room.arn.clone(),
        user_id: "ada".to_owned(),
        capabilities: Some(vec![Capability::SendMessage, Capability::DeleteMessage]),
        session_duration_in_minutes: Some(180),
        attributes: Some(attributes.clone()),
    };
    let (secret, token_ends, session_ends) = token(&mut stage, request);
    let held = ChatToken {
        room: room.arn.clone(),
        user_id: "ada".to_owned(),
        capabilities: vec![Capability::SendMessage, Capability::DeleteMessage],
        attributes,
        token_expiration_time: stage.now + 1.minute(),
        session_expiration_time: stage.now + 180.minutes(),
    };
    assert_eq!(
        (token_ends, session_ends),
        (held.token_expiration_time, held.session_expiration_time)
    );
    assert_eq!(stage.world.chat_token(&secret, stage.now), Some(&held));
    let last = token_ends - 1.nanosecond();
    assert_eq!(stage.world.chat_token(&secret, last), Some(&held));
    assert_eq!(stage.world.chat_token(&secret, token_ends), None);
    assert_eq!(stage.world.chat_token("nonsense", stage.now), None);
}

#[test]
fn a_chat_token_lets_in_for_a_minute_whatever_the_clock_shows() {
    for hours in [-2, 2] {
        let mut stage = Stage::new();
        let request = CreateChatToken {
            room_identifier: stage.named("lobby").arn,
            user_id: "ada".to_owned(),
            ..CreateChatToken::default()
        };
        let (now, skew) = (stage.now, SignedDuration::from_hours(hours));
        let call = Call::CreateChatToken(request);
        let Ok(Answer::ChatToken {
            token,
            token_expiration_time,
            ..
        }) = stage.world.call_with_skew(&stage.scope, call, now, skew)
        else {
            panic!("no token");
        };
        assert_eq!(token_expiration_time, now + skew + 1.minute());
        assert!(stage.world.chat_token(&token, now + 59.seconds()).is_some());
        assert_eq!(stage.world.chat_token(&token, now + 1.minute()), None);
    }
}

#[test]
fn a_chat_token_of_few_words_may_only_read_for_an_hour() {
    let mut stage = Stage::new();
    let room = stage.named("lobby");
    let request = CreateChatToken {
        room_identifier: room.arn,
        user_id: "ada".to_owned(),
        ..CreateChatToken::default()
    };
    let (secret, ..) = token(&mut stage, request);
    let held = stage.world.chat_token(&secret, stage.now).unwrap();
    assert_eq!(held.capabilities, []);
    assert_eq!(held.attributes, BTreeMap::new());
    assert_eq!(held.session_expiration_time, stage.now + 60.minutes());
}

#[test]
fn no_two_chat_tokens_are_alike_and_another_seed_gives_others() {
    let mut tokens = BTreeSet::new();
    for seed in [1, 2] {
        let mut stage = Stage::new();
        stage.world = World::new(Settings::default(), seed);
        let room = stage.named("lobby");
        for _ in 0..100 {
            let request = CreateChatToken {
                room_identifier: room.arn.clone(),
                user_id: "ada".to_owned(),
                ..CreateChatToken::default()
            };
            let (secret, ..) = token(&mut stage, request);
            // 256 bits in base64 without padding.
            assert_eq!(secret.len(), 43, "{secret}");
            assert!(tokens.insert(secret));
        }
    }
}

#[test]
fn events_and_deleted_messages_get_ids_and_a_disconnected_user_none() {
    let mut stage = Stage::new();
    let room_identifier = stage.named("lobby").arn;
    let event = Call::SendEvent(SendEvent {
        room_identifier: room_identifier.clone(),
        event_name: "goal".to_owned(),
        attributes: None,
    });
    let message = Call::DeleteMessage(DeleteMessage {
        room_identifier: room_identifier.clone(),
        id: "AbCdEfGhIjKl".to_owned(),
        reason: None,
    });
    let mut ids = BTreeSet::new();
    for call in [event.clone(), event, message.clone(), message] {
        let Ok(Answer::Sent { id }) = stage.call(call) else {
            panic!("no id");
        };
        assert!(
            id.len() == 12 && id.chars().all(|c| c.is_ascii_alphanumeric()),
            "{id}"
        );
        assert!(ids.insert(id));
    }
    let user = Call::DisconnectUser(DisconnectUser {
        room_identifier,
        user_id: "ada".to_owned(),
        reason: None,
    });
    assert_eq!(stage.call(user), Ok(Answer::Empty {}));
}

#[test]
fn nothing_is_sent_to_a_room_that_is_not_there_or_another_accounts() {
    let mut stage = Stage::new();
    let missing = ARN.to_owned();
    let other = ARN.replace("123456789012", "210987654321");
    for (arn, status, code) in [
        (missing, 404, "ResourceNotFoundException"),
        (other, 403, "AccessDeniedException"),
    ] {
        for call in [
            Call::CreateChatToken(CreateChatToken {
                room_identifier: arn.clone(),
                user_id: "ada".to_owned(),
                ..CreateChatToken::default()
            }),
            Call::SendEvent(SendEvent {
                room_identifier: arn.clone(),
                event_name: "goal".to_owned(),
                attributes: None,
            }),
            Call::DeleteMessage(DeleteMessage {
                room_identifier: arn.clone(),
                id: "AbCdEfGhIjKl".to_owned(),
                reason: None,
            }),
            Call::DisconnectUser(DisconnectUser {
                room_identifier: arn.clone(),
                user_id: "ada".to_owned(),
                reason: None,
            }),
        ] {
            let operation = call.operation();
            let error = stage.call(call).unwrap_err();
            assert_eq!(refused(error), (status, code.to_owned()), "{operation:?}");
        }
    }
}
