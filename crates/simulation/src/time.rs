//! True time, which nobody in the simulation can set. It begins at zero and has a millisecond's grain, as tokio's timers have.

use std::time::Duration;

use jiff::Timestamp;

/// True time since a seed began.
pub(crate) type Time = Duration;

/// The shortest span that a timer of tokio's tells.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// When every seed begins, in the time of day: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600;

/// The time of day at a true time.
pub(crate) fn stamp(time: Time) -> Timestamp {
    let beginning = Timestamp::from_second(BEGINNING).unwrap_or_default();
    beginning.saturating_add(time).unwrap_or(Timestamp::MAX)
}
