//! A process: a tokio runtime of its own, whose clock moves only when the simulation lets it run.
//!
//! tokio moves a paused clock to the next timer by itself once nothing is ready. So a process that runs up to a time goes
//! through each of its timers on the way, at that timer's own time, and stops with nothing left to do before it. It stops earlier
//! where it sends something: whether an answer comes before its next timer is for the simulation to decide.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use ivschat_aws::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, advance, sleep_until};

use crate::time::{TICK, Time, stamp};

/// The clocks of a process: steady time, and the time of day, which can be set.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    begun: Time,
    start: Instant,
    /// How far the time of day is ahead, in milliseconds.
    ahead: Arc<AtomicI64>,
    sent: Arc<Notify>,
    asked: Arc<Asked>,
}

/// How often the process has asked what time it is since time last moved.
#[derive(Debug, Default)]
struct Asked {
    at: AtomicU64,
    times: AtomicU32,
}

/// A process that asks more often at one and the same moment goes round in a circle.
const MOST_ASKED: u32 = 20_000;

impl Clocks {
    /// True time, as far as the process has come. Only inside the process.
    pub(crate) fn here(&self) -> Time {
        self.begun + self.start.elapsed()
    }

    /// The process has sent something, and stops soon. Only inside the process.
    pub(crate) fn sent(&self) {
        self.sent.notify_one();
    }

    fn time_of_day(&self) -> Timestamp {
        self.require_progress();
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        let time = stamp(self.here()).saturating_add(ahead);
        time.unwrap_or(Timestamp::MAX)
    }

    fn require_progress(&self) {
        let here = u64::try_from(self.here().as_millis()).unwrap_or_default();
        let Asked { at, times } = &*self.asked;
        if at.swap(here, Ordering::Relaxed) != here {
            times.store(0, Ordering::Relaxed);
        }
        let times = times.fetch_add(1, Ordering::Relaxed);
        assert!(times < MOST_ASKED, "the process goes round in a circle");
    }

    /// What the operator is handed.
    pub(crate) fn clock(&self) -> Clock {
        let clocks = self.clone();
        Clock::of(move || clocks.time_of_day())
    }
}

/// How a process ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It returned.
    Stopped,
    /// It panicked, with this message.
    Panicked(String),
}

/// A process that runs, or is frozen.
pub(crate) struct Process {
    runtime: Runtime,
    clocks: Clocks,
    main: JoinHandle<()>,
    here: Time,
    /// The state of its own random numbers: those of others change nothing about them.
    random: u64,
}

impl Process {
    /// Starts a process, whose clock is `ahead` of true time by so many milliseconds.
    pub(crate) fn start<F>(
        begun: Time,
        ahead: i64,
        seed: u64,
        main: impl FnOnce(&Clocks) -> F,
    ) -> std::io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let (clocks, main) = {
            let _inside = runtime.enter();
            let clocks = Clocks {
                begun,
                start: Instant::now(),
                ahead: Arc::new(AtomicI64::new(ahead)),
                sent: Arc::default(),
                asked: Arc::default(),
            };
            fastrand::seed(seed);
            let main = main(&clocks);
            (clocks, main)
        };
        let main = runtime.spawn(main);
        Ok(Self {
            runtime,
            clocks,
            main,
            here: begun,
            random: fastrand::get_seed(),
        })
    }

    /// Runs up to a true time, through every timer on the way, or up to where it sends something. Returns how far it came.
    pub(crate) fn run(&mut self, to: Time) -> Time {
        let end = self.instant(to);
        let sent = &self.clocks.sent;
        let stop = async {
            tokio::select! {
                biased;
                () = sleep_until(end) => {}
                // Whatever else is to be done at the same moment is done.
                () = sent.notified() => sleep_until(end.min(Instant::now() + TICK)).await,
            }
            self.clocks.here()
        };
        fastrand::seed(self.random);
        self.here = self.runtime.block_on(stop);
        self.random = fastrand::get_seed();
        self.here
    }

    /// How far it has come.
    pub(crate) fn here(&self) -> Time {
        self.here
    }

    /// Wakes up at a true time after it stood still: every timer on the way is late.
    pub(crate) fn thaw(&mut self, at: Time) {
        let end = self.instant(at);
        fastrand::seed(self.random);
        self.runtime.block_on(async {
            let stood = end.saturating_duration_since(Instant::now());
            advance(stood.saturating_sub(TICK)).await;
        });
        self.random = fastrand::get_seed();
    }

    fn instant(&self, time: Time) -> Instant {
        self.clocks.start + time.saturating_sub(self.clocks.begun)
    }

    /// Sets its clock. Returns how far ahead it is now, in milliseconds.
    pub(crate) fn step_clock(&self, by: i64) -> i64 {
        self.clocks.ahead.fetch_add(by, Ordering::Relaxed) + by
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<End> {
        if !self.main.is_finished() {
            return None;
        }
        Some(match self.runtime.block_on(&mut self.main) {
            Ok(()) => End::Stopped,
            Err(error) => End::Panicked(panic_message(error)),
        })
    }
}

fn panic_message(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    const fn seconds(seconds: u64) -> Time {
        Duration::from_secs(seconds)
    }

    /// A process that notes the time every second.
    fn ticking(begun: Time) -> (Process, Arc<Mutex<Vec<Time>>>) {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let pad = Arc::clone(&noted);
        let process = Process::start(begun, 0, 1, |clocks| {
            let clocks = clocks.clone();
            async move {
                loop {
                    tokio::time::sleep(seconds(1)).await;
                    pad.lock().unwrap().push(clocks.here());
                }
            }
        });
        (process.unwrap(), noted)
    }

    #[test]
    fn a_process_that_runs_meets_each_of_its_timers_at_the_timer_s_own_time() {
        let (mut process, noted) = ticking(seconds(10));
        process.run(seconds(13) + TICK);
        let on_time = [11, 12, 13].map(seconds);
        assert_eq!(*noted.lock().unwrap(), on_time);
        process.run(seconds(13) + TICK);
        assert_eq!(*noted.lock().unwrap(), on_time, "its clock stands");
    }

    #[test]
    fn a_process_that_stood_still_meets_its_timers_late_and_at_once() {
        let (mut process, noted) = ticking(seconds(0));
        process.run(TICK);
        process.thaw(seconds(60));
        process.run(seconds(60));
        let late = seconds(60).saturating_sub(TICK);
        assert_eq!(*noted.lock().unwrap(), [late]);
    }

    #[test]
    fn only_a_process_s_own_clock_is_set_and_only_its_time_of_day() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let mut process = Process::start(seconds(5), 0, 1, |clocks| {
            let (clocks, clock) = (clocks.clone(), clocks.clock());
            async move {
                for _ in 0..2 {
                    tell.lock().unwrap().push((clocks.here(), clock.now()));
                    tokio::time::sleep(seconds(1)).await;
                }
            }
        })
        .unwrap();
        process.run(seconds(5) + TICK);
        assert_eq!(process.step_clock(-3_600_000), -3_600_000);
        process.run(seconds(8));
        let set_back = stamp(seconds(6)) - SignedDuration::from_hours(1);
        let expected = [(seconds(5), stamp(seconds(5))), (seconds(6), set_back)];
        assert_eq!(*told.lock().unwrap(), expected);
        assert_eq!(process.ended(), Some(End::Stopped));
    }
}
