//! Carries a case out: prepares, lets things go wrong, and has the end looked at.

use std::time::{Duration, Instant};

use ivschat_emulator::journal::Journal;
use kube::api::DeleteParams;
use serde_json::json;

use crate::call::{BYSTANDER, SUBJECT};
use crate::case::{Case, Meanwhile, Successor, Trial};
use crate::control_plane::ControlPlane;
use crate::deed::Deed;
use crate::end_state::EndState;
use crate::fault::{Fault, Lasting, Moment};
use crate::oracle::{self, Bystander, EDITED_LENGTH};
use crate::replay::replay;
use crate::script::{Point, Script};
use crate::stage::Stage;
use crate::{DEADLINE, Outcome, thousand};

/// Calls about the subject that AWS may get in a second in which everything fails.
const CALLS_A_SECOND: usize = 60;

/// The oracle of a case whose call did not come: nothing was tried.
pub const NEVER_STRUCK: &str = "the fault never struck";

/// Why a case failed, with what it takes to understand it.
pub struct Failed {
    pub oracle: String,
    pub details: String,
}

/// What a case left behind.
pub struct Ran {
    pub stage: Stage,
    /// How many of the API server's answers the model was compared with.
    pub outcome: Outcome<usize>,
}

/// Gives how many of the API server's answers the model was compared with.
pub async fn run(case: &Case, control_plane: &ControlPlane) -> Result<usize, Failed> {
    let ran = stage(case, control_plane).await.map_err(|error| Failed {
        oracle: format!("setting the stage: {error}"),
        details: String::new(),
    })?;
    ran.outcome.map_err(|error| Failed {
        oracle: error.to_string(),
        details: format!("--- trace\n{}{}", ran.stage.script.told(), ran.stage.logs()),
    })
}

async fn stage(case: &Case, control_plane: &ControlPlane) -> Outcome<Ran> {
    let mut stage = Stage::open(control_plane, &case.setting).await?;
    let outcome = play(case, &mut stage).await;
    for replica in &mut stage.replicas {
        replica.kill().await?;
    }
    let pairs = stage.recorder.pairs().await;
    let replayed = replay(&pairs, &stage.namespace, case.ground);
    let outcome = outcome.and(replayed);
    Ok(Ran { stage, outcome })
}

async fn play(case: &Case, stage: &mut Stage) -> Outcome {
    tokio::try_join!(stage.settle_bystander(), case.workload.prepare(stage))?;
    stage.script.begin();
    match &case.trial {
        Trial::Calm => case.workload.step(stage).await?,
        Trial::Crash {
            at,
            moment,
            successor,
            between,
        } => crash(case, stage, at, *moment, *successor, *between).await?,
        Trial::Fault {
            at,
            fault,
            lasting,
            meanwhile,
        } => {
            suffer(case, stage, at, fault, *lasting, meanwhile).await?;
        }
        Trial::Deed { at: None, deed } => {
            deed.carry_out(stage).await?;
            case.workload.step(stage).await?;
        }
        Trial::Deed { at: Some(at), deed } => {
            stage
                .script
                .arm(at, Fault::Pause(Moment::Unsent), Lasting::Times(1));
            case.workload.step(stage).await?;
            struck(&stage.script).await?;
            deed.carry_out(stage).await?;
            let from = Instant::now();
            stage.script.lift();
            if *deed == Deed::WipeUnseen {
                oracle::patient(stage, from).await?;
            }
        }
        Trial::Freeze { at, moment } => freeze(case, stage, at, *moment).await?,
        Trial::Relapse { at, moment } => relapse(case, stage, at, *moment).await?,
        Trial::Takeover { at, fault } => {
            let successor = Successor::OtherReplica;
            crash(case, stage, at, Moment::Unsent, successor, None).await?;
            stage
                .script
                .arm(&Point::renewal(), fault.clone(), Lasting::Times(1));
            let struck = tokio::time::timeout(DEADLINE, stage.script.struck(2)).await;
            struck.map_err(|_| NEVER_STRUCK)?;
        }
        Trial::Restored => restore(case, stage).await?,
        Trial::Estranged => estrange(case, stage).await?,
        Trial::GoneUnseen => return vanish(case, stage).await,
        Trial::Thousand => return thousand::play(stage).await,
    }
    oracle::verify(stage, &case.expected).await
}

