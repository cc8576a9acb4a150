//! The room of one ChatRoom in IVS Chat.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ivschat::operation::delete_room::DeleteRoomError;
use aws_sdk_ivschat::operation::get_room::{GetRoomError, GetRoomOutput};
use aws_sdk_ivschat::types::{FallbackResult, MessageReviewHandler};
use aws_sdk_ivschat::{Client, Error};
use ivschat_core::api::{self, ChatRoom, limits};
use kube::ResourceExt;

const OWNER_TAG: &str = "rival-owner";

/// What the room should be, with IVS Chat's defaults filled in.
struct Desired {
    name: String,
    message_length: i32,
    message_rate: i32,
    /// ARN of the function, and what happens when it fails.
    handler: Option<(String, FallbackResult)>,
    logging: BTreeSet<String>,
    tags: BTreeMap<String, String>,
}

impl Desired {
    fn of(object: &ChatRoom) -> Self {
        let spec = &object.spec;
        let owner = format!(
            "{}/{}",
            object.namespace().unwrap_or_default(),
            object.name_any()
        );
        let mut tags = spec.tags.clone().unwrap_or_default();
        tags.insert(OWNER_TAG.to_owned(), owner);
        Self {
            name: spec.name.clone().unwrap_or_else(|| object.name_any()),
            message_length: spec
                .maximum_message_length
                .unwrap_or(limits::MESSAGE_LENGTH_DEFAULT),
            message_rate: spec
                .maximum_message_rate_per_second
                .unwrap_or(limits::MESSAGE_RATE_DEFAULT),
            handler: spec.message_review_handler.as_ref().map(|handler| {
                let fallback = match handler.fallback_result {
                    Some(api::FallbackResult::Deny) => FallbackResult::Deny,
                    _ => FallbackResult::Allow,
                };
                (handler.uri.clone(), fallback)
            }),
            logging: spec
                .logging_configuration_identifiers
                .iter()
                .flatten()
                .cloned()
                .collect(),
            tags,
        }
    }

    fn sdk_handler(&self) -> Option<MessageReviewHandler> {
        self.handler.as_ref().map(|(uri, fallback)| {
            MessageReviewHandler::builder()
                .uri(uri)
                .fallback_result(fallback.clone())
                .build()
        })
    }
}

/// Creates the room, or corrects the one that is recorded. Returns its ARN.
pub(crate) async fn apply(
    client: &Client,
    object: &ChatRoom,
    recorded: Option<&str>,
) -> Result<String, Error> {
    let desired = Desired::of(object);
    let Some(arn) = recorded else {
        return create(client, &desired).await;
    };
    match client.get_room().identifier(arn).send().await {
        Ok(room) => {
            correct(client, arn, &desired, &room).await?;
            Ok(arn.to_owned())
        }
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetRoomError::is_resource_not_found_exception) =>
        {
            create(client, &desired).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn create(client: &Client, desired: &Desired) -> Result<String, Error> {
    let room = client
        .create_room()
        .name(&desired.name)
        .maximum_message_length(desired.message_length)
        .maximum_message_rate_per_second(desired.message_rate)
        .set_message_review_handler(desired.sdk_handler())
        .set_logging_configuration_identifiers(Some(desired.logging.iter().cloned().collect()))
        .set_tags(Some(desired.tags.clone().into_iter().collect()))
        .send()
        .await?;
    Ok(room.arn().unwrap_or_default().to_owned())
}

async fn correct(
    client: &Client,
    arn: &str,
    desired: &Desired,
    room: &GetRoomOutput,
) -> Result<(), Error> {
    let name = (room.name() != Some(&desired.name)).then(|| desired.name.clone());
    let length = (room.maximum_message_length() != Some(desired.message_length))
        .then_some(desired.message_length);
    let rate = (room.maximum_message_rate_per_second() != Some(desired.message_rate))
        .then_some(desired.message_rate);
    // An empty URI detaches the function.
    let handler = (handler_of(room) != desired.handler).then(|| {
        desired
            .sdk_handler()
            .unwrap_or_else(|| MessageReviewHandler::builder().uri("").build())
    });
    let actual: BTreeSet<_> = room
        .logging_configuration_identifiers()
        .iter()
        .cloned()
        .collect();
    let logging =
        (actual != desired.logging).then(|| desired.logging.iter().cloned().collect::<Vec<_>>());
    if name.is_some()
        || length.is_some()
        || rate.is_some()
        || handler.is_some()
        || logging.is_some()
    {
        client
            .update_room()
            .identifier(arn)
            .set_name(name)
            .set_maximum_message_length(length)
            .set_maximum_message_rate_per_second(rate)
            .set_message_review_handler(handler)
            .set_logging_configuration_identifiers(logging)
            .send()
            .await?;
    }
    correct_tags(client, arn, desired, room).await
}

async fn correct_tags(
    client: &Client,
    arn: &str,
    desired: &Desired,
    room: &GetRoomOutput,
) -> Result<(), Error> {
    let empty = HashMap::new();
    let actual = room.tags().unwrap_or(&empty);
    let different: HashMap<_, _> = desired
        .tags
        .iter()
        .filter(|(key, value)| actual.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let surplus: Vec<_> = actual
        .keys()
        .filter(|key| !key.starts_with("aws:") && !desired.tags.contains_key(*key))
        .cloned()
        .collect();
    if !surplus.is_empty() {
        client
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(surplus))
            .send()
            .await?;
    }
    if !different.is_empty() {
        client
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(different))
            .send()
            .await?;
    }
    Ok(())
}

fn handler_of(room: &GetRoomOutput) -> Option<(String, FallbackResult)> {
    let handler = room.message_review_handler()?;
    let uri = handler.uri().filter(|uri| !uri.is_empty())?;
    let fallback = handler
        .fallback_result()
        .cloned()
        .unwrap_or(FallbackResult::Allow);
    Some((uri.to_owned(), fallback))
}

/// Deletes the room. One that is gone already is fine.
pub(crate) async fn delete(client: &Client, arn: &str) -> Result<(), Error> {
    match client.delete_room().identifier(arn).send().await {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(DeleteRoomError::is_resource_not_found_exception) =>
        {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
