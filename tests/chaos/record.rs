//! Fault-free runs: what a workload comes to, and the calls at which things can go wrong.

use std::time::Duration;

use crate::call::SUBJECT;
use crate::case::{Axis, Case, Trial};
use crate::control_plane::ControlPlane;
use crate::end_state::EndState;
use crate::replica::Version;
use crate::script::Point;
use crate::stage::{Stage, arn_of, is_ready};
use crate::workload::{Leaves, Workload};
use crate::{DEADLINE, Outcome};

/// Calm runs of each workload.
const RUNS: usize = 3;
/// Reads recur with every look; of each kind so many are told apart.
const READS: u32 = 2;
/// Nothing more is written, so the step is over.
const QUIET: Duration = Duration::from_millis(200);

/// What is known of a workload.
#[derive(Debug, Clone)]
pub struct Recording {
    pub workload: Workload,
    /// Whose calls they are.
    pub version: Version,
    pub end: EndState,
    /// The calls of the step about its object, in their order, as far as they come in every run.
    pub points: Vec<Point>,
}

impl Recording {
    /// Several runs, since a look or a list that is due by the clock may fall into some of them only.
    pub async fn of(
        workload: Workload,
        version: Version,
        control_plane: &ControlPlane,
    ) -> Outcome<Self> {
        let (end, mut points) = Box::pin(run(workload, version, control_plane)).await?;
        for _ in 1..RUNS {
            let (other_end, others) = Box::pin(run(workload, version, control_plane)).await?;
            if end != other_end {
                let name = workload.name();
                return Err(format!(
                    "{name}: two calm runs end differently: {end:#?} {other_end:#?}"
                )
                .into());
            }
            points.retain(|point| others.contains(point) && (point.writes || point.skip < READS));
        }
        Ok(Self {
            workload,
            version,
            end,
            points,
        })
    }

    /// The calls that change something.
    pub fn writes(&self) -> impl Iterator<Item = &Point> {
        self.points
            .iter()
            .filter(|point| point.writes && point.name != "POST events")
    }

    /// The call that comes right before this one.
    pub fn before(&self, at: &Point) -> Option<&Point> {
        let index = self.points.iter().position(|point| point == at)?;
        self.points.get(index.checked_sub(1)?)
    }

    /// Each kind of call once, at its first.
    pub fn kinds(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.skip == 0)
    }
}

async fn run(
    workload: Workload,
    version: Version,
    control_plane: &ControlPlane,
) -> Outcome<(EndState, Vec<Point>)> {
    let case = Case::new(
        Axis::Crash,
        workload,
        &EndState::nothing(),
        "recording",
        Trial::Calm,
    )
    .begun_by(version);
    let mut stage = Stage::open(control_plane, &case.setting).await?;
    tokio::try_join!(stage.settle_bystander(), workload.prepare(&stage))?;
    let before = stage
        .chat_rooms
        .get_opt(SUBJECT)
        .await?
        .as_ref()
        .map(arn_of);
    stage.script.begin();
    workload.step(&stage).await?;
    let done = |object: Option<&_>| match workload.leaves() {
        Leaves::Both => object.is_some_and(|object| {
            is_ready(object) && (workload != Workload::Recreate || Some(arn_of(object)) != before)
        }),
        Leaves::Room | Leaves::Nothing => object.is_none(),
    };
    stage.until(SUBJECT, "as the step says", done).await?;
    let quiet = async {
        while stage.script.since_last_write() < QUIET {
            tokio::time::sleep(QUIET.saturating_sub(stage.script.since_last_write())).await;
        }
    };
    tokio::time::timeout(DEADLINE, quiet)
        .await
        .map_err(|_| "a calm run does not fall silent")?;
    let points = stage.script.points();
    let end = EndState::of(&stage).await?;
    for replica in &mut stage.replicas {
        replica.kill().await?;
    }
    Ok((end, points))
}
