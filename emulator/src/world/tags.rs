//! Tags, which rooms and logging configurations carry alike.

use std::sync::Arc;

use jiff::Timestamp;

use super::call::Answer;
use super::configuration::LoggingConfiguration;
use super::error::ApiError;
use super::limits;
use super::room::{Room, Tags};
use super::shelf::Regions;
use super::{Scope, World};

/// What an ARN in a tag call names.
enum Tagged {
    Room(Arc<Room>),
    LoggingConfiguration(Arc<LoggingConfiguration>),
}

impl Tagged {
    fn find(regions: &Regions, scope: &Scope, arn: &str) -> Result<Self, ApiError> {
        if arn.contains(":logging-configuration/") {
            let found = regions.find::<LoggingConfiguration>(scope, arn)?;
            Ok(Self::LoggingConfiguration(Arc::clone(found)))
        } else {
            Ok(Self::Room(Arc::clone(regions.find::<Room>(scope, arn)?)))
        }
    }

    fn tags(&self) -> &Tags {
        match self {
            Self::Room(room) => &room.tags,
            Self::LoggingConfiguration(configuration) => &configuration.tags,
        }
    }
}

impl World {
    pub(super) fn tag(
        &mut self,
        scope: &Scope,
        arn: &str,
        new: Tags,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::resource_arn("resourceArn", arn)?;
        limits::tags("tags", &new)?;
        let tagged = Tagged::find(&self.truth, scope, arn)?;
        let mut tags = tagged.tags().clone();
        tags.extend(self.kept_tags(new));
        limits::tag_count("tags", &tags)?;
        self.retag(scope, tagged, tags, now);
        Ok(Answer::Empty {})
    }

    pub(super) fn untag(
        &mut self,
        scope: &Scope,
        arn: &str,
        keys: &[String],
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::resource_arn("resourceArn", arn)?;
        limits::tag_keys("tagKeys", keys)?;
        let tagged = Tagged::find(&self.truth, scope, arn)?;
        let mut tags = tagged.tags().clone();
        tags.retain(|key, _| !keys.contains(key));
        self.retag(scope, tagged, tags, now);
        Ok(Answer::Empty {})
    }

    pub(super) fn list_tags(&mut self, scope: &Scope, arn: &str) -> Result<Answer, ApiError> {
        limits::resource_arn("resourceArn", arn)?;
        let tagged = Tagged::find(self.gets(), scope, arn)?;
        let tags = tagged.tags().clone();
        Ok(Answer::Tags { tags })
    }

    /// Sets a tag as AWS itself does with its own `aws:` keys, which no API call may write. False if nothing has this ARN.
    pub fn set_system_tag(
        &mut self,
        scope: &Scope,
        arn: &str,
        key: &str,
        value: &str,
        now: Timestamp,
    ) -> bool {
        let Ok(tagged) = Tagged::find(&self.truth, scope, arn) else {
            return false;
        };
        let mut tags = tagged.tags().clone();
        tags.insert(key.to_owned(), value.to_owned());
        self.retag(scope, tagged, tags, now);
        true
    }

    /// Tags that were given, as they are kept.
    pub(super) fn kept_tags(&self, mut tags: Tags) -> Tags {
        if self.settings.tag_values_are_trimmed {
            for value in tags.values_mut() {
                *value = value.trim().to_owned();
            }
        }
        tags
    }

    fn retag(&mut self, scope: &Scope, tagged: Tagged, tags: Tags, now: Timestamp) {
        let moved = self.settings.tagging_moves_update_time;
        match tagged {
            Tagged::Room(room) => {
                let mut room = Arc::unwrap_or_clone(room);
                room.tags = tags;
                if moved {
                    room.update_time = self.shown(now);
                }
                self.put(scope, Arc::new(room), now);
            }
            Tagged::LoggingConfiguration(configuration) => {
                let mut configuration = Arc::unwrap_or_clone(configuration);
                configuration.tags = tags;
                if moved {
                    configuration.update_time = self.shown(now);
                }
                self.put(scope, Arc::new(configuration), now);
            }
        }
    }
}
