//! What a contestant asks of Kubernetes, by the API server's own audit log.
//!
//! The log is the lightest honest count. It holds only what the contestant's own account asks, so the harness needs no
//! subtraction, it names subresources, it counts what was refused too, and nothing stands between the two. A proxy would slow
//! contestants down, and the API server's metrics do not say who asked.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use crate::Outcome;

/// The contestants' service account in Kubernetes.
pub const ACCOUNT: &str = "contestant";
/// Its namespace, which holds its lease too.
pub const NAMESPACE: &str = "bench";

/// Reads the log as it grows.
pub struct Audit {
    path: PathBuf,
    read: u64,
    rest: String,
    writes: Writes,
    looks: Vec<Look>,
}

/// How often the contestant wrote, refused writes included.
#[derive(Debug, Default, Clone, Copy)]
pub struct Writes {
    /// To ChatRooms and their status, and to anything but events and leases.
    pub objects: u64,
    pub events: u64,
    pub leases: u64,
}

/// It began to list or to watch ChatRooms.
#[derive(Debug, Clone)]
pub struct Look {
    pub at: Timestamp,
    pub watch: bool,
    /// The watch delivers the list first.
    pub streamed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    object_ref: Option<Reference>,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    resource: String,
}

impl Audit {
    /// In this directory. Gives the flags with which kube-apiserver writes the log.
    pub fn prepare(directory: &Path) -> Outcome<(Self, Vec<String>)> {
        let policy = directory.join("audit.yaml");
        let path = directory.join("audit.log");
        fs::write(
            &policy,
            format!(
                "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n  \
                 - {{level: Metadata, users: [\"system:serviceaccount:{NAMESPACE}:{ACCOUNT}\"], \
                 verbs: [create, update, patch, delete, deletecollection, list, watch]}}\n  \
                 - {{level: None}}\n"
            ),
        )?;
        let flags = vec![
            format!("--audit-policy-file={}", policy.display()),
            format!("--audit-log-path={}", path.display()),
            // In MB. It is not to begin a new file.
            "--audit-log-maxsize=100000".to_owned(),
        ];
        let audit = Self {
            path,
            read: 0,
            rest: String::new(),
            writes: Writes::default(),
            looks: Vec::new(),
        };
        Ok((audit, flags))
    }

    /// The writes so far.
    pub fn writes(&mut self) -> Outcome<Writes> {
        self.catch_up()?;
        Ok(self.writes)
    }

    /// Its lists and watches of ChatRooms since then.
    pub fn looks(&mut self, since: Timestamp) -> Outcome<Vec<Look>> {
        self.catch_up()?;
        let looks = self.looks.iter().filter(|look| look.at >= since);
        Ok(looks.cloned().collect())
    }

    fn catch_up(&mut self) -> Outcome<()> {
        let Ok(mut file) = File::open(&self.path) else {
            // The first line is not written yet.
            return Ok(());
        };
        file.seek(SeekFrom::Start(self.read))?;
        let mut news = Vec::new();
        self.read += file.read_to_end(&mut news)? as u64;
        self.rest.push_str(&String::from_utf8(news)?);
        let complete = self.rest.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.rest.split_off(complete);
        for line in std::mem::replace(&mut self.rest, rest).lines() {
            let line: Line = serde_json::from_str(line)?;
            self.take(&line);
        }
        Ok(())
    }

    fn take(&mut self, line: &Line) {
        let resource = line.object_ref.as_ref().map(|it| it.resource.as_str());
        match line.verb.as_str() {
            "list" | "watch" => {
                let watch = line.verb == "watch";
                let begins = line.stage
                    == if watch {
                        "ResponseStarted"
                    } else {
                        "ResponseComplete"
                    };
                if resource == Some("chatrooms") && begins {
                    self.looks.push(Look {
                        at: line.stage_timestamp,
                        watch,
                        streamed: line.uri.contains("sendInitialEvents=true"),
                    });
                }
            }
            _ if line.stage != "ResponseComplete" => {}
            _ => match resource {
                Some("leases") => self.writes.leases += 1,
                Some("events") => self.writes.events += 1,
                _ => self.writes.objects += 1,
            },
        }
    }
}

impl std::ops::Sub for Writes {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            objects: self.objects - before.objects,
            events: self.events - before.events,
            leases: self.leases - before.leases,
        }
    }
}
