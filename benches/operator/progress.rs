//! Waiting with an end: says how far something is, and never waits for ever.

use std::time::{Duration, Instant};

/// Between two lines about the same thing.
const TELL: Duration = Duration::from_secs(10);
/// Between two checks.
const CHECK: Duration = Duration::from_millis(20);

/// Tells whoever watches the benchmark.
pub fn say(text: &str) {
    eprintln!("bench: {text}");
}

/// Waits until `reached` comes to `goal`, for `patience` at most. Gives what was reached.
pub async fn reach(
    what: &str,
    goal: usize,
    patience: Duration,
    mut reached: impl FnMut() -> usize,
) -> usize {
    let begun = Instant::now();
    let mut told = begun;
    loop {
        let now = reached();
        if now >= goal || begun.elapsed() >= patience {
            return now;
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            say(&format!(
                "  {what}: {now} of {goal} after {:.0} s (at most {:.0} s)",
                begun.elapsed().as_secs_f64(),
                patience.as_secs_f64()
            ));
        }
        tokio::time::sleep(CHECK).await;
    }
}

/// Waits for as long as that.
pub async fn rest(what: &str, time: Duration) {
    if time > TELL {
        say(&format!("  {what}: {:.0} s", time.as_secs_f64()));
    }
    tokio::time::sleep(time).await;
}
