//! AWS's time. What a room's absence is proven by must not move when somebody sets the clock of this machine.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::clock::Clock;

/// Tells AWS's time: what its answers say, carried on by the steady clock. Clones are the same clock.
///
/// An answer tells when it was sent, so AWS's time is no earlier now, and later by no more than the grain of what was told and the
/// time that the call took. Time is moved into that range where it is outside: it may also go back.
///
/// The steady clock stops while a virtual machine is suspended. So where the machine's clock has gone on otherwise than the steady one
/// since AWS was heard, AWS has to be heard again.
#[derive(Debug, Clone)]
pub struct AwsClock {
    machine: Clock,
    /// Answers that leave more than this open are not heard.
    tolerance: Duration,
    anchor: Arc<Mutex<Anchor>>,
}

#[derive(Debug)]
struct Anchor {
    time: Timestamp,
    at: Instant,
    /// What the machine's clock said when AWS was heard last; `None`: it was not.
    heard: Option<Timestamp>,
    /// How many standstills were noticed.
    standstills: u32,
}

/// When a request was sent, by both clocks of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    steady: Instant,
    machine: Timestamp,
}

/// Two clocks of one machine go on alike if they differ by no more, as reading both of them takes time, too.
const ALIKE: Duration = Duration::from_secs(1);

/// When AWS sent an answer, as the answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// No earlier than this.
    pub date: Timestamp,
    /// And earlier than so much later.
    pub grain: Duration,
}

impl Sent {
    /// What the header `Date` says, which counts seconds (RFC 9110, 5.6.7).
    pub fn header(date: Timestamp) -> Self {
        let grain = Duration::from_secs(1);
        Self { date, grain }
    }
}

