//! Where AWS begins: one attempt of one request. Everything above can run on virtual time, without the SDK.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;
use ivschat_core::room::correction::{NewRoom, RoomUpdate};
use ivschat_core::room::{ActualRoom, Cause, Failure, FailureClass, RoomArn, Tags};

use super::list::Page;
use super::operation::Operation;

/// IVS Chat in every region, one attempt at a time. It neither repeats nor waits, and decides nothing.
pub trait Aws: Send + Sync + Debug {
    /// The account of the credentials that the next request is signed with.
    fn account(&self) -> BoxFuture<'_, Result<String, Failure>>;

    /// Sends a request once. The caller may drop the future, and the request may take effect nevertheless.
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, AttemptError>>;
}

/// A request to IVS Chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// CreateRoom in this account: it is not signed with credentials of another, whenever they have changed.
    Create(NewRoom, String),
    /// GetRoom.
    Get(RoomArn),
    /// UpdateRoom with only the members that are named.
    Update(RoomArn, RoomUpdate),
    /// DeleteRoom.
    Delete(RoomArn),
    /// One page of ListRooms.
    List {
        /// The region whose rooms are listed.
        region: String,
        /// Where the page begins; `None`: at the front.
        token: Option<String>,
    },
    /// TagResource.
    Tag(RoomArn, Tags),
    /// UntagResource with these keys.
    Untag(RoomArn, Vec<String>),
}

impl Request {
    /// The operation that it asks for.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Create(..) => Operation::CreateRoom,
            Self::Get(_) => Operation::GetRoom,
            Self::Update(..) => Operation::UpdateRoom,
            Self::Delete(_) => Operation::DeleteRoom,
            Self::List { .. } => Operation::ListRooms,
            Self::Tag(..) => Operation::TagResource,
            Self::Untag(..) => Operation::UntagResource,
        }
    }

    /// The region that it goes to.
    pub fn region(&self) -> &str {
        match self {
            Self::Create(new, _) => &new.room.region,
            Self::List { region, .. } => region,
            Self::Get(arn)
            | Self::Update(arn, _)
            | Self::Delete(arn)
            | Self::Tag(arn, _)
            | Self::Untag(arn, _) => arn.region(),
        }
    }
}

/// What AWS answers to a request that it grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To CreateRoom, GetRoom and UpdateRoom.
    Room(ActualRoom),
    /// To ListRooms.
    Page(Page),
    /// To DeleteRoom, TagResource and UntagResource, which answer nothing else.
    Done,
}

impl Answer {
    /// The room that a request was answered with.
    pub(crate) fn room(self, request: &Request) -> Result<ActualRoom, Failure> {
        match self {
            Self::Room(room) => Ok(room),
            Self::Page(_) | Self::Done => Err(beside(request, "no room")),
        }
    }

    /// The page that a request was answered with.
    pub(crate) fn page(self, request: &Request) -> Result<Page, Failure> {
        match self {
            Self::Page(page) => Ok(page),
            Self::Room(_) | Self::Done => Err(beside(request, "no page")),
        }
    }
}

/// An answer to another question.
fn beside(request: &Request, what: &str) -> Failure {
    let told = Cause::Told(format!("the answer holds {what}"));
    Failure::of_call(FailureClass::Unavailable, request.operation().name(), told)
}

/// Why an attempt brought no [`Answer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptError {
    /// AWS answered with an error.
    Answered(Refusal),
    /// The request never left this process.
    Unsent(Unsent),
    /// The request may have taken effect.
    Unknown(Unknown),
}

/// An error that AWS answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// AWS's code of the error, such as `ThrottlingException`.
    pub code: Option<String>,
    /// AWS's words.
    pub message: Option<String>,
    /// The whole body. It may name what is missing, and AWS does not document in which member.
    pub body: String,
    /// The next attempt should come no sooner.
    pub retry_after: Option<Duration>,
    /// This machine's clock is more than 4 minutes off AWS's. The next attempt is signed with AWS's time.
    pub clock_off: bool,
}

/// Why a request was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsent {
    /// No connection came about, because of this.
    Unreachable(String),
    /// There are no credentials to sign with, because of this.
    NoCredentials(Failure),
    /// The request cannot be put together, because of this.
    Unbuilt(String),
}

/// Why nobody knows what became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// No answer came in time.
    Timeout,
    /// The connection broke, because of this.
    Broken(String),
    /// The answer of this HTTP status cannot be read.
    Unreadable(u16),
    /// The answer lacks what an answer must have; this says what.
    Unusable(String),
    /// Something else happened: this.
    Other(String),
}
