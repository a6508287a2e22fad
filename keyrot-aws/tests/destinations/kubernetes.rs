//! Secrets of a Kubernetes cluster.

use super::destination;
use super::kubernetes_server::{Cluster, TOKEN};
use super::rules::{credentials, delivery, keeps_the_rules, silent};
use super::server::{Answer, Fault, Server};
use keyrot_core::model::{Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{CallError, Effect, ErrorKind};
use std::sync::Arc;
use tempfile::TempDir;

const PLACE: &str = "shop/ci-aws";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// A cluster, and a folder with a kubeconfig for it.
pub(crate) struct Lab {
    pub(crate) server: Server<Cluster>,
    pub(crate) folder: TempDir,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let lab =
            Self { server: Server::start(Cluster::new()).await, folder: TempDir::new().unwrap() };
        lab.kubeconfig(&lab.server.url, &["shop"], &format!("token: {TOKEN}"));
        lab
    }

    pub(crate) fn kubeconfig(&self, server: &str, contexts: &[&str], user: &str) {
        let contexts: String = contexts
            .iter()
            .map(|name| format!("- name: {name}\n  context: {{cluster: c, user: u}}\n"))
            .collect();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: shop\n\
             clusters:\n- name: c\n  cluster: {{server: '{server}'}}\ncontexts:\n{contexts}\
             users:\n- name: u\n  user:\n    {user}\n"
        );
        std::fs::write(self.folder.path().join("kubeconfig"), text).unwrap();
    }

    pub(crate) async fn destination(&self, more: &str) -> Arc<dyn Destination> {
        let file = self.folder.path().join("kubeconfig");
        let more = format!("kubeconfig = '{}'\n{more}", file.display());
        destination("kubernetes", PLACE, &more, &self.server.url).await
    }

    fn data(&self, name: &str) -> Option<String> {
        let inner = self.server.lock();
        let field = ("data", name.to_owned());
        let value = inner.service.all.get(PLACE)?.fields.get(&field)?;
        let bytes = aws_smithy_types::base64::decode(value).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }

    fn version(&self) -> Option<u64> {
        self.server.lock().service.all.get(PLACE).map(|object| object.version)
    }
}

/// Checks that the text contains no secret, in plain text or in the form that was sent.
fn quiet(error: &CallError) -> String {
    let said = format!("{error:?} {}", silent(error));
    for n in 1..4 {
        let sent = aws_smithy_types::base64::encode(credentials(n).secret.expose());
        assert!(!said.contains(&sent) && !said.contains("eyJ"), "{said}");
    }
    error.to_string()
}

fn holds(found: &Found, n: usize) -> bool {
    matches!(found, Found::Copy { holds: Holds::Key(key), .. } if *key == credentials(n).key)
}

#[tokio::test]
async fn it_follows_the_rules() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    let foreign = lab.server.clone();
    keeps_the_rules(&*to, PLACE, || foreign.lock().service.put(PLACE, "helm", "OTHER", "eA=="))
        .await;
    assert_eq!(lab.data("OTHER").as_deref(), Some("x"), "other keys of the Secret stay");
}

#[tokio::test]
async fn a_secret_has_the_pair_under_the_configured_names_and_a_label() {
    let lab = Lab::new().await;
    let to = lab.destination("id_name = 'aws.id'").await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    assert_eq!(lab.data("aws.id").as_deref(), Some(credentials(1).key.as_str()));
    assert_eq!(lab.data(SECRET).as_deref(), Some(credentials(1).secret.expose()));
    let Found::Copy { mark, written: Some(written), .. } = &first else { panic!("{first:?}") };
    assert_eq!(written.to_rfc3339(), "2026-11-29T10:00:00+00:00");
    {
        let inner = lab.server.lock();
        let object = &inner.service.all[PLACE];
        assert_eq!(mark.as_str(), format!("{}.{}", object.uid, object.version));
        let label = ("label", "app.kubernetes.io/managed-by".to_owned());
        assert_eq!(object.fields[&label], "keyrot");
    }
    // The same key again causes no write.
    assert_eq!(to.deliver(PLACE, &delivery(1, Some(mark))).await.unwrap(), first);
    assert_eq!(lab.server.count("PATCH"), 1);

    // If the name changes, the same write removes the old one.
    let renamed = lab.destination("").await;
    let seen = renamed.inspect(PLACE).await.unwrap();
    assert!(matches!(&seen, Found::Copy { holds: Holds::Other, .. }), "{seen:?}");
    renamed.deliver(PLACE, &delivery(2, seen.mark())).await.unwrap();
    assert_eq!(lab.data("aws.id"), None);
    assert_eq!(lab.data("AWS_ACCESS_KEY_ID").as_deref(), Some(credentials(2).key.as_str()));
}

