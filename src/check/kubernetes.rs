//! What the operator needs in the cluster: the API server, a cluster id, the CRD, its verbs, its lease.

use ivschat_core::room::ClusterId;
use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};

use crate::kit::{Error, LeaseSettings};

use super::{Cluster, Outcome, Report, crd};

/// How to get a missing permission.
const BIND_ROLES: &str = "bind the chart's roles to the operator's service account";

/// What the operator does to a resource.
struct Need {
    what: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: Option<&'static str>,
    verbs: &'static [&'static str],
}

/// What the operator needs in each namespace that it watches. Tests compare this, and what it needs of leases, with what
/// the chart grants.
const NEEDS: [Need; 3] = [
    Need {
        what: "ChatRooms",
        group: "ivschat-operator.io",
        resource: "chatrooms",
        subresource: None,
        verbs: &["get", "list", "watch", "patch"],
    },
    Need {
        what: "ChatRooms' status",
        group: "ivschat-operator.io",
        resource: "chatrooms",
        subresource: Some("status"),
        verbs: &["patch"],
    },
    Need {
        what: "events",
        group: "events.k8s.io",
        resource: "events",
        subresource: None,
        verbs: &["create"],
    },
];

const fn leases(verbs: &'static [&'static str]) -> Need {
    Need {
        what: "lease",
        group: "coordination.k8s.io",
        resource: "leases",
        subresource: None,
        verbs,
    }
}

impl Cluster {
    /// Checks everything. Returns the cluster id that the operator would have.
    pub async fn check(&self, report: &mut Report) -> Option<ClusterId> {
        let version = self.answer(self.client.apiserver_version()).await;
        let version = version
            .map(|it| it.git_version)
            .map_err(|error| error.to_string());
        if !report.tried("Kubernetes API", version.clone()) {
            let unreachable = "the API server cannot be reached";
            report.add("CRD, permissions, lease", Outcome::Skipped, unreachable);
            return self.cluster_id.clone();
        }
        let cluster = self.cluster_id().await;
        match &cluster {
            Ok(id) if self.cluster_id.is_none() => report.add(
                "cluster id",
                Outcome::Warning,
                format!(
                    "{id}, the UID of this cluster's namespace kube-system: in a rebuilt cluster, or once --cluster-id is set, its \
                     rooms are another's. Set --cluster-id to a name of your choice before the first room is made"
                ),
            ),
            Ok(id) => report.add("cluster id", Outcome::Ok, id.to_string()),
            Err(error) => report.add("cluster id", Outcome::Failed, error),
        }
        report.tried("CRD", crd::check(self).await);
        self.permissions(report).await;
        self.lease(report).await;
        cluster.ok()
    }

    async fn cluster_id(&self) -> Result<ClusterId, String> {
        if let Some(given) = &self.cluster_id {
            return Ok(given.clone());
        }
        let uid = self.kubernetes.cluster_uid().await;
        let uid = uid.map_err(|error| format!("{error}; set --cluster-id, or {BIND_ROLES}"))?;
        uid.parse()
            .map_err(|error| format!("{error}; set --cluster-id"))
    }

    // --- permissions -------------------------------------------------------------------------------------------------

    async fn permissions(&self, report: &mut Report) {
        let some = self.namespaces.iter().map(|it| Some(it.as_str()));
        let all = self.namespaces.is_empty().then_some(None);
        let scopes: Vec<Option<&str>> = some.chain(all).collect();
        for need in &NEEDS {
            for scope in &scopes {
                self.permitted(need, *scope, None, report).await;
            }
        }
        if let Some(LeaseSettings {
            namespace, name, ..
        }) = &self.lease
        {
            let scope = Some(namespace.as_str());
            // A lease that does not exist yet has no name that a role could name.
            let (making, holding) = (leases(&["create"]), leases(&["get", "update"]));
            self.permitted(&making, scope, None, report).await;
            self.permitted(&holding, scope, Some(name), report).await;
        }
    }

    async fn permitted(
        &self,
        need: &Need,
        namespace: Option<&str>,
        name: Option<&str>,
        report: &mut Report,
    ) {
        let place = namespace.map_or("in every namespace".to_owned(), |it| format!("in {it}"));
        let what = format!("{} {place}", need.what);
        let mut lacking = Vec::new();
        for verb in need.verbs {
            match self.may(need, verb, namespace, name).await {
                Ok(true) => {}
                Ok(false) => lacking.push(*verb),
                Err(error) => return report.add(what, Outcome::Failed, error.to_string()),
            }
        }
        let tried = if lacking.is_empty() {
            Ok(format!("may {}", need.verbs.join(", ")))
        } else {
            Err(format!("may not {}; {BIND_ROLES}", lacking.join(", ")))
        };
        report.tried(what, tried);
    }

    async fn may(
        &self,
        need: &Need,
        verb: &str,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<bool, Error> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let asked = ResourceAttributes {
            group: Some(need.group.to_owned()),
            resource: Some(need.resource.to_owned()),
            subresource: need.subresource.map(ToOwned::to_owned),
            name: name.map(ToOwned::to_owned),
            namespace: namespace.map(ToOwned::to_owned),
            verb: Some(verb.to_owned()),
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(asked),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let params = PostParams::default();
        let review = self.answer(reviews.create(&params, &review)).await?;
        Ok(review.status.is_some_and(|status| status.allowed))
    }

    // --- the lease ---------------------------------------------------------------------------------------------------

    async fn lease(&self, report: &mut Report) {
        const WHAT: &str = "leader";
        let Some(LeaseSettings {
            namespace, name, ..
        }) = &self.lease
        else {
            return report.add(WHAT, Outcome::Skipped, "--leader-election is off");
        };
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), namespace);
        let tried = self.answer(leases.get_opt(name)).await;
        let told = tried.map(|lease| leader(lease, Timestamp::now()));
        report.tried(WHAT, told.map_err(|error| error.to_string()));
    }
}

/// Who leads, in a few words.
fn leader(lease: Option<Lease>, now: Timestamp) -> String {
    let spec = lease.and_then(|lease| lease.spec).unwrap_or_default();
    let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
    let Some(holder) = holder else {
        return "none".to_owned();
    };
    if spec.acquire_time.is_none() {
        return format!("none yet: {holder} waits for the end of the lease that was there before");
    }
    let renewed = spec.renew_time.map(|it| now.duration_since(it.0).as_secs());
    match (renewed, spec.lease_duration_seconds) {
        (Some(ago), Some(lease)) if ago > i64::from(lease) => {
            format!("{holder} led until its lease ran out, {ago} s ago")
        }
        (Some(ago), _) => format!("{holder}, heard of {} s ago", ago.max(0)),
        (None, _) => holder,
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
                "acquireTime": "2026-01-01T00:00:00.000000Z",
                "renewTime": "2026-01-01T00:00:58.000000Z",
                "leaseDurationSeconds": 15,
            });
            serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
        };
        assert_eq!(leader(None, now), "none");
        assert_eq!(leader(Some(lease("")), now), "none");
        assert_eq!(leader(Some(lease("one")), now), "one, heard of 2 s ago");
        let mut claimed: Lease = lease("one");
        claimed.spec.as_mut().unwrap().acquire_time = None;
        assert_eq!(
            leader(Some(claimed), now),
            "none yet: one waits for the end of the lease that was there before"
        );
        let later = "2026-01-01T00:01:18Z".parse().unwrap();
        assert_eq!(
            leader(Some(lease("one")), later),
            "one led until its lease ran out, 20 s ago"
        );
    }
}
