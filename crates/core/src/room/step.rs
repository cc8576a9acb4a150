//! The single steps of a pass, and what has been done once one was taken.

use jiff::Timestamp;

use crate::api::Creation;

use super::correction::{Edit, NewRoom};
use super::{ActualRoom, Failure, RoomArn};

/// One thing to do. Each is one call, or one wait, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Puts the finalizer on the object, where it is not.
    Hold,
    /// Takes note that this room is the object's. `touched`: tags that it may carry by the object from now on.
    Bind {
        /// As GetRoom has just shown it.
        room: ActualRoom,
        /// Keys.
        touched: Vec<String>,
    },
    /// Takes note that nothing came of an attempt to create.
    Void,
    /// Claims a room that is to be taken over: no two objects take over the same.
    Claim(RoomArn),
    /// Waits until AWS's quota allows a CreateRoom in this region. Before the attempt is written, so that no wait comes between.
    Admit(String),
    /// Writes an attempt into the status before its call is sent. It succeeds only on the object as it was seen: a stale cache
    /// or a second leader fails here.
    WriteAhead {
        /// Where the room is asked for, or is.
        region: String,
        /// The room that is to be taken over; `None`: one is to be made.
        adopts: Option<ActualRoom>,
    },
    /// CreateRoom, once.
    Create(NewRoom),
    /// Writes the room just created into the status, whatever else of the object has changed.
    WriteRoom,
    /// Changes a room.
    Edit(RoomArn, Edit),
    /// Takes note that a room, which is like this now, consents to be taken over.
    Offered(ActualRoom),
    /// GetRoom, because the calls about tags show nothing.
    ReadAgain(RoomArn),
    /// Waits for the room's turn to be deleted.
    Turn(RoomArn),
    /// Requires that the status on the API server names this room.
    Confirm(RoomArn),
    /// Requires that the API server would let the finalizer be taken off: otherwise the object would stay, without a room.
    Rehearse,
    /// DeleteRoom.
    Delete {
        /// Which room.
        arn: RoomArn,
        /// When AWS created it.
        create_time: Option<Timestamp>,
        /// Whether it is a second one of the object's.
        twin: bool,
    },
    /// Takes note that another room proves to be the object's, about which a person has to decide.
    TellOfTwin(RoomArn),
    /// Takes note that a room, which is like this now, was released.
    Released(ActualRoom),
    /// Writes into the status that the room was released, before the finalizer goes: otherwise no pass would repeat it.
    WriteReleased,
    /// Takes the finalizer off an object that stays.
    Unhold,
    /// Takes the finalizer off an object that is being deleted: it goes.
    LetGo,
}

/// What has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The finalizer is on the object, or off an object that stays.
    Held,
    /// Whatever was waited for or asked is so.
    Ready,
    /// The room is the object's.
    Bound {
        /// As it was shown.
        room: ActualRoom,
        /// Tags that it may carry by the object.
        touched: Vec<String>,
    },
    /// Nothing came of an attempt to create.
    NothingCame,
    /// An attempt stands in the status.
    WrittenAhead {
        /// The attempt.
        attempt: Creation,
        /// The room that is to be taken over.
        adopts: Option<ActualRoom>,
    },
    /// A room was made.
    Created {
        /// As CreateRoom showed it.
        room: ActualRoom,
        /// Keys of the tags that the object gave it.
        applied: Vec<String>,
    },
    /// The status was written.
    Written,
    /// A tag was set or removed.
    Edited,
    /// AWS showed the room after the changes; `None`: not yet.
    Shown(Option<ActualRoom>),
    /// AWS showed the room otherwise than the changes leave it: it may be behind.
    Behind(ActualRoom),
    /// A room is deleted.
    Deleted {
        /// Which room.
        arn: RoomArn,
        /// When AWS created it.
        create_time: Option<Timestamp>,
        /// Whether it was a second one of the object's.
        twin: bool,
        /// What AWS said.
        answer: Deletion,
    },
    /// A second room has been told of.
    TwinLeft(RoomArn),
    /// A room was released.
    Released(ActualRoom),
    /// The object goes.
    LetGo,
}

/// What DeleteRoom answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The room was there, and was deleted at the first attempt.
    AtOnce,
    /// It was deleted when the call was repeated.
    Repeated,
    /// It was not there: it had been deleted before, and AWS still shows it.
    NotThere,
}

/// Why a step could not be taken. Nothing comes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// AWS, or a rule, refused it, or nobody knows what came of it.
    Failed(Failure),
    /// CreateRoom was refused: it is certain that no room was made.
    Refused(Failure),
    /// The room's turn to be deleted has not come; it is looked at again then.
    Queued(Timestamp),
    /// The API server would not let the object go, and says this.
    Forbidden(String),
}