/// Waits until a call stands still; gives whose.
async fn struck(script: &Script) -> Outcome<usize> {
    let paused = tokio::time::timeout(DEADLINE, script.paused()).await;
    Ok(paused.map_err(|_| NEVER_STRUCK)?)
}

async fn crash(
    case: &Case,
    stage: &mut Stage,
    at: &Point,
    moment: Moment,
    successor: Successor,
    between: Option<Deed>,
) -> Outcome {
    stage
        .script
        .arm(at, Fault::Pause(moment), Lasting::Times(1));
    case.workload.step(stage).await?;
    let replica = struck(&stage.script).await?;
    stage.script.cut_off(replica);
    stage.replicas[replica].kill().await?;
    if let Some(deed) = between {
        deed.carry_out(stage).await?;
    }
    if successor == Successor::OtherVersion {
        stage.replicas[replica].version = stage.replicas[replica].version.other();
    }
    if successor != Successor::OtherReplica {
        stage.script.revive(replica);
        stage.replicas[replica].run()?;
    }
    Ok(())
}

async fn suffer(
    case: &Case,
    stage: &Stage,
    at: &Point,
    fault: &Fault,
    lasting: Lasting,
    meanwhile: &Meanwhile,
) -> Outcome {
    stage.script.arm(at, fault.clone(), lasting);
    // A list may be fresh enough to do without another: only then does it fail by itself.
    if at.name == "ListRooms" {
        let often = if lasting == Lasting::Always { 4 } else { 1 };
        let struck = tokio::time::timeout(DEADLINE, stage.script.struck(often)).await;
        struck.map_err(|_| NEVER_STRUCK)?;
    }
    case.workload.step(stage).await?;
    let struck = tokio::time::timeout(DEADLINE, stage.script.struck(1)).await;
    struck.map_err(|_| NEVER_STRUCK)?;
    if case.expected.bystander == Bystander::Edited {
        stage
            .patch(
                BYSTANDER,
                json!({"spec": {"maximumMessageLength": EDITED_LENGTH}}),
            )
            .await?;
    }
    match meanwhile {
        Meanwhile::Nothing => return Ok(()),
        Meanwhile::Converges => oracle::converge(stage, &case.expected.end).await?,
        Meanwhile::Tells(reasons) => {
            oracle::tells(stage, reasons).await?;
            let from = Instant::now();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let calls = stage.script.calls_since(from);
            if calls > CALLS_A_SECOND {
                return Err(format!("bounded calls: {calls} in a second in which all fail").into());
            }
        }
    }
    oracle::bystander_served(stage).await?;
    stage.script.lift();
    stage.kick(SUBJECT).await
}

/// The leader dies, and the next one as it takes the lease.
async fn relapse(case: &Case, stage: &mut Stage, at: &Point, moment: Moment) -> Outcome {
    let successor = Successor::OtherReplica;
    crash(case, stage, at, Moment::Unsent, successor, None).await?;
    stage
        .script
        .arm(&Point::renewal(), Fault::Pause(moment), Lasting::Times(1));
    let second = struck(&stage.script).await?;
    stage.script.cut_off(second);
    stage.replicas[second].kill().await?;
    for (id, replica) in stage.replicas.iter_mut().enumerate() {
        stage.script.revive(id);
        replica.run()?;
    }
    Ok(())
}

