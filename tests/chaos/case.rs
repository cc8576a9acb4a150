//! One case: a workload, and what goes wrong in it.

use std::time::Duration;

use ivschat_emulator::world::Settings;

use crate::deed::Deed;
use crate::end_state::EndState;
use crate::fault::{Fault, Lasting, Moment};
use crate::oracle::{Bystander, Expected};
use crate::replica::{Election, Version};
use crate::script::Point;
use crate::stage::Setting;
use crate::workload::{Leaves, Workload};

/// Nearly as much as the operators are told to reckon with.
const UNKIND_LAG: Duration = Duration::from_millis(550);

/// What kind of thing goes wrong: the first part of what the table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    Crash,
    Aws,
    Kubernetes,
    Watch,
    Operators,
    Lag,
    Hand,
    Leadership,
    Version,
}

impl Axis {
    pub const ALL: [Self; 9] = [
        Self::Crash,
        Self::Aws,
        Self::Kubernetes,
        Self::Watch,
        Self::Operators,
        Self::Lag,
        Self::Hand,
        Self::Leadership,
        Self::Version,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Aws => "aws",
            Self::Kubernetes => "kubernetes",
            Self::Watch => "watch",
            Self::Operators => "operators",
            Self::Lag => "lag",
            Self::Hand => "hand",
            Self::Leadership => "leadership",
            Self::Version => "version",
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Trial {
    /// Nothing.
    Calm,
    /// The operator is killed at this call, and comes back or is followed by another; somebody does something in between.
    Crash {
        at: Point,
        moment: Moment,
        successor: Successor,
        between: Option<Deed>,
    },
    /// Calls come to grief.
    Fault {
        at: Point,
        fault: Fault,
        lasting: Lasting,
        meanwhile: Meanwhile,
    },
    /// Somebody does something while a call stands still, or as the step begins.
    Deed { at: Option<Point>, deed: Deed },
    /// The leader is frozen at this call until another has done its work.
    Freeze { at: Point, moment: Moment },
    /// The leader cannot reach its lease, and everything else. The step comes once another has taken over.
    Estranged,
    /// The leader is killed at this call, and what the next one does to the lease comes to grief once.
    Takeover { at: Point, fault: Fault },
    /// The leader is killed at this call, and the next one as it takes the lease; then both come back.
    Relapse { at: Point, moment: Moment },
    /// The object is restored from a backup, without a status and under another uid.
    Restored,
    /// The object is deleted before any read shows its room.
    GoneUnseen,
    /// One of a thousand objects cannot be parsed.
    Thousand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor {
    SameReplica,
    OtherReplica,
    /// The same replica comes back as the other version.
    OtherVersion,
}

/// What must be seen while a fault lasts that does not end by itself.
#[derive(Debug, Clone)]
pub enum Meanwhile {
    /// Nothing in particular: it ends by itself.
    Nothing,
    /// A condition gives one of these reasons, and AWS is not hammered.
    Tells(Vec<&'static str>),
    /// The workload gets where it should all the same.
    Converges,
}

/// The control plane that a case runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// That of all cases that do nothing to it.
    Shared,
    /// That of the cases that change the CRD, which ends every watch on a server.
    Changing,
    /// One of its own, which it may restart.
    Own,
    /// One of its own, with a CRD that lets everything pass.
    Lax,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub axis: Axis,
    pub name: String,
    pub workload: Workload,
    pub trial: Trial,
    pub setting: Setting,
    pub expected: Expected,
    pub ground: Ground,
}

impl Case {
    /// A case with one operator in a calm world.
    pub fn new(axis: Axis, workload: Workload, end: &EndState, what: &str, trial: Trial) -> Self {
        Self {
            axis,
            name: format!("{}/{}/{what}", workload.name(), axis.name()),
            workload,
            trial,
            setting: Setting {
                replicas: 1,
                election: Election::Off,
                version: Version::Now,
                second: Version::Now,
                world: Settings::default(),
                drift_interval: "300ms",
            },
            expected: Expected {
                end: end.clone(),
                rooms_made: Some(workload.rooms_made()),
                bystander: Bystander::Untouched,
            },
            ground: Ground::Shared,
        }
    }

    /// With two operators, of which both work, or one leads.
    #[must_use]
    pub fn with_two(mut self, election: Election) -> Self {
        self.setting.replicas = 2;
        self.setting.election = election;
        self
    }

    /// Begun by this version.
    #[must_use]
    pub fn begun_by(mut self, version: Version) -> Self {
        self.setting.version = version;
        self.setting.second = version.other();
        self
    }

    /// In a world whose reads lag.
    #[must_use]
    pub fn with_lag(mut self, get: Duration, list: Duration) -> Self {
        self.setting.world = Settings {
            get_lag: get,
            list_lag: list,
            ..Settings::default()
        };
        self
    }

    /// In a world that is as unkind as the operators are told to reckon with: each read and each page lags by an amount of its own, and
    /// AWS keeps some values otherwise than they are given. Lags that the case has of its own stay.
    #[must_use]
    pub fn in_an_unkind_world(mut self) -> Self {
        let lag = |own: Duration| if own.is_zero() { UNKIND_LAG } else { own };
        let world = &mut self.setting.world;
        *world = Settings {
            get_lag: lag(world.get_lag),
            list_lag: lag(world.list_lag),
            lag_is_drawn: true,
            tagging_moves_update_time: true,
            idle_update_moves_update_time: true,
            detached_handler_is_empty_object: true,
            logging_identifiers_are_a_set: true,
            tag_values_are_trimmed: true,
            ..world.clone()
        };
        self.name.push_str("/unkind");
        self
    }

    /// More rooms may be made than are wanted, if they are found and healed.
    #[must_use]
    pub fn healing(mut self) -> Self {
        self.expected.rooms_made = None;
        self
    }

    /// On another control plane than the shared one.
    #[must_use]
    pub fn on(mut self, ground: Ground) -> Self {
        self.ground = ground;
        self
    }

    /// What goes wrong goes for the bystander, too.
    #[must_use]
    pub fn for_all(mut self) -> Self {
        self.expected.bystander = Bystander::Healed;
        self
    }

    /// Somebody edits the bystander meanwhile.
    #[must_use]
    pub fn editing_the_bystander(mut self) -> Self {
        self.expected.bystander = Bystander::Edited;
        self
    }

    /// Everything ends up deleted.
    #[must_use]
    pub fn leaving_nothing(mut self) -> Self {
        if self.workload.leaves() == Leaves::Both {
            self.expected.end = EndState::nothing();
        }
        self.expected.bystander = Bystander::Deleted;
        self
    }
}
