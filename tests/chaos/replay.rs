//! Holds the model of the API server against the real one: what a case asked is asked of the model, and the answers must agree.
//!
//! Uids, versions and times are the server's own, so they are mapped: the same one must always stand for the same one, and
//! versions must come in the same order.

use http::Request;
use ivschat_core::api::chat_room_crd;
use ivschat_simulation::cluster::{Cluster, Settings};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::Outcome;
use crate::case::Ground;
use crate::mapping::{Mapping, difference};
use crate::recorder::Pair;
use crate::thousand;

/// Requests without an answer may have had their effect or not: so many possible worlds are followed.
const WORLDS: usize = 64;

/// A world in which everything so far was answered as it really was.
#[derive(Clone)]
struct World {
    cluster: Cluster,
    mapping: Mapping,
}

/// Asks the model what was asked about `namespace`, and gives how many answers were compared.
pub fn replay(pairs: &[Pair], namespace: &str, ground: Ground) -> Outcome<usize> {
    let about: Vec<_> = pairs
        .iter()
        .filter(|pair| is_about(pair, namespace))
        .collect();
    let first = about.first().ok_or("replay: nothing was recorded")?;
    let settings = Settings {
        schema: schema(ground)?,
        shows_fields: true,
        ..Settings::default()
    };
    let mut worlds = vec![World {
        cluster: Cluster::new(&settings, first.at),
        mapping: Mapping::default(),
    }];
    let mut compared = 0;
    for (index, pair) in about.into_iter().enumerate() {
        let Some(answer) = &pair.answer else {
            if pair.writes() {
                let mut others = worlds.clone();
                for world in &mut others {
                    world.ask(pair, None);
                }
                worlds.extend(others);
                worlds.truncate(WORLDS);
            }
            continue;
        };
        let mut wrong = None;
        worlds.retain_mut(|world| match world.compare(pair, answer) {
            Ok(()) => true,
            Err(difference) => {
                wrong.get_or_insert(difference);
                false
            }
        });
        if worlds.is_empty() {
            let told = wrong.unwrap_or_default();
            return Err(format!("replay: the model disagrees at request {index}: {told}").into());
        }
        compared += 1;
    }
    Ok(compared)
}

fn schema(ground: Ground) -> Outcome<Value> {
    let crd: CustomResourceDefinition = match ground {
        Ground::Lax => thousand::lax_crd(),
        Ground::Shared | Ground::Changing | Ground::Own => chat_room_crd()?,
    };
    let mut crd = serde_json::to_value(crd)?;
    let schema = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema");
    Ok(schema.ok_or("the CRD has no schema")?.take())
}

/// Whether a request is about the namespace or anything in it.
fn is_about(pair: &Pair, namespace: &str) -> bool {
    let path = pair.request.uri.path();
    let mut parts = path
        .split('/')
        .skip_while(|part| *part != "namespaces")
        .skip(1);
    match parts.next() {
        Some(named) => named == namespace,
        None => path == "/api/v1/namespaces" && read(&pair.body)["metadata"]["name"] == namespace,
    }
}

impl World {
    /// Asks the model. `answer`: what the real one said, where the request leaves it a choice.
    fn ask(&mut self, pair: &Pair, answer: Option<&Value>) -> (u16, Value) {
        let mut request = Request::new(self.mapping.request_body(&pair.body, answer));
        *request.method_mut() = pair.request.method.clone();
        *request.uri_mut() = self.mapping.uri(&pair.request.uri);
        *request.headers_mut() = pair.request.headers.clone();
        let response = self.cluster.call(&request, pair.at);
        (response.status().as_u16(), read(response.body()))
    }

    /// Compares the model's answer with the real one.
    fn compare(
        &mut self,
        pair: &Pair,
        (code, body): &(u16, axum::body::Bytes),
    ) -> Result<(), String> {
        let real = read(body);
        let (model_code, model) = self.ask(pair, Some(&real));
        let agreed = if *code == model_code {
            self.agree(pair, &real, &model)
        } else {
            Err(format!("status {code}, not {model_code}"))
        };
        agreed.map_err(|difference| {
            let Pair { request, body, .. } = pair;
            let (method, uri) = (&request.method, &request.uri);
            let asked = String::from_utf8_lossy(body);
            format!("{method} {uri} {asked}\n  difference: {difference}\n  real: {code} {real}\n  model: {model_code} {model}")
        })
    }

    fn agree(&mut self, pair: &Pair, real: &Value, model: &Value) -> Result<(), String> {
        if real["kind"] == "Status" && real["status"] == "Failure" {
            let reason = |status: &Value| json!([status["code"], status["reason"]]);
            return difference(&reason(real), &reason(model));
        }
        let is_dry = pair
            .request
            .uri
            .query()
            .is_some_and(|it| it.contains("dryRun=All"));
        self.mapping.learn(real, model, is_dry)?;
        let real = self.mapping.answer(real);
        difference(&real, &Mapping::bare(model))
    }
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}
