//! `ivschat-operator check`: checks that everything the operator needs is in place, from where it runs and with its rights.
//!
//! Each thing is checked by itself, so that one run shows all that is wrong. Nothing is changed, unless `--write` is given:
//! then the check creates, changes and deletes a room of its own.

mod aws;
mod cluster;
mod crd;
mod credentials;
mod kubernetes;
mod scratch;

use std::fmt;

pub use cluster::Cluster;
pub use credentials::Aws;

/// The outcome of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Ok,
    /// It works for now; the detail says what may go wrong, and what to do.
    Warning,
    /// It does not work; the detail says why, and what to do.
    Failed,
    /// It was not checked; the detail says why.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    what: String,
    outcome: Outcome,
    detail: String,
}

/// All checks, in order. Displayed, it is a table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report(Vec<Row>);

impl Report {
    fn add(&mut self, what: impl Into<String>, outcome: Outcome, detail: impl Into<String>) {
        self.0.push(Row {
            what: what.into(),
            outcome,
            detail: detail.into(),
        });
    }

    /// Adds a check that could not even begin, and why.
    pub fn fail(&mut self, what: &str, why: String) {
        self.add(what, Outcome::Failed, why);
    }

    /// Adds the outcome of one check. Returns whether it works.
    fn tried(&mut self, what: impl Into<String>, tried: Result<String, String>) -> bool {
        let works = tried.is_ok();
        match tried {
            Ok(detail) => self.add(what, Outcome::Ok, detail),
            Err(detail) => self.add(what, Outcome::Failed, detail),
        }
        works
    }

    /// Whether nothing failed.
    pub fn well(&self) -> bool {
        self.failed() == 0
    }

    fn failed(&self) -> usize {
        let failed = self.0.iter().filter(|row| row.outcome == Outcome::Failed);
        failed.count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|row| row.what.chars().count()).max();
        let width = width.unwrap_or_default();
        writeln!(f, "{:width$}  {:7}  DETAIL", "WHAT", "RESULT")?;
        for Row {
            what,
            outcome,
            detail,
        } in &self.0
        {
            writeln!(f, "{what:width$}  {outcome:7}  {detail}")?;
        }
        match self.failed() {
            0 if self.0.iter().any(|row| row.outcome == Outcome::Warning) => {
                write!(f, "\nall works, with a warning")
            }
            0 => write!(f, "\nall is well"),
            failed => write!(f, "\n{failed} of {} failed", self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table_and_says_how_much_failed() {
        let mut report = Report::default();
        assert!(report.tried("credentials", Ok("account 123456789012".to_owned())));
        assert!(report.well());
        assert!(!report.tried("ListRooms", Err("Denied: no. Allow it".to_owned())));
        report.add("DeleteRoom", Outcome::Skipped, "no room was made");
        assert!(!report.well());
        let table = "\
WHAT         RESULT   DETAIL
credentials  ok       account 123456789012
ListRooms    FAILED   Denied: no. Allow it
DeleteRoom   skipped  no room was made

1 of 3 failed";
        assert_eq!(report.to_string(), table);
    }
}
