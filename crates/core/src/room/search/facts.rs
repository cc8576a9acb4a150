//! What a search asks AWS for, and what was answered.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::room::census::{Known, Need};
use crate::room::{ActualRoom, Failure, RoomArn};

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The account of the operator's credentials.
    Account,
    /// The rooms of every region that are known to be this object's, without another list.
    Known,
    /// GetRoom.
    Room(RoomArn),
    /// The rooms of a region that tell by their tags that they are this object's or may be.
    Region {
        /// Its name.
        region: String,
        /// What the answer has to show.
        need: Need,
    },
}

/// The rooms of a region that a list shows to be this object's, or to be ready to be taken back by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Those that prove to be this object's, the one to keep first.
    pub ours: Vec<Known>,
    /// Those that an object of this name has released, oldest first.
    pub released: Vec<Known>,
    /// What the list does not show that is needed. What it shows is there all the same.
    pub unmet: Option<Unmet>,
}

/// A list may have missed rooms that were updated while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmet {
    /// Nothing that is read earlier can show them.
    pub until: Timestamp,
    /// So many rooms are updated that one page has not sufficed to show them.
    pub restless: bool,
}

/// What AWS has answered in this pass.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub(super) account: Option<Result<String, Failure>>,
    pub(super) known: Option<Vec<RoomArn>>,
    pub(super) rooms: BTreeMap<RoomArn, Shown>,
    pub(super) regions: BTreeMap<String, Vec<Region>>,
}

#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) at: Timestamp,
    pub(super) answer: Result<Option<ActualRoom>, Failure>,
}

#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) need: Need,
    pub(super) answer: Result<Listed, Failure>,
}

impl Facts {
    /// Takes in whose the credentials are.
    pub fn account(&mut self, account: Result<String, Failure>) {
        self.account = Some(account);
    }

    /// Takes in which rooms are known to be this object's.
    pub fn known(&mut self, known: Vec<RoomArn>) {
        self.known = Some(known);
    }

    /// Takes in what GetRoom answered. `None`: it knows of no such room. `at`: when the answer came.
    pub fn room(
        &mut self,
        arn: RoomArn,
        at: Timestamp,
        answer: Result<Option<ActualRoom>, Failure>,
    ) {
        self.rooms.insert(arn, Shown { at, answer });
    }

    /// Lists that were asked for count no more.
    pub fn forget_regions(&mut self) {
        self.regions.clear();
    }

    /// Takes in what a list of a region showed, which this was asked of.
    pub fn region(&mut self, region: String, need: Need, answer: Result<Listed, Failure>) {
        let known = self.regions.entry(region).or_default();
        known.push(Region { need, answer });
    }
}
