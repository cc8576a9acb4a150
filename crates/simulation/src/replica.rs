//! An operator's process, put together as `main` does, but for its ports.

use std::sync::Arc;

use ivschat_aws::{Account, Aws, AwsClock, Index, Meter, Rooms};
use ivschat_operator::chat_room::{self, Context, Kubernetes, Parts, Signature};
use ivschat_operator::kit::{Election, LeaseSettings};
use ivschat_operator::telemetry::{Health, Metrics};
use kube::Client;
use tokio::sync::oneshot;

use crate::network::aws::Port;
use crate::network::turns::Turns;
use crate::network::{Line, kubernetes};
use crate::passes::passes;
use crate::process::Clocks;
use crate::setting::{LEASE, LEASE_NAMESPACE, Setting};

/// Runs the operator until it is told to stop.
pub(crate) async fn run(setting: Setting, line: Line, clocks: Clocks, stop: oneshot::Receiver<()>) {
    let client = Client::new(kubernetes::Kubernetes(line.clone()), LEASE_NAMESPACE);
    let lease = LeaseSettings {
        namespace: LEASE_NAMESPACE.to_owned(),
        name: LEASE.to_owned(),
        duration: setting.lease,
        candidate: line.name(),
    };
    let (metrics, meter): (_, Arc<dyn Meter>) = (Metrics::default(), Arc::new(Turns(line.clone())));
    let clock = AwsClock::new(&clocks.clock(), setting.clock_skew);
    let aws: Arc<dyn Aws> = Arc::new(Port {
        line: line.clone(),
        clock: clock.clone(),
    });
    let limits = ivschat_aws::Settings {
        region: Some(setting.operator.policies.default_region().to_owned()),
        endpoint: None,
        operation_timeout: setting.operator.operation_timeout,
        quota_factor: setting.quota_factor,
        concurrency: setting.operator.concurrency,
        wait_factor: setting.operator.pace.wait_factor,
    };
    let rooms = Arc::new(Rooms::over(Arc::clone(&aws), &limits, Arc::clone(&meter)));
    let account = Account::over(aws);
    let index = Index::new(
        Arc::clone(&rooms),
        account.clone(),
        setting.operator.list_age(),
        setting.operator.policies.lag(),
        meter,
        clock.clone(),
    );
    let kubernetes = Kubernetes::new(
        client.clone(),
        setting.kubernetes_timeout,
        Some(line.name()),
        metrics.clone(),
    )
    .signed(Signature::new(Some(&lease)));
    let (election, leadership) = Election::new(client.clone(), lease, clocks.clock());
    let context = Context::new(Parts {
        settings: setting.operator,
        clock,
        kubernetes,
        rooms,
        index,
        account,
        leadership,
        metrics,
    });
    let shutdown = async move {
        // Dropped: the process is to run for ever.
        if stop.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    chat_room::run(
        &client,
        Arc::new(context),
        Some(election),
        Health::default(),
        shutdown,
        |feed, context| passes(feed, context, setting.most, line),
    )
    .await;
}