impl AwsClock {
    /// One that goes on from what `machine` says now, until AWS is heard. `skew`: how far two of these clocks may be apart.
    pub fn new(machine: &Clock, skew: Duration) -> Self {
        let anchor = Anchor {
            time: machine.now(),
            at: Instant::now(),
            heard: None,
            standstills: 0,
        };
        Self {
            machine: machine.clone(),
            tolerance: skew / 2,
            anchor: Arc::new(Mutex::new(anchor)),
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// What time it was then.
    pub fn at(&self, then: Instant) -> Timestamp {
        self.anchor().time_at(then)
    }

    /// Whether AWS was heard, and time can have gone on steadily since. Otherwise nothing may rest on what time it is.
    pub fn is_heard(&self) -> bool {
        let (machine, now) = (self.machine.now(), Instant::now());
        let anchor = self.anchor();
        let off = anchor.off(machine, now);
        off.is_some_and(|off| off.abs() <= self.alike())
    }

    /// How many standstills were noticed. A steady time from before one cannot be dated.
    pub fn standstills(&self) -> u32 {
        self.anchor().standstills
    }

    /// A request is sent now.
    pub fn ask(&self) -> Asked {
        Asked {
            steady: Instant::now(),
            machine: self.machine.now(),
        }
    }

    /// From now on AWS has to be heard again.
    pub fn forget(&self) {
        self.anchor().heard = None;
    }

    /// Takes in what an answer says to a request that was sent at `asked`. `None`: it says nothing, and the machine's time has to do.
    pub fn hear(&self, sent: Option<Sent>, asked: Asked) {
        let (machine, now) = (self.machine.now(), Instant::now());
        let took = now.saturating_duration_since(asked.steady);
        // It may have been under way while the machine stood still.
        let by_machine = machine.duration_since(asked.machine);
        let took = took.max(by_machine.try_into().unwrap_or_default());
        let mut anchor = self.anchor();
        let time = match sent {
            None => machine,
            Some(Sent { date, grain }) => {
                // With an allowance so small no answer would be quick enough.
                if grain + took > self.tolerance.max(grain * 2) {
                    return;
                }
                let latest = later(date, signed(grain + took));
                anchor.time_at(now).clamp(date, latest)
            }
        };
        let off = anchor.off(machine, now);
        let ahead = off.map(|_| time.duration_since(anchor.time_at(now)));
        let stood_still = [off, ahead].map(|off| off.is_some_and(|off| off > self.alike()));
        *anchor = Anchor {
            time,
            at: now,
            heard: Some(machine),
            standstills: anchor.standstills + u32::from(stood_still.contains(&true)),
        };
    }

    fn alike(&self) -> SignedDuration {
        signed(self.tolerance.max(ALIKE))
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Anchor {
    /// By how much more the machine's clock has gone on than the steady one since AWS was heard.
    fn off(&self, machine: Timestamp, now: Instant) -> Option<SignedDuration> {
        let passed = signed(now.saturating_duration_since(self.at));
        self.heard
            .map(|heard| machine.duration_since(heard) - passed)
    }

    fn time_at(&self, then: Instant) -> Timestamp {
        let passed = signed(then.saturating_duration_since(self.at));
        let before = signed(self.at.saturating_duration_since(then));
        later(self.time, passed - before)
    }
}

fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use tokio::time::advance;

    use super::*;

    /// A clock whose machine begins at the beginning of time.
    fn clock(skew: u64) -> AwsClock {
        machine(skew).0
    }

    /// And by how many seconds its machine's clock is set.
    fn machine(skew: u64) -> (AwsClock, Arc<Mutex<i64>>) {
        let (begun, set) = (Instant::now(), Arc::new(Mutex::new(0)));
        let by = Arc::clone(&set);
        let machine = Clock::of(move || {
            let passed = i64::try_from(begun.elapsed().as_millis()).unwrap();
            seconds(*by.lock().unwrap()) + passed.milliseconds()
        });
        (AwsClock::new(&machine, Duration::from_millis(skew)), set)
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + seconds.seconds()
    }

    async fn pass(millis: u64) {
        advance(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn until_aws_is_heard_time_goes_on_from_where_the_machine_was() {
        let clock = clock(10_000);
        pass(90_000).await;
        assert_eq!((clock.now(), clock.is_heard()), (seconds(90), false));
        let then = Instant::now();
        pass(5_000).await;
        assert_eq!((clock.at(then), clock.now()), (seconds(90), seconds(95)));
    }

    #[tokio::test(start_paused = true)]
    async fn time_moves_no_further_than_an_answer_demands() {
        let clock = clock(10_000);
        let answers = [
            // The machine is behind, then right, then ahead: the call took half a second.
            (3600, 500, 3_600_000),
            (3600, 0, 3_600_000),
            (3601, 500, 3_601_000),
            (3600, 500, 3_601_500),
            (3500, 500, 3_501_500),
        ];
        let mut times = Vec::new();
        for (date, took, _) in answers {
            let asked = clock.ask();
            pass(took).await;
            clock.hear(Some(Sent::header(seconds(date))), asked);
            times.push(clock.now().as_millisecond());
        }
        assert_eq!(times, answers.map(|(_, _, time)| time));
        pass(1_234).await;
        assert_eq!(clock.now().as_millisecond(), 3_502_734);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_took_long_tells_too_little() {
        for (skew, took, heard) in [
            (10_000, 4_000, true),
            (10_000, 4_001, false),
            // However small the allowance is.
            (0, 1_000, true),
            (0, 1_001, false),
        ] {
            let clock = clock(skew);
            let asked = clock.ask();
            pass(took).await;
            clock.hear(Some(Sent::header(seconds(3600))), asked);
            assert_eq!(clock.is_heard(), heard, "{took} ms of {skew} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn aws_has_to_be_heard_again_once_the_clocks_of_the_machine_have_gone_on_differently() {
        let (clock, set) = machine(10_000);
        let hear = |date, asked| clock.hear(Some(Sent::header(seconds(date))), asked);
        hear(3600, clock.ask());
        // The machine was suspended, or somebody has set its clock: which of both it does not know.
        for (off, heard) in [(5, true), (6, false), (-5, true), (-6, false), (0, true)] {
            *set.lock().unwrap() = off;
            assert_eq!(clock.is_heard(), heard, "{off} s");
        }
        let asked = clock.ask();
        *set.lock().unwrap() = 300;
        hear(3600, asked);
        assert_eq!(
            (clock.standstills(), clock.is_heard()),
            (0, false),
            "it took 300 s"
        );
        hear(3900, clock.ask());
        assert_eq!((clock.now(), clock.is_heard()), (seconds(3900), true));
        assert_eq!(clock.standstills(), 1);
        // Where the machine's clock stands still, too, AWS's answer tells.
        hear(4200, clock.ask());
        assert_eq!((clock.now(), clock.standstills()), (seconds(4200), 2));
        clock.forget();
        assert_eq!((clock.now(), clock.is_heard()), (seconds(4200), false));
        hear(4500, clock.ask());
        assert_eq!(clock.standstills(), 2, "nothing was heard before");
    }

    #[tokio::test(start_paused = true)]
    async fn where_answers_tell_no_time_the_machine_s_has_to_do() {
        let clock = clock(10_000);
        pass(1_000).await;
        clock.hear(None, clock.ask());
        assert_eq!((clock.now(), clock.is_heard()), (seconds(1), true));
    }
}