/// The leader stands still in the middle of a call, while another takes over and finishes.
async fn freeze(case: &Case, stage: &Stage, at: &Point, moment: Moment) -> Outcome {
    stage
        .script
        .arm(at, Fault::Pause(moment), Lasting::Times(1));
    case.workload.step(stage).await?;
    let frozen = struck(&stage.script).await?;
    stage.replicas[frozen].freeze().await?;
    oracle::converge(stage, &case.expected.end).await?;
    let thawed = Instant::now();
    if moment == Moment::Unsent {
        land(stage).await?;
    } else {
        answer(stage, frozen).await?;
    }
    stage.replicas[frozen].thaw().await?;
    oracle::verify(stage, &case.expected).await?;
    idle(stage, frozen, thawed)
}

/// The leader hears nothing of its lease, but of everything else: it must know by itself that its term is over.
async fn estrange(case: &Case, stage: &Stage) -> Outcome {
    let takeover = tokio::time::timeout(DEADLINE, stage.script.estrange_leader()).await;
    let deposed = takeover.map_err(|_| "failover: nobody took over")?;
    let since = Instant::now();
    case.workload.step(stage).await?;
    oracle::verify(stage, &case.expected).await?;
    idle(stage, deposed, since)
}

fn idle(stage: &Stage, deposed: usize, since: Instant) -> Outcome {
    match stage.script.aws_writes_of(deposed, since) {
        writes if writes.is_empty() => Ok(()),
        writes => Err(format!("leadership: a deposed leader began {writes:?}").into()),
    }
}

/// Lets the answer that stands still go on, and waits until the frozen process only has to read it.
async fn answer(stage: &Stage, frozen: usize) -> Outcome {
    let replica = &stage.replicas[frozen];
    let before = replica.unread()?;
    stage.script.lift();
    let arrives = async {
        while replica.unread()? <= before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    tokio::time::timeout(DEADLINE, arrives)
        .await
        .map_err(|_| "the late answer did not arrive")?
}

/// Lets the call that stands still go on, and waits until it has had its effect, late as it is.
async fn land(stage: &Stage) -> Outcome {
    let writes = |journal: &Journal| {
        journal
            .calls()
            .iter()
            .filter(|entry| entry.operation.writes())
            .count()
    };
    let mut journal = stage.emulator.watch_journal();
    let before = writes(&journal.borrow());
    stage.script.lift();
    let landed = journal.wait_for(|journal| writes(journal) > before);
    tokio::time::timeout(DEADLINE, landed)
        .await
        .map_err(|_| "the late call did not land")??;
    Ok(())
}

async fn restore(case: &Case, stage: &mut Stage) -> Outcome {
    case.workload.step(stage).await?;
    oracle::converge(stage, &case.expected.end).await?;
    let object = stage.chat_rooms.get(SUBJECT).await?;
    stage.script.cut_off(0);
    stage.replicas[0].kill().await?;
    stage
        .patch(SUBJECT, json!({"metadata": {"finalizers": null}}))
        .await?;
    stage
        .chat_rooms
        .delete(SUBJECT, &DeleteParams::default())
        .await?;
    stage
        .until(SUBJECT, "gone", |object| object.is_none())
        .await?;
    stage
        .create(SUBJECT, serde_json::to_value(object.spec)?)
        .await?;
    stage.script.revive(0);
    stage.replicas[0].run()
}

/// Reads that show no room for longer than they may cannot be told from a room that is gone. So the object may go and leave its
/// room behind: but then people are told of it.
async fn vanish(case: &Case, stage: &Stage) -> Outcome {
    case.workload.step(stage).await?;
    stage
        .until(SUBJECT, "gone", |object| object.is_none())
        .await?;
    let begun = Instant::now();
    while EndState::of(stage).await? != case.expected.end && !oracle::orphan_told(stage).await? {
        if begun.elapsed() > DEADLINE {
            return Err("orphans: a room is left that nothing reports".into());
        }
        let _ = tokio::time::timeout(Duration::from_millis(200), stage.script.next_call()).await;
    }
    oracle::foreign_room_untouched(stage)
}
