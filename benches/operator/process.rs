//! A contestant's process: what it costs, and its end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use tokio::process::{Child, Command};

use crate::Outcome;

/// A contestant has this long to end when it is asked to.
const GRACE: Duration = Duration::from_secs(15);

/// A running contestant. Dropping it kills it.
pub struct Process {
    child: Child,
    pid: i32,
    log: PathBuf,
    /// When it was started.
    pub begun: Timestamp,
}

/// Memory of a process, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub resident: f64,
    pub anonymous: f64,
    /// The most that was resident since the start, or since the last reset.
    pub peak: f64,
}

impl Process {
    /// Starts it; what it says goes to `log`.
    pub fn start(mut command: Command, log: &Path) -> Outcome<Self> {
        let file = File::create(log)?;
        let begun = Timestamp::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()?;
        let pid = i32::try_from(child.id().ok_or("it ended at once")?)?;
        Ok(Self {
            child,
            pid,
            log: log.to_owned(),
            begun,
        })
    }

    /// Seconds of CPU so far.
    pub fn cpu(&self) -> Outcome<f64> {
        let stat = procfs::process::Process::new(self.pid)?.stat()?;
        let ticks = u32::try_from(stat.utime + stat.stime)?;
        let per_second = u32::try_from(procfs::ticks_per_second())?;
        Ok(f64::from(ticks) / f64::from(per_second))
    }

    pub fn memory(&self) -> Outcome<Memory> {
        let status = procfs::process::Process::new(self.pid)?.status()?;
        let mebibytes = |kibibytes: Option<u64>| -> Outcome<f64> {
            let kibibytes = kibibytes.ok_or("the kernel does not say")?;
            Ok(f64::from(u32::try_from(kibibytes)?) / 1024.0)
        };
        Ok(Memory {
            resident: mebibytes(status.vmrss)?,
            anonymous: mebibytes(status.rssanon)?,
            peak: mebibytes(status.vmhwm)?,
        })
    }

    /// From now on `peak` is the most since now.
    pub fn reset_peak(&self) -> Outcome<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?)
    }

    /// The first line of the log that contains this.
    pub fn logged(&self, wanted: &str) -> Option<String> {
        let log = fs::read_to_string(&self.log).ok()?;
        let line = log.lines().find(|line| line.contains(wanted));
        line.map(ToOwned::to_owned)
    }

    /// Fails if it has ended by itself.
    pub fn check(&mut self) -> Outcome<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("it ended ({status}); see {}", self.log.display()).into()),
        }
    }

    /// Asks it to end, and kills it if it does not.
    pub async fn stop(mut self) -> Outcome<()> {
        Command::new("kill")
            .args(["-TERM", &self.pid.to_string()])
            .status()
            .await?;
        if tokio::time::timeout(GRACE, self.child.wait())
            .await
            .is_err()
        {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// Ends it without notice.
    pub async fn kill(mut self) -> Outcome<()> {
        Ok(self.child.kill().await?)
    }
}
