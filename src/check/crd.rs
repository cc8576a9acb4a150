//! Checks that the CRD is installed, and is this program's.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ivschat_core::api::{ChatRoom, chat_room_crd};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Resource;
use kube::api::Api;
use serde_json::Value;

use crate::kit::{Error, is_status};

use super::Cluster;

const APPLY: &str = "apply it: ivschat-operator crds | kubectl apply -f -";

/// Checks the CRD. Returns what it found.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(super) async fn check(cluster: &Cluster) -> Result<String, String> {
    let name = format!("{}.{}", ChatRoom::plural(&()), ChatRoom::group(&()));
    let crds: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    match cluster.answer(crds.get(&name)).await {
        Ok(crd) => judge(&crd),
        Err(error) if has_status(&error, 404) => Err(format!("not there; {APPLY}")),
        // The operator itself needs no such permission. Everyone may read what the API server serves.
        Err(error) if has_status(&error, 403) => served(cluster).await,
        Err(error) => Err(error.to_string()),
    }
}

fn has_status(error: &Error, code: u16) -> bool {
    matches!(error, Error::Api(error) if is_status(error, code))
}

/// Checks the CRD by what the API server tells every client.
async fn served(cluster: &Cluster) -> Result<String, String> {
    let version = format!("{}/{}", ChatRoom::group(&()), ChatRoom::version(&()));
    let resources = cluster.client.list_api_group_resources(&version);
    match cluster.answer(resources).await {
        Ok(_) => {}
        Err(error) if has_status(&error, 404) => return Err(format!("not served; {APPLY}")),
        Err(error) => return Err(error.to_string()),
    }
    // The description of a CRD appears some seconds after the API server serves it.
    let end = Instant::now() + cluster.timeout;
    loop {
        match described(cluster).await {
            Some(schema) => return compare(&schema).map(|found| format!("served; {found}")),
            None if Instant::now() >= end => {
                let incomparable = "served, but not described: its fields were not compared";
                return Ok(incomparable.to_owned());
            }
            None => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

/// The schema of ChatRooms as the API server describes it to its clients.
async fn described(cluster: &Cluster) -> Option<Value> {
    let request = http::Request::get("/openapi/v2").body(Vec::new()).ok()?;
    let answer = cluster.answer(cluster.client.request::<Value>(request));
    let mut all = answer.await.ok()?;
    let kind = format!(".{}.{}", ChatRoom::version(&()), ChatRoom::kind(&()));
    let schemas = all.get_mut("definitions")?.as_object_mut()?;
    let mut schemas = schemas.iter_mut();
    let (_, schema) = schemas.find(|(name, _)| name.ends_with(&kind))?;
    Some(schema.take())
}

/// Whether the CRD is established, and is this program's.
fn judge(crd: &CustomResourceDefinition) -> Result<String, String> {
    let conditions = crd
        .status
        .iter()
        .flat_map(|it| it.conditions.iter().flatten());
    let mut established = conditions.filter(|it| it.type_ == "Established" && it.status == "True");
    if established.next().is_none() {
        return Err("there, but not established: kubectl describe it".to_owned());
    }
    let version = ChatRoom::version(&());
    let served = crd
        .spec
        .versions
        .iter()
        .find(|it| it.name == version && it.served);
    let served = served.ok_or_else(|| format!("does not serve {version}; {APPLY}"))?;
    let schema = served
        .schema
        .as_ref()
        .and_then(|it| it.open_api_v3_schema.as_ref());
    let schema = serde_json::to_value(schema).map_err(|error| error.to_string())?;
    compare(&schema).map(|found| format!("established; {found}"))
}

/// Compares a schema with this program's, field by field.
fn compare(theirs: &Value) -> Result<String, String> {
    let ours = chat_room_crd().and_then(|crd| {
        let version = crd.spec.versions.into_iter().next();
        let schema = version
            .and_then(|it| it.schema)
            .and_then(|it| it.open_api_v3_schema);
        serde_json::to_value(schema)
    });
    let ours = fields(&ours.map_err(|error| error.to_string())?);
    let theirs = fields(theirs);
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        one.difference(other)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (missing, more) = (only(&ours, &theirs), only(&theirs, &ours));
    if !missing.is_empty() {
        return Err(format!(
            "older than this program: it lacks {missing}; {APPLY}"
        ));
    }
    if !more.is_empty() {
        return Ok(format!("newer than this program: it also has {more}"));
    }
    Ok("its fields are this program's".to_owned())
}

/// Every field under spec and status, as a path. Rules are not compared: an API server that does not know CEL drops them.
fn fields(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in ["spec", "status"] {
        collect(&schema["properties"][part], part, &mut found);
    }
    found
}

fn collect(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        found.insert(path.clone());
        collect(field, &path, found);
    }
    collect_inner(&schema["items"], path, found);
    collect_inner(&schema["additionalProperties"], path, found);
}

fn collect_inner(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if schema.is_object() {
        collect(schema, &format!("{path}[]"), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crd_is_older_newer_or_this_programs() {
        let mut crd = chat_room_crd().unwrap();
        assert!(judge(&crd).unwrap_err().contains("not established"));
        crd.status = serde_json::from_value(json!({
            "conditions": [{"type": "Established", "status": "True"}],
        }))
        .unwrap();
        assert_eq!(
            judge(&crd).unwrap(),
            "established; its fields are this program's"
        );
        let with = |change: fn(&mut Value)| {
            let mut value = serde_json::to_value(&crd).unwrap();
            change(&mut value["spec"]["versions"][0]);
            judge(&serde_json::from_value(value).unwrap())
        };
        let older = with(|version| {
            let spec = version.pointer_mut("/schema/openAPIV3Schema/properties/spec/properties");
            spec.unwrap().as_object_mut().unwrap().remove("adopt");
        });
        let lacks =
            format!("older than this program: it lacks spec.adopt, spec.adopt.arn; {APPLY}");
        assert_eq!(older.unwrap_err(), lacks);
        let newer = with(|version| {
            let spec = version.pointer_mut("/schema/openAPIV3Schema/properties/spec/properties");
            spec.unwrap()["colour"] = json!({"type": "string"});
        });
        let more = "established; newer than this program: it also has spec.colour";
        assert_eq!(newer.unwrap(), more);
        let unserved = with(|version| version["served"] = json!(false));
        assert_eq!(
            unserved.unwrap_err(),
            format!("does not serve v1alpha1; {APPLY}")
        );
    }
}
