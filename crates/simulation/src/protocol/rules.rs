//! What a model is made with: the rules that its operators follow, and how much may go wrong.

/// A number of ticks.
pub type Ticks = i8;

/// How an operator notes an attempt before it sends CreateRoom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteAhead {
    /// In the status, provided that the object is as it was read, and in its memory.
    Conditional,
    /// In the status, whatever the object is by now, and in its memory.
    Blind,
    /// Nowhere.
    Missing,
}

/// The clock that attempts and 404s are noted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's time of day, which somebody may set.
    Wall,
    /// One that nobody can set: AWS's.
    Steady,
}

/// The rules of the protocol. [`today`](Self::today) is how the operator works; any other value weakens or mends a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a rule that a test can switch off"
)]
pub struct Rules {
    /// How long the operators wait before a list proves anything absent.
    pub grace: Ticks,
    /// How an attempt is noted.
    pub write_ahead: WriteAhead,
    /// Whether the finalizer is on the object before a room is asked for.
    pub finalizer_first: bool,
    /// Whether a deposed operator is kept from sending, and an operator from sending late.
    pub fenced: bool,
    /// Whether the memory keeps an attempt that somebody wipes from the status.
    pub remembers_attempt: bool,
    /// Whether the memory keeps a room that was seen until the status names it.
    pub remembers_seen: bool,
    /// Whether a new leader allows for what the last one may have done.
    pub minds_handover: bool,
    /// Whether the SDK repeats a CreateRoom that was not answered.
    pub repeats_create: bool,
    /// The clock that the operators go by.
    pub clock: Clock,
}

impl Rules {
    /// The rules of the operator as it is. Whoever mends a known fault says so here: the model does not run the operator's memory
    /// and clock.
    pub const fn today() -> Self {
        Self {
            grace: Bounds::GRACE,
            write_ahead: WriteAhead::Conditional,
            finalizer_first: true,
            fenced: true,
            remembers_attempt: true,
            remembers_seen: true,
            minds_handover: true,
            repeats_create: false,
            clock: Clock::Steady,
        }
    }
}

/// How often each thing may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Crashes, and terms that end.
    pub handovers: u8,
    /// Answers of AWS that are lost.
    pub lost_answers: u8,
    /// Wipes of the status.
    pub wipes: u8,
    /// Operators that freeze between their last check and the wire.
    pub freezes: u8,
    /// Rooms that somebody else deletes.
    pub vanished: u8,
    /// Steps of an operator's clock by a grace, forward or back.
    pub clock_steps: u8,
}

/// What is the same in every model.
#[derive(Debug)]
pub enum Bounds {}

impl Bounds {
    /// How long reads of AWS lag writes at most: what is this old is shown by every read.
    pub const LAG: Ticks = 2;
    /// How long after its attempt began a CreateRoom may take effect.
    pub const OPERATION: Ticks = 1;
    /// Rooms that can be made in all.
    pub const ROOMS: usize = 2;
    /// What an operator has to wait for.
    pub const GRACE: Ticks = Self::LAG + Self::OPERATION;
    /// By how much a clock is set.
    pub const STEP: Ticks = Self::GRACE;
}
