//! Everything that can go wrong. The rows of the coverage table.

use std::fmt;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// A request never arrives, and its connection breaks.
    RequestLost,
    /// A request never arrives, and nobody says so.
    RequestStuck,
    /// A request takes effect, and its connection breaks.
    AnswerLost,
    /// A request takes effect, and is never answered.
    AnswerStuck,
    /// A request takes effect, and is answered late.
    AnswerLate,
    /// A request takes effect at the last moment.
    EffectLate,
    /// A server answers 500, without having done anything.
    Failed,
    /// A server answers 500, having done what it was asked for.
    FailedAfterEffect,
    /// A server answers 503.
    Unavailable,
    /// A server answers 429.
    Throttled,
    /// A server answers 409.
    Conflict,
    /// A watch ends.
    WatchCut,
    /// A watch ends, as the server no longer remembers what has changed.
    WatchExpired,
    /// A watch ends with an error.
    WatchFailed,
    /// A process ends at once.
    Crash,
    /// A process ends at once, again and again.
    CrashLoop,
    /// A process is told to stop.
    Stop,
    /// A process is told to stop, and its successor has another region of its own.
    Moved,
    /// A process stands still.
    Freeze,
    /// A process stands still between its last check and the wire.
    FreezeAtWire,
    /// The leader cannot reach its lease.
    LeaseCut,
    /// The time of day of a process is set.
    ClockStep,
    /// Every process ends, and every status is lost: people move a cluster by its manifests, which have none.
    Migration,
    /// A region does not answer.
    RegionDown,
}

impl Fault {
    /// All of them.
    pub(crate) const ALL: [Self; 24] = [
        Self::RequestLost,
        Self::RequestStuck,
        Self::AnswerLost,
        Self::AnswerStuck,
        Self::AnswerLate,
        Self::EffectLate,
        Self::Failed,
        Self::FailedAfterEffect,
        Self::Unavailable,
        Self::Throttled,
        Self::Conflict,
        Self::WatchCut,
        Self::WatchExpired,
        Self::WatchFailed,
        Self::Crash,
        Self::CrashLoop,
        Self::Stop,
        Self::Moved,
        Self::Freeze,
        Self::FreezeAtWire,
        Self::LeaseCut,
        Self::ClockStep,
        Self::Migration,
        Self::RegionDown,
    ];

    /// Those that befall a single request.
    pub(crate) const OF_REQUESTS: [Self; 11] = [
        Self::RequestLost,
        Self::RequestStuck,
        Self::AnswerLost,
        Self::AnswerStuck,
        Self::AnswerLate,
        Self::EffectLate,
        Self::Failed,
        Self::FailedAfterEffect,
        Self::Unavailable,
        Self::Throttled,
        Self::Conflict,
    ];

    /// Those that befall a watch.
    pub(crate) const OF_WATCHES: [Self; 3] =
        [Self::WatchCut, Self::WatchExpired, Self::WatchFailed];

    /// Those that befall a process or a region.
    pub(crate) const OF_PROCESSES: [Self; 10] = [
        Self::Crash,
        Self::CrashLoop,
        Self::Stop,
        Self::Moved,
        Self::Freeze,
        Self::FreezeAtWire,
        Self::LeaseCut,
        Self::ClockStep,
        Self::Migration,
        Self::RegionDown,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// What becomes of a request that arrives, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Whether it takes effect.
    pub(crate) effect: bool,
    pub(crate) answer: Answer,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What the server says.
    Own,
    /// What the server says, much later.
    Late,
    /// Nothing: the connection breaks.
    Broken,
    /// Nothing at all.
    Never,
    /// An error of this HTTP status.
    Error(u16),
}

impl Fate {
    /// Nothing is wrong.
    pub(crate) const NORMAL: Self = Self {
        effect: true,
        answer: Answer::Own,
    };

    /// What a fault of a request makes of it.
    pub(crate) const fn of(fault: Fault) -> Self {
        let (effect, answer) = match fault {
            Fault::RequestLost => (false, Answer::Broken),
            Fault::RequestStuck => (false, Answer::Never),
            Fault::AnswerLost => (true, Answer::Broken),
            Fault::AnswerStuck => (true, Answer::Never),
            Fault::AnswerLate => (true, Answer::Late),
            Fault::Failed => (false, Answer::Error(500)),
            Fault::FailedAfterEffect => (true, Answer::Error(500)),
            Fault::Unavailable => (false, Answer::Error(503)),
            Fault::Throttled => (false, Answer::Error(429)),
            Fault::Conflict => (false, Answer::Error(409)),
            _ => return Self::NORMAL,
        };
        Self { effect, answer }
    }
}
