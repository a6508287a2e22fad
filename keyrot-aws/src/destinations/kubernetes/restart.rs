//! Restarts the workloads that use a Secret, by setting an annotation on their pods.
//!
//! Kubernetes replaces a workload's pods when their template changes (Kubernetes documentation,
//! "Deployments", "Updating a Deployment"). The annotation is the version of the key, so a repeated
//! delivery does not restart anything again. A delivery is complete when the new pods are running.

use super::rollout::{Progress, Rollout};
use super::secret::MANAGER;
use super::{Secrets, owner_of, parts, unreadable};
use crate::destinations::about::{About, after_a_write};
use crate::destinations::request::{Ask, Reply};
use keyrot_core::model::Delivery;
use keyrot_core::settings::{Workload, WorkloadKind};
use keyrot_core::{CallError, Effect, ErrorKind};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// The annotation on the pods.
const ANNOTATION: &str = "keyrot/version";

/// The pause before a workload is read again.
const PAUSE: Duration = Duration::from_secs(3);

impl Secrets {
    /// Restarts the workloads that do not have this version's annotation yet, and waits for the new
    /// pods. If a rollout takes longer than this call may, the error is
    /// [`InProgress`](ErrorKind::InProgress).
    pub(super) async fn restart(
        &self,
        about: &About<'_>,
        delivery: &Delivery,
        end: Instant,
    ) -> Result<(), CallError> {
        // Start all restarts before waiting for the first one.
        for workload in &self.kind.restart {
            self.apply(about, workload, delivery, end).await?;
        }
        for workload in &self.kind.restart {
            self.finished(about, workload, delivery, end).await?;
        }
        Ok(())
    }

    async fn finished(
        &self,
        about: &About<'_>,
        workload: &Workload,
        delivery: &Delivery,
        end: Instant,
    ) -> Result<(), CallError> {
        let (namespace, _) = parts(about.place);
        let at = format!("{namespace}/{}", workload.name);
        let of = About { name: about.name, what: names(workload).0, place: &at };
        loop {
            // Applying the same annotation again changes nothing, and the answer contains the
            // workload's status. So keyrot needs no permission to read workloads.
            let rollout = self.apply(about, workload, delivery, end).await?;
            let (kind, said) = match rollout.progress(workload.kind) {
                Progress::Complete => return Ok(()),
                Progress::Stuck(why) => (ErrorKind::Other, why),
                Progress::Going(_) if Instant::now() + 2 * PAUSE < end => {
                    sleep(PAUSE).await;
                    continue;
                }
                Progress::Going(why) => (ErrorKind::InProgress, why),
            };
            let said = format!("{said}. Its Secret has the new key");
            return Err(of.error(kind, Effect::Unknown, said));
        }
    }

    async fn apply(
        &self,
        about: &About<'_>,
        workload: &Workload,
        delivery: &Delivery,
        end: Instant,
    ) -> Result<Rollout, CallError> {
        let (namespace, _) = parts(about.place);
        let at = format!("{namespace}/{}", workload.name);
        let of = About { name: about.name, what: names(workload).0, place: &at };
        let ask = annotate(about.place, workload, delivery);
        let reply = self.cluster.send(&of, &ask, end).await.map_err(after_a_write)?;
        if let Some((kind, why)) = refused(&reply, about.place, workload) {
            let said = format!("{why}. It was not restarted, and its Secret has the new key");
            return Err(of.error(kind, Effect::Unknown, said));
        }
        reply.json().ok_or_else(|| unreadable(&of, Effect::Unknown))
    }
}

/// Sets the annotation by server-side apply: keyrot owns the annotation, and nothing else in the
/// workload.
fn annotate(place: &str, workload: &Workload, delivery: &Delivery) -> Ask {
    let (namespace, _) = parts(place);
    let (kind, plural) = names(workload);
    let name = &workload.name;
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "template": { "metadata": { "annotations": {
            ANNOTATION: delivery.version.as_str(),
        } } } },
    });
    let path =
        format!("/apis/apps/v1/namespaces/{namespace}/{plural}/{name}?fieldManager={MANAGER}");
    Ask { method: "PATCH", path, body: Some(Zeroizing::new(body.to_string())) }
}

/// Returns the kind, and the kind's name in paths.
fn names(workload: &Workload) -> (&'static str, &'static str) {
    match workload.kind {
        WorkloadKind::StatefulSet => ("StatefulSet", "statefulsets"),
        WorkloadKind::DaemonSet => ("DaemonSet", "daemonsets"),
        _ => ("Deployment", "deployments"),
    }
}

fn refused(reply: &Reply, place: &str, workload: &Workload) -> Option<(ErrorKind, String)> {
    let (namespace, _) = parts(place);
    let (_, plural) = names(workload);
    let name = &workload.name;
    let missing =
        format!("there is no such workload in the namespace {namespace}; correct `restart`");
    let (kind, why) = match reply.status {
        200 => return None,
        401 => (
            ErrorKind::Denied,
            "the cluster's credentials are not valid, or they expired".to_owned(),
        ),
        403 => (
            ErrorKind::Denied,
            format!(
                "keyrot's Role lacks patch on {plural} (apiGroups [\"apps\"], resourceNames [\"{name}\"]) in the namespace {namespace}, \
                 or a policy of the cluster refuses it"
            ),
        ),
        404 => (ErrorKind::NotFound, missing),
        // The workload is missing. The server would create it, but this object is not a complete
        // workload.
        422 => (ErrorKind::NotFound, missing),
        409 => (
            ErrorKind::Conflict,
            format!("the annotation {ANNOTATION} belongs to another writer ({})", owner_of(reply)),
        ),
        status => {
            (ErrorKind::Other, format!("the API server answered HTTP {status}; expected 200"))
        }
    };
    Some((kind, why))
}
