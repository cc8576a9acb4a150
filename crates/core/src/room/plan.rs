//! What a pass is to do, as values.

use crate::api::Reason;

use super::correction::Difference;
use super::record::Record;
use super::search::Unsettled;
use super::status::{Knowledge, Verdict};
use super::step::Step;
use super::when::When;
use super::{DesiredRoom, Failure, FailureClass, RoomArn};

/// What a pass does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The account whose rooms were looked at.
    pub account: String,
    /// What is remembered of the room when the steps begin.
    pub record: Record,
    /// The room as the spec describes it, where one is to be brought to it.
    pub desired: Option<DesiredRoom>,
    /// In order; nothing comes after one that fails.
    pub steps: Vec<Step>,
    /// Steps about the object's other rooms, to be taken whatever AWS said to those before.
    pub others: Vec<Step>,
    /// How the pass ends if every step is taken.
    pub outcome: Outcome,
    /// When to come back for the object's other rooms instead.
    pub sooner: Option<When>,
    /// Why another room could not be looked at.
    pub unread: Option<(RoomArn, Failure)>,
    /// Keys of the tags that the room carries by the object once every step is taken.
    pub applied: Option<Vec<String>>,
    /// How the room differs from the spec.
    pub finding: Finding,
    /// A room that stays when the object goes, and why.
    pub left: Option<(RoomArn, &'static str)>,
}

/// How a room differs from the spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It does not.
    Nothing,
    /// Like this, and it is only observed.
    Observed(Vec<Difference>),
    /// Like this, because the spec has changed.
    Changed(Vec<Difference>),
    /// Like this, because somebody has changed the room.
    Drifted(Vec<Difference>),
    /// Like this, although it was corrected: AWS keeps something else.
    Resists(Vec<Difference>),
}

/// How a pass ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The object is gone, or goes once others let it.
    Gone,
    /// It is there.
    Stays {
        /// What its status says.
        verdict: Verdict,
        /// When the next pass is due.
        when: When,
    },
}

impl Outcome {
    /// Something went wrong.
    pub fn failed(failure: Failure, room: Knowledge) -> Self {
        let when = When::Backoff(failure.class);
        let verdict = Verdict::Failed { failure, room };
        Self::Stays { verdict, when }
    }
}

impl Plan {
    pub(super) fn ending(outcome: Outcome) -> Self {
        Self {
            account: String::new(),
            record: Record::default(),
            desired: None,
            steps: Vec::new(),
            others: Vec::new(),
            outcome,
            sooner: None,
            unread: None,
            applied: None,
            finding: Finding::Nothing,
            left: None,
        }
    }

    pub(super) fn with(verdict: Verdict, when: When) -> Self {
        Self::ending(Outcome::Stays { verdict, when })
    }

    pub(super) fn waiting(reason: Reason, message: String, when: When) -> Self {
        Self::with(Verdict::Pending { reason, message }, when)
    }

    /// Nothing, before AWS can be trusted to have caught up. The room may show up at any moment.
    pub(super) fn unsettled(unsettled: Unsettled) -> Self {
        let Unsettled {
            reason,
            message,
            until,
        } = unsettled;
        Self::waiting(reason, message, When::By(until, FailureClass::NotFound))
    }

    /// Lets the object go: no room of its own is left. `left`: a room that stays, and why.
    pub(super) fn letting_go(left: Option<(RoomArn, &'static str)>) -> Self {
        Self {
            left,
            ..Self::ending(Outcome::Gone).doing([Step::LetGo])
        }
    }

    pub(super) fn on(self, record: Record) -> Self {
        Self { record, ..self }
    }

    pub(super) fn doing(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// Whether no attempt to create is outstanding: otherwise an object that only observes still needs the finalizer, as nobody
    /// else would look after the room that may come of it.
    pub(super) fn leaves_nothing_outstanding(&self) -> bool {
        self.record.creation.is_none() || self.steps.contains(&Step::Void)
    }

    /// The room that the object has once the steps are taken.
    pub(super) fn kept(&self) -> Option<RoomArn> {
        self.steps.iter().find_map(|step| match step {
            Step::Bind { room, .. } => Some(room.arn.clone()),
            _ => None,
        })
    }
}
