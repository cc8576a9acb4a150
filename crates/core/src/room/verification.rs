//! When a room is compared as a whole, although no list shows it otherwise: lists lack both maximums, and a change may leave
//! `updateTime` as it was.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

/// The first moment after `time` at which the room of this object is due. Moments are an interval apart and follow from the
/// object's uid, so that objects are spread evenly, and every process comes to the same.
pub fn next(uid: &str, interval: SignedDuration, time: Timestamp) -> Timestamp {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    let interval = interval.as_millis().max(1);
    let offset = i128::from(hasher.finish()) % interval;
    let since = (i128::from(time.as_millisecond()) - offset).rem_euclid(interval);
    let left = i64::try_from(interval - since).unwrap_or(i64::MAX);
    let next = time.checked_add(SignedDuration::from_millis(left));
    next.unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    #[test]
    fn each_object_has_a_moment_of_its_own_that_comes_once_an_interval() {
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut moments: Vec<_> = (0..1000)
            .map(|number| next(&format!("uid-{number}"), DAY, start))
            .collect();
        for (number, moment) in moments.iter().enumerate() {
            let uid = format!("uid-{number}");
            assert!(*moment > start && *moment <= start + 24.hours());
            assert_eq!(next(&uid, DAY, *moment - 1.millisecond()), *moment);
            assert_eq!(next(&uid, DAY, *moment), *moment + 24.hours());
        }
        moments.sort_unstable();
        // No hour is busier than twice the others.
        for hour in 0..24 {
            let begun = start + hour.hours();
            let due = moments
                .iter()
                .filter(|it| **it > begun && **it <= begun + 1.hour());
            assert!((20..=84).contains(&due.count()), "{hour}");
        }
    }
}
