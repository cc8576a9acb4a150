//! `ivschat-operator check`: whether everything is there that the operator needs, tried from where it runs and as who it is.
//!
//! Each thing is tried for itself, so that one look shows all that is wrong. Nothing is changed, unless `--write` is given:
//! then a room of the check's own is made, changed and deleted.

mod aws;
mod crd;
mod kubernetes;
mod scratch;

use std::fmt;

pub use aws::Aws;
pub use kubernetes::Cluster;

/// What came of trying one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Ok,
    /// It does for now; the detail says what may come of it, and what to do.
    Warning,
    /// It does not; the detail says why, and what to do.
    Failed,
    /// It was not tried; the detail says why.
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

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    what: String,
    outcome: Outcome,
    detail: String,
}

/// Everything that was tried, in its order. Displayed, it is a table.
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

    /// Adds what could not even be tried, and why.
    pub fn fail(&mut self, what: &str, why: String) {
        self.add(what, Outcome::Failed, why);
    }

    /// Adds what came of trying one thing; gives whether it works.
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
