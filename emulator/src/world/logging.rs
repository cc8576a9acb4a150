//! Logging configurations: where the messages of rooms go, and the states a change of one passes through.

use std::sync::Arc;

use jiff::Timestamp;

use super::call::{
    Answer, CreateLoggingConfiguration, ListLoggingConfigurations, UpdateLoggingConfiguration,
};
use super::configuration::{
    DestinationConfiguration, LoggingConfiguration, LoggingConfigurationState,
};
use super::error::ApiError;
use super::limits;
use super::paging::List;
use super::room::Tags;
use super::shelf::{Change, Item, Kind, Shelved, later};
use super::{Scope, World};

impl Item for LoggingConfiguration {
    fn id(&self) -> &str {
        &self.id
    }

    fn update_time(&self) -> Timestamp {
        self.update_time
    }
}

impl World {
    pub(super) fn create_logging_configuration(
        &mut self,
        scope: &Scope,
        request: CreateLoggingConfiguration,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::create_logging_configuration(&request)?;
        let existing = self.truth.count::<LoggingConfiguration>(scope);
        let limit = self.settings.logging_configuration_limit;
        if let Some(limit) = limit.filter(|limit| existing >= *limit) {
            return Err(ApiError::quota(scope, "logging configurations", limit));
        }
        let id = self.random.id();
        let configuration = LoggingConfiguration {
            arn: scope.arn(LoggingConfiguration::KIND, &id),
            id,
            name: request.name.unwrap_or_default(),
            create_time: self.shown(now),
            update_time: self.shown(now),
            destination_configuration: request.destination_configuration,
            state: LoggingConfigurationState::Creating,
            tags: self.kept_tags(request.tags.unwrap_or_default()),
        };
        Ok(self.begin(scope, configuration, now))
    }

    pub(super) fn get_logging_configuration(
        &mut self,
        scope: &Scope,
        arn: &str,
    ) -> Result<Answer, ApiError> {
        limits::logging_configuration_identifier("identifier", arn)?;
        let found = self.gets().find::<LoggingConfiguration>(scope, arn)?;
        Ok(Answer::LoggingConfiguration(LoggingConfiguration::clone(
            found,
        )))
    }

    pub(super) fn update_logging_configuration(
        &mut self,
        scope: &Scope,
        request: UpdateLoggingConfiguration,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::update_logging_configuration(&request)?;
        let stored = self.settled(scope, &request.identifier)?;
        let mut configuration = LoggingConfiguration::clone(&stored);
        if let Some(name) = request.name {
            configuration.name = name;
        }
        if let Some(destination) = request.destination_configuration {
            configuration.destination_configuration = destination;
        }
        configuration.state = LoggingConfigurationState::Updating;
        configuration.update_time = self.shown(now);
        Ok(self.begin(scope, configuration, now))
    }

    pub(super) fn delete_logging_configuration(
        &mut self,
        scope: &Scope,
        arn: &str,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::logging_configuration_identifier("identifier", arn)?;
        let stored = self.settled(scope, arn)?;
        let attached = self
            .truth
            .rooms(scope)
            .any(|room| room.logging_configuration_identifiers.contains(&stored.arn));
        if attached && !self.settings.attached_logging_configuration_can_be_deleted {
            return Err(ApiError::conflict(
                &stored.id,
                &format!("Logging configuration {arn} is attached to a room"),
            ));
        }
        let configuration = LoggingConfiguration {
            state: LoggingConfigurationState::Deleting,
            update_time: self.shown(now),
            ..LoggingConfiguration::clone(&stored)
        };
        self.begin(scope, configuration, now);
        Ok(Answer::NoContent)
    }

    pub(super) fn list_logging_configurations(
        &mut self,
        scope: &Scope,
        request: &ListLoggingConfigurations,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::list_logging_configurations(request)?;
        let list = List {
            scope,
            filters: String::new(),
            max_results: request.max_results,
            next_token: request.next_token.as_deref(),
            now,
        };
        let page = self.page::<LoggingConfiguration>(&list, |_| true)?;
        let shown = page
            .items
            .iter()
            .map(|item| LoggingConfiguration::clone(item));
        Ok(Answer::LoggingConfigurations {
            logging_configurations: shown.collect(),
            next_token: page.next_token,
        })
    }

    /// Places an active logging configuration under an id of the caller's choice, as no API call can.
    pub fn put_logging_configuration(&mut self, scope: &Scope, id: &str, now: Timestamp) {
        let configuration = LoggingConfiguration {
            arn: scope.arn(LoggingConfiguration::KIND, id),
            id: id.to_owned(),
            name: String::new(),
            create_time: now,
            update_time: now,
            destination_configuration: DestinationConfiguration::S3 {
                bucket_name: "logs".to_owned(),
            },
            state: LoggingConfigurationState::Active,
            tags: Tags::new(),
        };
        self.put(scope, Arc::new(configuration), now);
    }

    /// Ends every transition whose time has come.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some((due, scope, id)) = self.settling.first().cloned()
            && due <= now
        {
            self.settling.pop_first();
            let Some(configuration) = self.truth.get::<LoggingConfiguration>(&scope, &id) else {
                continue;
            };
            let mut configuration = LoggingConfiguration::clone(configuration);
            let fails = self
                .settings
                .failing_destinations
                .iter()
                .any(|name| name == configuration.destination_configuration.name());
            configuration.state = match configuration.state {
                LoggingConfigurationState::Deleting => {
                    self.remove::<LoggingConfiguration>(&scope, &id, due);
                    continue;
                }
                LoggingConfigurationState::Creating if fails => {
                    LoggingConfigurationState::CreateFailed
                }
                LoggingConfigurationState::Updating if fails => {
                    LoggingConfigurationState::UpdateFailed
                }
                _ => LoggingConfigurationState::Active,
            };
            self.put(&scope, Arc::new(configuration), due);
        }
    }

    /// Takes up again the transitions of a world that was stored in the midst of them.
    pub(super) fn resume_transitions(&mut self, stored: &Change) {
        if let Shelved::LoggingConfiguration(Some(configuration)) = &stored.shelved
            && configuration.state.in_transition()
        {
            self.settle_later(&stored.scope, configuration, stored.at);
        }
    }

    /// Stores the configuration in transition. Its answer shows it `ACTIVE`: AWS documents no other state there.
    fn begin(
        &mut self,
        scope: &Scope,
        configuration: LoggingConfiguration,
        now: Timestamp,
    ) -> Answer {
        self.settle_later(scope, &configuration, now);
        let shown = LoggingConfiguration {
            state: LoggingConfigurationState::Active,
            ..configuration.clone()
        };
        self.put(scope, Arc::new(configuration), now);
        self.settle(now);
        Answer::LoggingConfiguration(shown)
    }

    fn settle_later(
        &mut self,
        scope: &Scope,
        configuration: &LoggingConfiguration,
        began: Timestamp,
    ) {
        let due = later(began, self.settings.logging_transition);
        self.settling
            .insert((due, scope.clone(), configuration.id.clone()));
    }

    /// The logging configuration, provided that nothing is being done to it.
    fn settled(&self, scope: &Scope, arn: &str) -> Result<Arc<LoggingConfiguration>, ApiError> {
        let stored = self.truth.find::<LoggingConfiguration>(scope, arn)?;
        if stored.state.in_transition() {
            return Err(ApiError::conflict(
                &stored.id,
                &format!("Another change of logging configuration {arn} is in progress"),
            ));
        }
        Ok(Arc::clone(stored))
    }
}