#[tokio::test]
async fn an_existing_secret_is_adopted_and_its_label_stays() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    let label = ("label", "app.kubernetes.io/managed-by".to_owned());
    {
        let mut inner = lab.server.lock();
        inner.service.put(PLACE, "helm", "OTHER", "eA==");
        let object = inner.service.all.get_mut(PLACE).unwrap();
        object.fields.insert(label.clone(), "Helm".to_owned());
        let own = object.owners.get_mut(&("helm".to_owned(), "Update")).unwrap();
        own.insert(label.clone());
    }
    let mut seen = to.inspect(PLACE).await.unwrap();
    assert!(matches!(&seen, Found::Copy { holds: Holds::Other, .. }), "{seen:?}");
    for n in [1, 2] {
        seen = to.deliver(PLACE, &delivery(n, seen.mark())).await.unwrap();
        assert!(holds(&seen, n), "{seen:?}");
    }
    assert_eq!(lab.server.lock().service.all[PLACE].fields[&label], "Helm");
}

#[tokio::test]
async fn a_half_that_another_writer_owns_is_never_overwritten() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    lab.server.lock().service.put(PLACE, "kubectl-edit", SECRET, "dGhlaXJz");
    let seen = to.inspect(PLACE).await.unwrap();
    assert_ne!(seen.mark(), first.mark());
    assert!(matches!(&seen, Found::Copy { holds: Holds::Other, .. }), "{seen:?}");
    let version = lab.version();
    let error = to.deliver(PLACE, &delivery(2, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    assert!(
        quiet(&error).contains("(kubectl-edit)") && error.to_string().contains("delete the Secret"),
        "{error}"
    );
    assert_eq!((lab.data(SECRET).as_deref(), lab.version()), (Some("theirs"), version));

    // As the message suggests, the Secret is deleted, and then created again.
    lab.server.lock().service.all.clear();
    assert!(holds(&to.deliver(PLACE, &delivery(2, None)).await.unwrap(), 2));
}

#[tokio::test]
async fn a_secret_that_changed_after_the_read_is_not_overwritten() {
    for name in ["OTHER", SECRET] {
        let lab = Lab::new().await;
        let to = lab.destination("").await;
        let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
        lab.server.lock().service.appears = Some(name);
        let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None), "{error}");
        quiet(&error);
        assert_eq!(lab.data("AWS_ACCESS_KEY_ID").as_deref(), Some(credentials(1).key.as_str()));
    }
    // It was deleted before the read.
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    let there = lab.server.lock().service.all[PLACE].clone();
    lab.server.lock().service.all.clear();
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    // It was deleted after the read, so it is not created again.
    let Answer(_, _, stale) = there.answer(200, PLACE);
    lab.server.fail("GET", Fault::Instead(200, "", Box::leak(stale.into_boxed_str())));
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    assert!(lab.version().is_none(), "nothing was created");
}

#[tokio::test]
async fn a_secret_that_appeared_before_the_creation_is_not_overwritten() {
    for creates_with_version in [true, false] {
        for name in ["OTHER", SECRET] {
            let lab = Lab::new().await;
            let to = lab.destination("").await;
            lab.server.lock().service.creates_with_version = creates_with_version;
            lab.server.lock().service.appears = Some(name);
            let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
            assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
            assert!(quiet(&error).contains("expected nothing"), "{error}");
            assert_eq!(lab.data("AWS_ACCESS_KEY_ID"), None);
        }
        let lab = Lab::new().await;
        let to = lab.destination("").await;
        lab.server.lock().service.creates_with_version = creates_with_version;
        let found = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
        assert!(holds(&found, 1) && to.inspect(PLACE).await.unwrap() == found);
    }
}

#[tokio::test]
async fn an_admission_webhook_that_changes_the_key_is_detected() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    lab.server.lock().service.mutates = true;
    let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown));
    assert!(quiet(&error).contains("admission webhook"), "{error}");
}

