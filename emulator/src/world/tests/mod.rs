//! What the world answers: limits, order, paging, filters, isolation.

mod consistency;
mod limits;
mod lists;
mod logging;
mod messaging;
mod quotas;
mod restored;
mod rooms;

use jiff::ToSpan;

use super::*;

struct Stage {
    world: World,
    scope: Scope,
    now: Timestamp,
}

impl Stage {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let scope = Scope::in_region("us-west-2");
        let now = Timestamp::UNIX_EPOCH;
        let mut world = World::new(settings, 7);
        world.put_logging_configuration(&scope, "AbCdEfGhIjKl", now);
        Self { world, scope, now }
    }

    /// Each call comes a second after the one before.
    fn call(&mut self, call: Call) -> Result<Answer, ApiError> {
        self.now += 1.second();
        self.world.call(&self.scope, call, self.now)
    }

    fn create(&mut self, request: CreateRoom) -> Room {
        match self.call(Call::CreateRoom(request)) {
            Ok(Answer::Room(room)) => room,
            other => panic!("{other:?}"),
        }
    }

    fn named(&mut self, name: &str) -> Room {
        self.create(CreateRoom {
            name: Some(name.to_owned()),
            ..CreateRoom::default()
        })
    }

    fn get(&mut self, arn: &str) -> Result<Room, ApiError> {
        match self.call(Call::GetRoom {
            identifier: arn.to_owned(),
        })? {
            Answer::Room(room) => Ok(room),
            other => panic!("{other:?}"),
        }
    }

    fn update(&mut self, request: UpdateRoom) -> Result<Room, ApiError> {
        match self.call(Call::UpdateRoom(request))? {
            Answer::Room(room) => Ok(room),
            other => panic!("{other:?}"),
        }
    }

    fn tag(&mut self, arn: &str, tags: Tags) -> Result<Answer, ApiError> {
        self.call(Call::TagResource {
            resource_arn: arn.to_owned(),
            tags,
        })
    }

    fn delete(&mut self, arn: &str) -> Result<Answer, ApiError> {
        self.call(Call::DeleteRoom {
            identifier: arn.to_owned(),
        })
    }

    fn list(&mut self, request: ListRooms) -> Result<(Vec<String>, Option<String>), ApiError> {
        match self.call(Call::ListRooms(request))? {
            Answer::Rooms { rooms, next_token } => Ok((
                rooms.into_iter().map(|room| room.name).collect(),
                next_token,
            )),
            other => panic!("{other:?}"),
        }
    }
}

const ARN: &str = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl";

fn refused(error: ApiError) -> (u16, String) {
    (error.status, error.code)
}

fn tags(count: usize) -> Tags {
    (0..count)
        .map(|n| (format!("key-{n}"), String::new()))
        .collect()
}

fn refused_field(error: &ApiError) -> &str {
    assert_eq!(
        (error.status, error.code.as_str()),
        (400, "ValidationException"),
        "{error:?}"
    );
    assert_eq!(
        error.members["reason"], "FIELD_VALIDATION_FAILED",
        "{error:?}"
    );
    error.members["fieldList"][0]["name"].as_str().unwrap()
}
