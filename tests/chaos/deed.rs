//! What others do to the objects, the watches and the cluster while the operator is at work.

use std::time::Duration;

use ivschat_core::api::chat_room_crd;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;
use tokio::process::Command;

use crate::Outcome;
use crate::call::{BYSTANDER, SUBJECT};
use crate::control_plane::{self, ControlPlane};
use crate::stage::Stage;
use crate::weather::Weather;

/// "A minute", at a hundredth.
const A_WHILE: Duration = Duration::from_millis(600);
/// Long enough for passes without a pause between them to stand out.
const LONG: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Every watch breaks off.
    DropWatches,
    /// Every watch ends with 410 Gone.
    ExpireWatches,
    /// Watches deliver nothing for a while.
    SilenceWatches,
    /// Watches deliver everything twice from now on.
    DoubleWatches,
    /// Somebody labels the object, and the operator's watch does not show it.
    ChangeUnseen,
    /// Somebody clears the status, and the operator's watch does not show it for long.
    WipeUnseen,
    /// The API server cannot be reached for a while.
    Outage,
    /// Somebody clears the status.
    WipeStatus,
    /// Somebody writes a status of his own.
    ForgeStatus,
    /// Somebody removes the finalizers.
    StripFinalizers,
    /// The namespace is deleted, with all that is in it.
    DeleteNamespace,
    /// The API server's process is killed and started again.
    RestartApiServer,
    /// The CRD is applied anew, with a difference.
    ReapplyCrd,
}

impl Deed {
    pub fn name(self) -> &'static str {
        match self {
            Self::DropWatches => "watches-drop",
            Self::ExpireWatches => "watches-expire",
            Self::SilenceWatches => "watches-fall-silent",
            Self::DoubleWatches => "watches-say-all-twice",
            Self::ChangeUnseen => "a-change-unseen",
            Self::WipeUnseen => "status-wiped-unseen",
            Self::Outage => "api-server-unreachable",
            Self::WipeStatus => "status-wiped",
            Self::ForgeStatus => "status-forged",
            Self::StripFinalizers => "finalizers-stripped",
            Self::DeleteNamespace => "namespace-deleted",
            Self::RestartApiServer => "api-server-restarts",
            Self::ReapplyCrd => "crd-reapplied",
        }
    }

    /// Does it. Gives how long it lasts, if it has to be ended.
    pub async fn carry_out(self, stage: &Stage) -> Outcome {
        let weather = &stage.script.weather;
        match self {
            Self::DropWatches => weather.send_modify(Weather::drop_watches),
            Self::ExpireWatches => weather.send_modify(Weather::expire_watches),
            Self::SilenceWatches => hold(stage, A_WHILE),
            Self::DoubleWatches => weather.send_modify(|weather| weather.twice = true),
            Self::Outage => stage.script.outage(A_WHILE),
            Self::ChangeUnseen => {
                hold(stage, A_WHILE);
                ignore_missing(
                    stage
                        .patch(SUBJECT, json!({"metadata": {"labels": {"team": "live"}}}))
                        .await,
                )?;
            }
            Self::WipeUnseen => {
                hold(stage, LONG);
                ignore_missing(stage.patch_status(SUBJECT, json!({"status": null})).await)?;
            }
            Self::WipeStatus => {
                ignore_missing(stage.patch_status(SUBJECT, json!({"status": null})).await)?;
            }
            Self::ForgeStatus => {
                let forged = json!({"status": {"arn": stage.foreign.arn, "id": stage.foreign.id, "creation": null}});
                ignore_missing(stage.patch_status(SUBJECT, forged).await)?;
            }
            Self::StripFinalizers => {
                ignore_missing(
                    stage
                        .patch(SUBJECT, json!({"metadata": {"finalizers": null}}))
                        .await,
                )?;
            }
            Self::RestartApiServer => restart(&stage.control_plane).await?,
            Self::DeleteNamespace => {
                // From now on the API server takes nothing new in it; that its contents go is then the work of a controller.
                let namespaces: Api<Namespace> = Api::all(stage.client.clone());
                namespaces
                    .delete(&stage.namespace, &DeleteParams::default())
                    .await?;
                for name in [SUBJECT, BYSTANDER] {
                    match stage
                        .chat_rooms
                        .delete(name, &DeleteParams::default())
                        .await
                    {
                        Err(kube::Error::Api(status)) if status.code == 404 => {}
                        outcome => drop(outcome?),
                    }
                }
            }
            Self::ReapplyCrd => reapply_crd(stage).await?,
        }
        Ok(())
    }
}

/// What it has stored stays, in etcd.
async fn restart(control_plane: &ControlPlane) -> Outcome {
    let directory = control_plane
        .kubeconfig
        .parent()
        .ok_or("no control plane")?;
    let restart = Command::new(control_plane::SCRIPT)
        .arg("restart")
        .arg(directory)
        .status()
        .await?;
    if restart.success() {
        Ok(())
    } else {
        Err(format!("the API server did not come back: {restart}").into())
    }
}

/// Holds the watches for so long.
fn hold(stage: &Stage, lasting: Duration) {
    let weather = stage.script.weather.clone();
    weather.send_modify(|weather| weather.held = true);
    tokio::spawn(async move {
        tokio::time::sleep(lasting).await;
        weather.send_modify(|weather| weather.held = false);
    });
}

/// An object that is being deleted may be gone already.
fn ignore_missing(outcome: Outcome) -> Outcome {
    match outcome {
        Err(error) if error.to_string().contains("not found") => Ok(()),
        outcome => outcome,
    }
}

/// The API server serves a kind anew only if its CRD differs: so a column's description does, each time.
async fn reapply_crd(stage: &Stage) -> Outcome {
    let crd = chat_room_crd()?;
    let mut crd = serde_json::to_value(crd)?;
    let told = format!("Of {}", stage.namespace);
    crd["spec"]["versions"][0]["additionalPrinterColumns"][0]["description"] = json!(told);
    let crds: Api<CustomResourceDefinition> = Api::all(stage.client.clone());
    let name = crd["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    crds.patch(&name, &PatchParams::default(), &Patch::Merge(crd))
        .await?;
    Ok(())
}
