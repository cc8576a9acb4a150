//! The object of a pass on the API server: what the pass writes to it, each time to the object as the pass knows it.

use ivschat_core::api::{ChatRoomStatus, Creation};
use ivschat_core::room::RoomArn;
use ivschat_core::room::seen::{self, Seen};
use kube::api::DynamicObject;

use super::operator_class::{self, OperatorClass};
use crate::kit::Error;

use super::kubernetes::Kubernetes;

/// An object that a pass works on.
pub(super) struct Object<'a> {
    kubernetes: &'a Kubernetes,
    class: Option<&'a OperatorClass>,
    seen: &'a Seen,
    has_finalizer: bool,
    /// The status that the API server holds, as far as this pass knows.
    pub(super) stored: ChatRoomStatus,
    /// The resource version after this pass's own writes, and those they replaced.
    version: String,
    pub(super) superseded: Vec<String>,
}

impl<'a> Object<'a> {
    /// The object as the watch delivered it.
    pub(super) fn new(
        kubernetes: &'a Kubernetes,
        class: Option<&'a OperatorClass>,
        seen: &'a Seen,
    ) -> Self {
        Self {
            kubernetes,
            class,
            seen,
            has_finalizer: seen.has_finalizer(),
            stored: seen.status.clone(),
            version: seen.resource_version.clone(),
            superseded: Vec::new(),
        }
    }

    /// Stands for what the pass leaves behind.
    pub(super) fn fingerprint(&self) -> u64 {
        self.seen.fingerprint_with(self.has_finalizer, &self.stored)
    }

    /// Adds the finalizer, if it is not there.
    pub(super) async fn hold(&mut self) -> Result<(), Error> {
        if !self.has_finalizer {
            let added = self.kubernetes.add_finalizer(self.seen, &self.version);
            let object = added.await?;
            self.has_finalizer = true;
            self.written(&object);
        }
        Ok(())
    }

    /// Asks the API server whether it would let the finalizer be removed.
    pub(super) async fn rehearse(&self) -> Result<(), Error> {
        if self.has_finalizer {
            let asked = self.kubernetes.rehearse(self.seen, &self.version);
            asked.await?;
        }
        Ok(())
    }

    /// Removes the finalizer, if it is there.
    pub(super) async fn let_go(&mut self) -> Result<(), Error> {
        if self.has_finalizer {
            let removed = self.kubernetes.remove_finalizer(self.seen, &self.version);
            let object = removed.await?;
            self.has_finalizer = false;
            if let Some(object) = object {
                self.written(&object);
            }
        }
        Ok(())
    }

    /// Writes an attempt into the status, before its call is sent. The write succeeds only for the object as this pass saw it, so
    /// a stale cache or a second leader fails here.
    pub(super) async fn write_ahead(
        &mut self,
        attempt: &Creation,
        status: &ChatRoomStatus,
    ) -> Result<(), Error> {
        let written = self
            .kubernetes
            .write_status(self.seen, &self.version, status);
        let object = match written.await {
            Ok(object) => object,
            // An earlier try of the same write may have gone through without an answer: then it counts as ours.
            Err(error @ (Error::Stale | Error::Timeout(_))) => {
                let object = self.kubernetes.get(self.seen).await?;
                let stored = seen::status(&object).creation;
                if !stored.is_some_and(|stored| stored.is(attempt)) {
                    return Err(error);
                }
                object
            }
            Err(error) => return Err(error),
        };
        self.written(&object);
        Ok(())
    }

    /// Writes the room just created, whatever else changed about the object meanwhile.
    pub(super) async fn write_room(
        &mut self,
        attempt: &Creation,
        status: &ChatRoomStatus,
    ) -> Result<(), Error> {
        let stored = self.stored.creation.as_ref();
        let attempt = stored.filter(|it| it.is(attempt)).unwrap_or(attempt);
        let written = self.kubernetes.write_created(self.seen, attempt, status);
        let object = written.await?;
        self.written(&object);
        Ok(())
    }

    /// Writes a status over the one that this pass knows, if it differs. If only spec or metadata changed meanwhile, what the pass
    /// learned is still true, and the write is repeated. If the status changed, somebody else knows more, and the pass ends.
    pub(super) async fn write(&mut self, status: &ChatRoomStatus) -> Result<(), Error> {
        const TRIES: usize = 3;
        if *status == self.stored {
            return Ok(());
        }
        for _ in 0..TRIES {
            let written = self
                .kubernetes
                .write_status(self.seen, &self.version, status);
            match written.await {
                Ok(object) => {
                    self.written(&object);
                    return Ok(());
                }
                Err(Error::Stale) => {
                    let object = self.kubernetes.get(self.seen).await?;
                    if !self.is_as_known(&object) {
                        return Err(Error::Stale);
                    }
                    self.version = object.metadata.resource_version.unwrap_or_default();
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Stale)
    }

    /// Whether the object, as the API server has it now, names this room.
    pub(super) async fn names(&self, room: &RoomArn) -> Result<bool, Error> {
        let object = self.kubernetes.get(self.seen).await?;
        let named = seen::status(&object).arn.as_deref() == Some(room.as_str());
        Ok(named && self.is_still_own(&object))
    }

    /// Whether nothing has changed that this pass would overwrite. Other finalizers must be the same too: with the new version, our
    /// old list could overwrite theirs.
    fn is_as_known(&self, object: &DynamicObject) -> bool {
        let now = Seen::read(object);
        self.is_still_own(object)
            && now.status == self.stored
            && now.others_finalizers() == self.seen.others_finalizers()
    }

    /// Whether this is still the object of this pass, and still of this operator's class.
    fn is_still_own(&self, object: &DynamicObject) -> bool {
        let same = object.metadata.uid.as_deref() == Some(self.seen.uid.as_str());
        same && operator_class::is_own(self.class, &object.metadata)
    }

    /// Records what the API server holds now, which keeps times to the second only.
    fn written(&mut self, object: &DynamicObject) {
        self.stored = seen::status(object);
        let version = object.metadata.resource_version.clone().unwrap_or_default();
        // A write that changes nothing creates no new version.
        if version != self.version {
            self.superseded
                .push(std::mem::replace(&mut self.version, version));
        }
    }
}
