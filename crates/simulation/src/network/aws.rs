//! The port to AWS: one attempt of a request goes over the simulated network.

use std::future::ready;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use ivschat_aws::{Answer, AttemptError, Aws, AwsClock, Request, Unknown};
use ivschat_core::room::Failure;
use ivschat_emulator::world::DEFAULT_ACCOUNT;

use super::{Call, Line, Operation, Reply};

/// IVS Chat, as a process reaches it.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) line: Line,
    /// Hears every answer.
    pub(crate) clock: AwsClock,
}

impl Aws for Port {
    fn account(&self) -> BoxFuture<'_, Result<String, Failure>> {
        ready(Ok(DEFAULT_ACCOUNT.to_owned())).boxed()
    }

    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, AttemptError>> {
        async move {
            let operation = Operation::of_aws(request);
            let call = Call::Aws(Arc::new(request.clone()));
            let asked = self.clock.ask();
            match self.line.ask(operation, call).await {
                Some(Reply::Aws(answer, sent)) => {
                    if sent.is_some() {
                        self.clock.hear(sent, asked);
                    }
                    answer
                }
                _ => Err(AttemptError::Unknown(Unknown::Broken(
                    "connection reset by peer".to_owned(),
                ))),
            }
        }
        .boxed()
    }
}