#[tokio::test]
async fn after_a_lost_write_the_next_delivery_finds_the_key() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    let mut before = None;
    for (n, fault) in [
        (1, Fault::LostReply),
        (2, Fault::LostReply),
        (3, Fault::Instead(500, "", "SESAME")),
        (1, Fault::Instead(504, "", "{}")),
        (2, Fault::Dropped),
    ] {
        let writes = lab.server.count("PATCH");
        lab.server.fail("PATCH", fault);
        let error = to.deliver(PLACE, &delivery(n, before.as_ref())).await.unwrap_err();
        assert_eq!(
            (error.kind, error.effect),
            (ErrorKind::Unavailable, Effect::Unknown),
            "{error}"
        );
        quiet(&error);
        assert_eq!(lab.server.count("PATCH"), writes + 1, "a write is not sent again blindly");
        let found = to.inspect(PLACE).await.unwrap();
        let there = to.deliver(PLACE, &delivery(n, found.mark())).await.unwrap();
        assert!(holds(&there, n), "{there:?}");
        before = there.mark().cloned();
    }
    // Reads are retried, and so are writes that were not sent.
    lab.server.fail("GET", Fault::Dropped);
    lab.server.fail("GET", Fault::Instead(500, "", ""));
    lab.server.fail("GET", Fault::Instead(429, "retry-after: 1\r\n", ""));
    lab.server.fail("PATCH", Fault::Instead(429, "retry-after: 1\r\n", ""));
    assert!(holds(&to.deliver(PLACE, &delivery(3, before.as_ref())).await.unwrap(), 3));

    lab.server.fail("PATCH", Fault::Instead(429, "retry-after: 99\r\n", ""));
    let seen = to.inspect(PLACE).await.unwrap();
    let error = to.deliver(PLACE, &delivery(1, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Throttled, Effect::None));
    quiet(&error);
}

#[tokio::test]
async fn a_fault_at_any_call_leaves_a_whole_pair() {
    for kind in 0..3 {
        for at in 0..6 {
            let lab = Lab::new().await;
            let to = lab.destination("").await;
            // The calls are GET, PATCH, GET, PATCH. The fault is at the nth call of its method.
            let method = if at % 2 == 0 { "GET" } else { "PATCH" };
            let mut seen = None;
            for n in 1..4 {
                if at / 2 + 1 == n {
                    let fault = match kind {
                        0 => Fault::Dropped,
                        1 => Fault::LostReply,
                        _ => Fault::Instead(503, "", ""),
                    };
                    lab.server.fail(method, fault);
                }
                let found = match to.deliver(PLACE, &delivery(n, seen.as_ref())).await {
                    Ok(found) => found,
                    Err(error) => {
                        assert_eq!(error.effect, Effect::Unknown, "{error}");
                        let now = to.inspect(PLACE).await.unwrap();
                        let half = now.mark().is_some().then(|| lab.data(SECRET));
                        let whole = (1..=n).any(|n| {
                            holds(&now, n)
                                && half == Some(Some(credentials(n).secret.expose().to_owned()))
                        });
                        assert!(whole || now == Found::Nothing, "{now:?}");
                        to.deliver(PLACE, &delivery(n, now.mark())).await.unwrap()
                    }
                };
                assert!(holds(&found, n), "{found:?}");
                seen = found.mark().cloned();
            }
        }
    }
}

#[tokio::test]
async fn refusals_are_explained_and_change_nothing() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    for (change, says) in [(true, "it is immutable"), (false, "it is being deleted")] {
        {
            let mut inner = lab.server.lock();
            inner.service.put(PLACE, "helm", "OTHER", "eA==");
            let object = inner.service.all.get_mut(PLACE).unwrap();
            (object.immutable, object.is_deleting) = (change, !change);
        }
        for error in [
            to.inspect(PLACE).await.unwrap_err(),
            to.deliver(PLACE, &delivery(1, None)).await.unwrap_err(),
        ] {
            assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
            assert!(quiet(&error).contains(says), "{error}");
        }
    }
    lab.server.lock().service.all.clear();
    let forbidden = r#"{"kind":"Status","reason":"Forbidden","message":"SESAME","code":403}"#;
    for (method, status, body, kind, says) in [
        (
            "GET",
            403,
            forbidden,
            ErrorKind::Denied,
            "get, create and patch on secrets with resourceNames [\"ci-aws\"] in the namespace shop",
        ),
        ("PATCH", 403, forbidden, ErrorKind::Denied, "may not create and patch it"),
        ("GET", 404, "404 page not found", ErrorKind::NotFound, "not a Kubernetes API server"),
        ("GET", 302, "", ErrorKind::Other, "it redirects"),
        ("GET", 200, "<html>SESAME", ErrorKind::Other, "cannot be read"),
        (
            "GET",
            200,
            r#"{"metadata":{"uid":"a b","resourceVersion":"SESAME"}}"#,
            ErrorKind::Other,
            "no version that can be used",
        ),
        ("PATCH", 400, r#"{"message":"SESAME"}"#, ErrorKind::Other, "HTTP 400"),
        ("PATCH", 413, "", ErrorKind::LimitExceeded, "too large"),
        (
            "PATCH",
            422,
            r#"{"message":"SESAME"}"#,
            ErrorKind::Other,
            "the Secret's type does not allow it",
        ),
    ] {
        lab.server.fail(method, Fault::Instead(status, "", body));
        let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{error}");
        let said = quiet(&error);
        assert!(
            said.contains(says) && said.contains("destination x, the Secret shop/ci-aws"),
            "{said}"
        );
    }
    lab.server.fail("PATCH", Fault::Instead(200, "", "<html>SESAME"));
    let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown));
    quiet(&error);

    assert!(lab.version().is_none());
    let error = to.deliver("nowhere/ci-aws", &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    assert!(quiet(&error).contains("there is no namespace nowhere"), "{error}");
}

