//! The AWS SDK, as [`Aws`]. Beside this folder, only `connect` and tests name it.

mod attempts;
pub(crate) mod config;
mod convert;
mod credentials;
mod error;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region, SdkConfig};
use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::{Builder, Config};
use aws_sdk_ivschat::types::RoomSummary;
use futures::future::BoxFuture;
use ivschat_core::room::correction::{NewRoom, RoomUpdate};
use ivschat_core::room::{Failure, RoomArn, Summary};

use attempts::Attempts;
use convert::actual_room;
use credentials::Keeper;
use error::attempt_error;

use crate::aws_clock::AwsClock;
use crate::list::Page;
use crate::meter::Meter;
use crate::port::{Answer, AttemptError, Aws, Request};
use crate::settings::Settings;

/// How many clients are kept: many more than AWS has regions. Users can name regions that do not exist, and a new client
/// costs little.
const MAX_CLIENTS: usize = 64;

/// IVS Chat over HTTP.
pub(crate) struct Sdk {
    config: Config,
    keeper: Keeper,
    /// Gives the credentials that sign, and whose account is known.
    signer: Option<Keeper>,
    clients: Mutex<BTreeMap<String, Client>>,
}

impl Sdk {
    /// Signs with whatever credentials are found as `settings` say. `config`: what they say now. `clock`: hears every answer.
    pub(crate) fn new(
        config: &SdkConfig,
        settings: &Settings,
        meter: &Arc<dyn Meter>,
        clock: &AwsClock,
    ) -> Self {
        let attempts = Attempts::new(Arc::clone(meter), clock.clone());
        let keeper = Keeper::new(config, settings.clone(), attempts.clone());
        let watched = keeper.watch(config);
        Self {
            signer: Some(keeper.clone()),
            ..Self::with(&watched, settings, attempts, keeper)
        }
    }

    /// Signs with the credentials of `config`, whatever else is found.
    #[cfg(test)]
    pub(crate) fn unwatched(
        config: &SdkConfig,
        settings: &Settings,
        meter: &Arc<dyn Meter>,
        clock: &AwsClock,
    ) -> Self {
        let attempts = Attempts::new(Arc::clone(meter), clock.clone());
        let keeper = Keeper::new(config, settings.clone(), attempts.clone());
        Self::with(config, settings, attempts, keeper)
    }

    /// `config`: whose credentials sign.
    fn with(config: &SdkConfig, settings: &Settings, attempts: Attempts, keeper: Keeper) -> Self {
        let config = config::once(config, settings);
        Self {
            config: config.interceptor(attempts).build(),
            keeper,
            signer: None,
            clients: Mutex::default(),
        }
    }

    /// What is to be told a call that only credentials of this account may sign.
    fn signing_for(&self, account: &str) -> Builder {
        match &self.signer {
            Some(keeper) => Builder::new().credentials_provider(keeper.only_of(account)),
            None => Builder::new(),
        }
    }

    /// The client of a region. All clients share credentials and connections.
    fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(region) {
            clients.clear();
        }
        let made = clients.entry(region.to_owned()).or_insert_with(|| {
            let region = Region::new(region.to_owned());
            Client::from_conf(self.config.to_builder().region(region).build())
        });
        made.clone()
    }
}

impl Aws for Sdk {
    fn account(&self) -> BoxFuture<'_, Result<String, Failure>> {
        Box::pin(self.keeper.account())
    }

    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, AttemptError>> {
        let client = self.client(request.region());
        Box::pin(async move {
            match request {
                Request::Create(new, account) => {
                    create(&client, new, self.signing_for(account)).await
                }
                Request::Get(arn) => get(&client, arn).await,
                Request::Update(arn, changes) => update(&client, arn, changes).await,
                Request::Delete(arn) => {
                    let call = client.delete_room().identifier(arn.as_str());
                    done(call.send().await.map_err(|error| attempt_error(&error)))
                }
                Request::List { token, .. } => list(&client, token.clone()).await,
                Request::Tag(arn, tags) => {
                    let call = client.tag_resource().resource_arn(arn.as_str());
                    let call = call.set_tags(Some(tags.clone().into_iter().collect()));
                    done(call.send().await.map_err(|error| attempt_error(&error)))
                }
                Request::Untag(arn, keys) => {
                    let call = client.untag_resource().resource_arn(arn.as_str());
                    let call = call.set_tag_keys(Some(keys.clone()));
                    done(call.send().await.map_err(|error| attempt_error(&error)))
                }
            }
        })
    }
}

async fn create(client: &Client, new: &NewRoom, signing: Builder) -> Result<Answer, AttemptError> {
    let NewRoom { room, tags } = new;
    let handler = room.message_review_handler.as_ref();
    let logging = &room.logging_configuration_identifiers;
    let call = client
        .create_room()
        .name(&room.name)
        .maximum_message_length(room.maximum_message_length)
        .maximum_message_rate_per_second(room.maximum_message_rate_per_second)
        .set_message_review_handler(handler.map(convert::sdk_handler))
        .set_logging_configuration_identifiers((!logging.is_empty()).then(|| logging.clone()))
        .set_tags(Some(tags.clone().into_iter().collect()))
        .customize()
        .config_override(signing);
    let output = call.send().await.map_err(|error| attempt_error(&error))?;
    Ok(Answer::Room(actual_room!(output)))
}

async fn get(client: &Client, arn: &RoomArn) -> Result<Answer, AttemptError> {
    let call = client.get_room().identifier(arn.as_str());
    let output = call.send().await.map_err(|error| attempt_error(&error))?;
    Ok(Answer::Room(actual_room!(output)))
}

async fn update(
    client: &Client,
    arn: &RoomArn,
    changes: &RoomUpdate,
) -> Result<Answer, AttemptError> {
    let handler = changes.message_review_handler.as_ref();
    let call = client
        .update_room()
        .identifier(arn.as_str())
        .set_name(changes.name.clone())
        .set_maximum_message_length(changes.maximum_message_length)
        .set_maximum_message_rate_per_second(changes.maximum_message_rate_per_second)
        .set_message_review_handler(handler.map(convert::sdk_handler_update))
        .set_logging_configuration_identifiers(changes.logging_configuration_identifiers.clone());
    let output = call.send().await.map_err(|error| attempt_error(&error))?;
    Ok(Answer::Room(actual_room!(output)))
}

async fn list(client: &Client, token: Option<String>) -> Result<Answer, AttemptError> {
    let call = client.list_rooms().set_next_token(token);
    let page = call.send().await.map_err(|error| attempt_error(&error))?;
    let summary = |room: &RoomSummary| {
        Ok(Summary {
            arn: convert::arn(room.arn())?,
            name: room.name().unwrap_or_default().to_owned(),
            message_review_handler: convert::handler(room.message_review_handler()),
            logging_configuration_identifiers: room.logging_configuration_identifiers().to_vec(),
            tags: convert::tags(room.tags()),
            create_time: convert::timestamp(room.create_time()),
            update_time: convert::timestamp(room.update_time()),
        })
    };
    Ok(Answer::Page(Page {
        rooms: page.rooms().iter().map(summary).collect::<Result<_, _>>()?,
        next_token: page.next_token.filter(|token| !token.is_empty()),
    }))
}

fn done<T>(answer: Result<T, AttemptError>) -> Result<Answer, AttemptError> {
    answer.map(|_| Answer::Done)
}

impl fmt::Debug for Sdk {
    /// Nothing of the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sdk")
    }
}

#[cfg(test)]
mod tests;
