//! Traces over OTLP, as the feature `otlp` sends them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use ivschat_emulator::world::Operation;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

use crate::stage::{Options, Stage};

/// What a collector has been sent: (attributes of the process, its spans).
type Received = Arc<Mutex<Vec<(BTreeMap<String, String>, Vec<Span>)>>>;

async fn collector() -> (Received, &'static str) {
    let received = Received::default();
    let record = Arc::clone(&received);
    let take = async move |body: Bytes| {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for sent in request.resource_spans {
            let process = texts(&sent.resource.unwrap_or_default().attributes);
            let spans = sent.scope_spans.into_iter().flat_map(|scope| scope.spans);
            record.lock().unwrap().push((process, spans.collect()));
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (received, url.leak())
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match &attribute.value {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => Some((attribute.key.clone(), text.clone())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_a_span_and_each_call_to_aws_one_in_it_with_its_answer_and_all_are_sent_before_the_end()
 {
    let (received, url) = collector().await;
    let options = Options {
        environment: vec![("OTEL_EXPORTER_OTLP_ENDPOINT", url)].leak(),
        ..Options::default()
    };
    let mut stage = Stage::with(options).await;
    stage.settle("lobby", json!({})).await;
    assert!(stage.operator.stop().await, "{:?}", stage.operator.log());

    let received = received.lock().unwrap();
    let (process, _) = received.first().expect("something was sent");
    assert_eq!(process["service.name"], "ivschat-operator");
    assert_eq!(process["service.version"], env!("CARGO_PKG_VERSION"));
    let spans: Vec<&Span> = received.iter().flat_map(|(_, spans)| spans).collect();

    // Every call that the emulator saw, and none besides: the account came without one.
    for operation in [
        Operation::CreateRoom,
        Operation::ListRooms,
        Operation::GetRoom,
    ] {
        let name = format!("ivschat.{}", operation.name());
        let sent = spans.iter().filter(|span| span.name == name);
        assert_eq!(sent.count(), stage.calls(operation), "{name}");
    }
    let create = spans
        .iter()
        .find(|span| span.name == "ivschat.CreateRoom")
        .unwrap();
    let answers = create.events.iter().map(|event| texts(&event.attributes));
    let codes: Vec<_> = answers
        .filter_map(|answer| answer.get("code").cloned())
        .collect();
    assert_eq!(codes, ["OK"], "{create:#?}");
    let pass = spans
        .iter()
        .find(|span| span.span_id == create.parent_span_id)
        .unwrap();
    assert_eq!(pass.name, "pass");
    let attributes = texts(&pass.attributes);
    let object = format!("{}/lobby", stage.namespace);
    assert_eq!(
        (&*attributes["object"], &*attributes["lane"]),
        (&*object, "asked")
    );
    let names: BTreeSet<_> = spans
        .iter()
        .map(|span| span.name.split('.').next().unwrap())
        .collect();
    assert_eq!(names, ["STS", "ivschat", "pass"].into());
}