#[tokio::test]
async fn a_missing_namespace_is_not_an_empty_place() {
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    // Credentials that may not read namespaces are enough.
    for place in [PLACE, "nowhere/ci-aws"] {
        assert_eq!(to.inspect(place).await.unwrap(), Found::Nothing);
    }
    lab.server.lock().service.shows_namespaces = true;
    assert_eq!(to.inspect(PLACE).await.unwrap(), Found::Nothing);
    let error = to.inspect("nowhere/ci-aws").await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    assert!(quiet(&error).contains("there is no namespace nowhere"), "{error}");
}

#[tokio::test]
async fn workloads_are_restarted_once_for_each_key() {
    let lab = Lab::new().await;
    let workloads = ["deployments/shop", "statefulsets/db"];
    lab.server.lock().service.workloads = workloads.map(|name| (name, Vec::new())).into();
    let to = lab.destination("restart = ['deployment/shop', 'statefulset/db']").await;
    let versions = |n: usize| delivery(n, None).version.to_string();
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    // A repeated delivery restarts nothing, and a rollback restarts the workloads again.
    to.deliver(PLACE, &delivery(1, first.mark())).await.unwrap();
    let second = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap();
    to.deliver(PLACE, &delivery(1, second.mark())).await.unwrap();
    for name in workloads {
        let inner = lab.server.lock();
        let expected = [versions(1), versions(2), versions(1)];
        assert_eq!(inner.service.workloads[name], expected, "{name}");
    }
}

#[tokio::test]
async fn a_delivery_is_complete_when_the_new_pods_run() {
    let lab = Lab::new().await;
    lab.server.lock().service.workloads = [("deployments/shop", Vec::new())].into();
    let to = lab.destination("restart = ['deployment/shop']").await;
    // One read at the beginning, one in between, and one at the end.
    lab.server.lock().service.looks = 2;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    assert_eq!(lab.server.lock().service.looks, 0);
    // The restart takes longer than a call may. The next run checks again, and restarts nothing.
    lab.server.lock().service.looks = 1_000;
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InProgress, "{error}");
    let said = quiet(&error);
    assert!(said.contains("Deployment shop/shop: 1 of 2 pods are restarted"), "{said}");
    lab.server.lock().service.looks = 0;
    let there = to.inspect(PLACE).await.unwrap();
    to.deliver(PLACE, &delivery(2, there.mark())).await.unwrap();
    assert_eq!(lab.server.lock().service.workloads["deployments/shop"].len(), 2);
}

#[tokio::test]
async fn a_workload_that_is_not_restarted_is_named_and_restarted_next_time() {
    for (fault, kind, says) in [
        (Fault::Instead(403, "", "{}"), ErrorKind::Denied, "lacks patch on deployments"),
        (Fault::Instead(404, "", "{}"), ErrorKind::NotFound, "no such workload"),
        (Fault::Instead(422, "", "{}"), ErrorKind::NotFound, "no such workload"),
        (Fault::Instead(409, "", "{}"), ErrorKind::Conflict, "another writer"),
        (Fault::Dropped, ErrorKind::Unavailable, "the API server"),
    ] {
        let lab = Lab::new().await;
        lab.server.lock().service.workloads = [("deployments/shop", Vec::new())].into();
        let to = lab.destination("restart = ['deployment/shop']").await;
        lab.server.fail("PATCH /apis/apps", fault);
        let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::Unknown), "{error}");
        let said = quiet(&error);
        assert!(said.contains("Deployment shop/shop: ") && said.contains(says), "{said}");
        assert_eq!(lab.data(SECRET).as_deref(), Some(credentials(1).secret.expose()));
        // The key is already there, so only the missing restart follows.
        let there = to.inspect(PLACE).await.unwrap();
        to.deliver(PLACE, &delivery(1, there.mark())).await.unwrap();
        assert_eq!(lab.server.lock().service.workloads["deployments/shop"].len(), 1);
    }
}
