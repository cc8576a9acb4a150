//! What the operator needs of the cluster: the CRD, its verbs, its lease.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::{Client, Error as KubeError, Resource, ResourceExt};
use serde_json::Value;

use crate::api::{ChatRoom, chat_room_crd};
use crate::errors::chain;
use crate::room::ClusterId;

use super::{Outcome, Report};

/// How to get what lacks.
const BIND_ROLES: &str = "bind the chart's roles to the operator's service account";
const APPLY_CRD: &str = "apply it: ivschat-operator crds | kubectl apply -f -";

/// The lease that the operator would compete for.
#[derive(Debug, Clone)]
pub struct LeaseName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The cluster, as this check's credentials show it.
pub struct Cluster {
    /// With the operator's own credentials.
    pub client: Client,
    /// No call takes longer.
    pub timeout: Duration,
    /// The only namespaces the operator would look at; empty: all.
    pub namespaces: Vec<String>,
    /// The cluster id it was given, if any.
    pub cluster_id: Option<ClusterId>,
    /// `None`: it would not compete for one.
    pub lease: Option<LeaseName>,
}

/// A resource, and what the operator does to it.
struct Need {
    what: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: Option<&'static str>,
    name: Option<String>,
    verbs: &'static [&'static str],
}

impl Cluster {
    /// Tries everything; gives the cluster id that the operator would have.
    pub async fn check(&self, report: &mut Report) -> Option<ClusterId> {
        let version = self.in_time(self.client.apiserver_version()).await;
        let version = version.map(|it| it.git_version);
        if !report.tried("Kubernetes API", version.clone()) {
            let unreachable = "the API server cannot be reached";
            report.add("CRD, permissions, lease", Outcome::Skipped, unreachable);
            return self.cluster_id.clone();
        }
        let cluster = self.cluster_id().await;
        report.tried(
            "cluster id",
            cluster
                .as_ref()
                .map(ToString::to_string)
                .map_err(Clone::clone),
        );
        self.crd(report).await;
        self.permissions(report).await;
        self.lease(report).await;
        cluster.ok()
    }

    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, KubeError>>,
    ) -> Result<T, String> {
        self.answer(call).await.map_err(|error| match error {
            Some(error) => describe(&error),
            None => format!("no answer within {:?}", self.timeout),
        })
    }

    /// `None`: there was no answer in time.
    async fn answer<T>(
        &self,
        call: impl Future<Output = Result<T, KubeError>>,
    ) -> Result<T, Option<KubeError>> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => answer.map_err(Some),
            Err(_) => Err(None),
        }
    }

    async fn cluster_id(&self) -> Result<ClusterId, String> {
        if let Some(given) = &self.cluster_id {
            return Ok(given.clone());
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let found = self.in_time(namespaces.get("kube-system")).await;
        let found = found.map_err(|error| format!("{error}; set --cluster-id, or {BIND_ROLES}"))?;
        let uid = found.uid().unwrap_or_default();
        uid.parse()
            .map_err(|error| format!("{error}; set --cluster-id"))
    }

    // --- the CRD -----------------------------------------------------------------------------------------------------

    async fn crd(&self, report: &mut Report) {
        const WHAT: &str = "CRD";
        let name = format!("{}.{}", ChatRoom::plural(&()), ChatRoom::group(&()));
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let tried = match self.answer(crds.get(&name)).await {
            Ok(crd) => judge(&crd),
            Err(Some(KubeError::Api(status))) if status.code == 404 => {
                Err(format!("not there; {APPLY_CRD}"))
            }
            // The operator itself needs no such permission; everyone may read what is served.
            Err(Some(KubeError::Api(status))) if status.code == 403 => self.served().await,
            Err(Some(error)) => Err(describe(&error)),
            Err(None) => Err(format!("no answer within {:?}", self.timeout)),
        };
        report.tried(WHAT, tried);
    }

    /// What the API server says of itself to everyone.
    async fn served(&self) -> Result<String, String> {
        let version = format!("{}/{}", ChatRoom::group(&()), ChatRoom::version(&()));
        match self
            .answer(self.client.list_api_group_resources(&version))
            .await
        {
            Ok(_) => {}
            Err(Some(KubeError::Api(status))) if status.code == 404 => {
                return Err(format!("not served; {APPLY_CRD}"));
            }
            Err(Some(error)) => return Err(describe(&error)),
            Err(None) => return Err(format!("no answer within {:?}", self.timeout)),
        }
        // A CRD is described some seconds after it is served.
        let end = Instant::now() + self.timeout;
        loop {
            match self.described().await {
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
    async fn described(&self) -> Option<Value> {
        let request = http::Request::get("/openapi/v2").body(Vec::new()).ok()?;
        let mut all = self
            .in_time(self.client.request::<Value>(request))
            .await
            .ok()?;
        let kind = format!(".{}.{}", ChatRoom::version(&()), ChatRoom::kind(&()));
        let schemas = all.get_mut("definitions")?.as_object_mut()?;
        let mut schemas = schemas.iter_mut();
        let (_, schema) = schemas.find(|(name, _)| name.ends_with(&kind))?;
        Some(schema.take())
    }

    // --- permissions -------------------------------------------------------------------------------------------------

    async fn permissions(&self, report: &mut Report) {
        const GROUP: &str = "ivschat-operator.io";
        let need = |what, group, resource, subresource, verbs| Need {
            what,
            group,
            resource,
            subresource,
            name: None,
            verbs,
        };
        let needs = [
            need(
                "ChatRooms",
                GROUP,
                "chatrooms",
                None,
                &["get", "list", "watch", "patch"][..],
            ),
            need(
                "ChatRooms' status",
                GROUP,
                "chatrooms",
                Some("status"),
                &["patch"],
            ),
            need("events", "events.k8s.io", "events", None, &["create"]),
        ];
        let scopes: Vec<Option<&str>> = if self.namespaces.is_empty() {
            vec![None]
        } else {
            self.namespaces.iter().map(|it| Some(it.as_str())).collect()
        };
        for need in &needs {
            for scope in &scopes {
                self.permitted(need, *scope, report).await;
            }
        }
        let Some(lease) = &self.lease else { return };
        let leases = |name: Option<&String>, verbs| Need {
            what: "lease",
            group: "coordination.k8s.io",
            resource: "leases",
            subresource: None,
            name: name.cloned(),
            verbs,
        };
        let scope = Some(lease.namespace.as_str());
        self.permitted(&leases(None, &["create"]), scope, report)
            .await;
        self.permitted(
            &leases(Some(&lease.name), &["get", "update"]),
            scope,
            report,
        )
        .await;
    }

    async fn permitted(&self, need: &Need, namespace: Option<&str>, report: &mut Report) {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let mut lacking = Vec::new();
        let place = namespace.map_or("in every namespace".to_owned(), |it| format!("in {it}"));
        let what = format!("{} {place}", need.what);
        for verb in need.verbs {
            let asked = ResourceAttributes {
                group: Some(need.group.to_owned()),
                resource: Some(need.resource.to_owned()),
                subresource: need.subresource.map(ToOwned::to_owned),
                name: need.name.clone(),
                namespace: namespace.map(ToOwned::to_owned),
                verb: Some((*verb).to_owned()),
                ..ResourceAttributes::default()
            };
            let review = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(asked),
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            match self
                .in_time(reviews.create(&PostParams::default(), &review))
                .await
            {
                Ok(review) if review.status.as_ref().is_some_and(|it| it.allowed) => {}
                Ok(_) => lacking.push(*verb),
                Err(error) => return report.add(what, Outcome::Failed, error),
            }
        }
        if lacking.is_empty() {
            return report.add(what, Outcome::Ok, format!("may {}", need.verbs.join(", ")));
        }
        let detail = format!("may not {}; {BIND_ROLES}", lacking.join(", "));
        report.add(what, Outcome::Failed, detail);
    }

    // --- the lease ---------------------------------------------------------------------------------------------------

    async fn lease(&self, report: &mut Report) {
        const WHAT: &str = "leader";
        let Some(LeaseName { namespace, name }) = &self.lease else {
            return report.add(WHAT, Outcome::Skipped, "--leader-election is off");
        };
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), namespace);
        let tried = self.in_time(leases.get_opt(name)).await;
        report.tried(WHAT, tried.map(|lease| leader(lease, Timestamp::now())));
    }
}

/// Who leads, in a few words.
fn leader(lease: Option<Lease>, now: Timestamp) -> String {
    let spec = lease.and_then(|lease| lease.spec).unwrap_or_default();
    let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
    let Some(holder) = holder else {
        return "none".to_owned();
    };
    let renewed = spec.renew_time.map(|it| now.duration_since(it.0).as_secs());
    match (renewed, spec.lease_duration_seconds) {
        (Some(ago), Some(lease)) if ago > i64::from(lease) => {
            format!("{holder} led until its lease ran out, {ago} s ago")
        }
        (Some(ago), _) => format!("{holder}, heard of {} s ago", ago.max(0)),
        (None, _) => holder,
    }
}

/// Whether the CRD is in force, and is this program's.
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
    let served = served.ok_or_else(|| format!("does not serve {version}; {APPLY_CRD}"))?;
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
            "older than this program: it lacks {missing}; {APPLY_CRD}"
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

fn describe(error: &KubeError) -> String {
    match error {
        KubeError::Api(status) => format!("{} ({})", status.message, status.code),
        error => chain(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_leads_and_since_when_nobody_does() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let lease = |holder: &str| {
            let spec = json!({
                "holderIdentity": holder,
                "renewTime": "2026-01-01T00:00:58.000000Z",
                "leaseDurationSeconds": 15,
            });
            serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
        };
        assert_eq!(leader(None, now), "none");
        assert_eq!(leader(Some(lease("")), now), "none");
        assert_eq!(leader(Some(lease("one")), now), "one, heard of 2 s ago");
        let later = "2026-01-01T00:01:18Z".parse().unwrap();
        assert_eq!(
            leader(Some(lease("one")), later),
            "one led until its lease ran out, 20 s ago"
        );
    }

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
            format!("older than this program: it lacks spec.adopt, spec.adopt.arn; {APPLY_CRD}");
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
            format!("does not serve v1alpha1; {APPLY_CRD}")
        );
    }
}
