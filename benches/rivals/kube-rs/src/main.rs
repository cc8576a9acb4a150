//! A textbook operator for ChatRooms on kube-rs: `Controller`, `finalizer`, and one GetRoom per object and reconciliation.

mod room;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_ivschat::error::DisplayErrorContext;
use futures::StreamExt;
use ivschat_core::api::ChatRoom;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Config};
use kube::runtime::finalizer::{self, Event, finalizer};
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;
use tracing_subscriber::EnvFilter;

const FINALIZER: &str = "rivals.ivschat-operator.io/kube-rs";
const FIELD_MANAGER: &str = "rival-kube-rs";
/// Unbounded by default.
const CONCURRENCY: u16 = 10;
const RESYNC: Duration = Duration::from_mins(5);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(5);

struct Context {
    kube: Client,
    ivschat: aws_sdk_ivschat::Client,
    /// Failures in a row, by the object's UID.
    failures: Mutex<HashMap<String, u32>>,
}

impl Context {
    fn failures(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("IVS Chat: {}", DisplayErrorContext(.0))]
    IvsChat(#[from] Box<aws_sdk_ivschat::Error>),
    #[error("Kubernetes: {0}")]
    Kubernetes(#[from] Box<kube::Error>),
    #[error(transparent)]
    Finalizer(#[from] Box<finalizer::Error<Error>>),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let kube = Client::try_default().await?;
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let context = Arc::new(Context {
        kube: kube.clone(),
        ivschat: aws_sdk_ivschat::Client::new(&aws),
        failures: Mutex::default(),
    });
    tracing::info!("started");
    Controller::new(Api::<ChatRoom>::all(kube), watcher::Config::default())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .shutdown_on_signal()
        .run(
            reconcile,
            |object, _, context| retry(&object, &context),
            context,
        )
        .for_each(|result| async move {
            match result {
                Ok((object, _)) => tracing::info!(%object, "reconciled"),
                Err(error) => tracing::warn!(%error, "reconciliation failed"),
            }
        })
        .await;
    tracing::info!("stopped");
    Ok(())
}

async fn reconcile(object: Arc<ChatRoom>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<ChatRoom> = Api::namespaced(context.kube.clone(), &namespace);
    let uid = object.uid().unwrap_or_default();
    let action = finalizer(&api, FINALIZER, object, |event| async {
        match event {
            Event::Apply(object) => apply(&api, &object, &context).await,
            Event::Cleanup(object) => cleanup(&object, &context).await,
        }
    })
    .await
    .map_err(Box::new)?;
    context.failures().remove(&uid);
    Ok(action)
}

fn retry(object: &ChatRoom, context: &Context) -> Action {
    let mut failures = context.failures();
    let failures = failures
        .entry(object.uid().unwrap_or_default())
        .or_default();
    let wait = FIRST_RETRY
        .saturating_mul(2_u32.saturating_pow(*failures))
        .min(LAST_RETRY);
    *failures = failures.saturating_add(1);
    Action::requeue(wait)
}

async fn apply(api: &Api<ChatRoom>, object: &ChatRoom, context: &Context) -> Result<Action, Error> {
    let recorded = object
        .status
        .as_ref()
        .and_then(|status| status.arn.as_deref());
    let arn = room::apply(&context.ivschat, object, recorded)
        .await
        .map_err(Box::new)?;
    write_status(api, object, &arn).await?;
    Ok(Action::requeue(RESYNC))
}

async fn cleanup(object: &ChatRoom, context: &Context) -> Result<Action, Error> {
    if let Some(arn) = object
        .status
        .as_ref()
        .and_then(|status| status.arn.as_deref())
    {
        room::delete(&context.ivschat, arn)
            .await
            .map_err(Box::new)?;
    }
    Ok(Action::await_change())
}

async fn write_status(api: &Api<ChatRoom>, object: &ChatRoom, arn: &str) -> Result<(), Error> {
    let status = object.status.clone().unwrap_or_default();
    let before = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "Ready");
    let since = before
        .filter(|condition| condition.status == "True")
        .map_or_else(
            || Time(Timestamp::now()),
            |condition| condition.last_transition_time.clone(),
        );
    let ready = Condition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        reason: "Available".to_owned(),
        message: "the room is as specified".to_owned(),
        last_transition_time: since,
        observed_generation: object.metadata.generation,
    };
    if status.arn.as_deref() == Some(arn)
        && status.observed_generation == object.metadata.generation
        && before == Some(&ready)
    {
        return Ok(());
    }
    let patch = json!({
        "apiVersion": ChatRoom::api_version(&()),
        "kind": ChatRoom::kind(&()),
        "status": {
            "arn": arn,
            "observedGeneration": object.metadata.generation,
            "conditions": [ready],
        },
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch_status(&object.name_any(), &parameters, &Patch::Apply(patch))
        .await
        .map_err(Box::new)?;
    Ok(())
}
