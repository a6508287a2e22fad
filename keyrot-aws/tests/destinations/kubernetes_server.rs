//! The Secrets of an API server, as in the Kubernetes documentation: with resource versions, uids,
//! and server-side apply with the fields that each writer owns.

use super::server::{Answer, Request, Service};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IlNFU0FNRSJ9.SESAME";

/// The name of a writer, and how it writes.
type Writer = (String, &'static str);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub(crate) uid: String,
    pub(crate) version: u64,
    /// `data NAME` and `label NAME`.
    pub(crate) fields: BTreeMap<(&'static str, String), String>,
    pub(crate) owners: BTreeMap<Writer, BTreeSet<(&'static str, String)>>,
    pub(crate) immutable: bool,
    pub(crate) is_deleting: bool,
}

pub(crate) struct Cluster {
    pub(crate) all: BTreeMap<String, Object>,
    pub(crate) tokens: Vec<&'static str>,
    /// Whether a missing Secret is created although the request names a version.
    pub(crate) creates_with_version: bool,
    /// Whether the credentials may read namespaces.
    pub(crate) shows_namespaces: bool,
    /// Whether something else creates the Secret between a read and a write.
    pub(crate) appears: Option<&'static str>,
    /// Whether an admission webhook changes what is written.
    pub(crate) mutates: bool,
    /// The annotations that a workload's pods had, the newest last, by `deployments/NAME`.
    pub(crate) workloads: BTreeMap<&'static str, Vec<String>>,
    /// The number of further reads of a workload before its restart is over.
    pub(crate) looks: usize,
    changes: u64,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self {
            all: BTreeMap::new(),
            tokens: vec![TOKEN],
            creates_with_version: true,
            shows_namespaces: false,
            appears: None,
            mutates: false,
            workloads: BTreeMap::new(),
            looks: 0,
            changes: 1000,
        }
    }

    /// Sets a key in the data as another writer.
    pub(crate) fn put(&mut self, place: &str, writer: &str, name: &str, text: &str) {
        self.changes += 1;
        let changes = self.changes;
        let object = self.all.entry(place.to_owned()).or_insert_with(|| Object::new(changes));
        let field = ("data", name.to_owned());
        for fields in object.owners.values_mut() {
            fields.remove(&field);
        }
        let own = object.owners.entry((writer.to_owned(), "Update")).or_default();
        own.insert(field.clone());
        object.fields.insert(field, text.to_owned());
        object.version = changes;
    }

    fn serve(&mut self, request: &Request) -> Answer {
        let bearer = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
        if !self.tokens.iter().any(|token| bearer == format!("Bearer {token}")) {
            return no(401, "Unauthorized", &json!({}));
        }
        if let Some(rest) = request.path.strip_prefix("/apis/apps/v1/namespaces/shop/") {
            return self.annotate(rest, request);
        }
        let path: Vec<&str> = request.path.split('/').collect();
        if let ["", "api", "v1", "namespaces", name] = path[..] {
            assert_eq!(request.method, "GET");
            return match name {
                _ if !self.shows_namespaces => {
                    no(403, "Forbidden", &json!({ "kind": "namespaces" }))
                }
                "shop" => Answer(200, String::new(), json!({ "kind": "Namespace" }).to_string()),
                _ => no(404, "NotFound", &json!({ "name": name, "kind": "namespaces" })),
            };
        }
        let ["", "api", "v1", "namespaces", namespace, "secrets", name] = path[..] else {
            return Answer(404, String::new(), "404 page not found\n".to_owned());
        };
        let place = format!("{namespace}/{name}");
        match request.method.as_str() {
            "GET" => match self.all.get(&place) {
                Some(object) => object.answer(200, &place),
                None => no(404, "NotFound", &json!({ "name": name, "kind": "secrets" })),
            },
            "PATCH" if namespace != "shop" => {
                no(404, "NotFound", &json!({ "name": namespace, "kind": "namespaces" }))
            }
            "PATCH" => self.apply(&place, request),
            other => panic!("{other} is not needed"),
        }
    }

    /// Sets an annotation of a workload's pods. If it differs, the pods are replaced.
    fn annotate(&mut self, workload: &str, request: &Request) -> Answer {
        assert_eq!(request.headers["content-type"], "application/apply-patch+yaml");
        assert_eq!(
            (request.method.as_str(), request.query.as_str()),
            ("PATCH", "fieldManager=keyrot")
        );
        let body = request.json();
        let kinds = [("Deployment", "deployments"), ("StatefulSet", "statefulsets")];
        let (kind, name) = (text(&body["kind"]), text(&body["metadata"]["name"]));
        let plural = kinds.iter().find(|(one, _)| *one == kind).unwrap().1;
        assert_eq!(
            (format!("{plural}/{name}"), text(&body["apiVersion"])),
            (workload.to_owned(), "apps/v1")
        );
        let fields: Vec<&String> = body["spec"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["template"], "nothing else of the workload");
        let Some(pods) = self.workloads.get_mut(workload) else {
            // The object that the server would create is not a workload, because it has no
            // containers.
            return no(422, "Invalid", &json!({}));
        };
        let version = text(&body["spec"]["template"]["metadata"]["annotations"]["keyrot/version"]);
        if pods.last().map(String::as_str) != Some(version) {
            pods.push(version.to_owned());
        }
        let is_over = self.looks == 0;
        self.looks = self.looks.saturating_sub(1);
        let (updated, revision) = if is_over { (2, "new") } else { (1, "old") };
        let object = json!({
            "kind": kind,
            "metadata": { "generation": pods.len() },
            "spec": { "replicas": 2, "updateStrategy": { "type": "RollingUpdate" } },
            "status": {
                "observedGeneration": pods.len(), "replicas": 2, "updatedReplicas": updated,
                "readyReplicas": 2, "availableReplicas": 2,
                "currentRevision": revision, "updateRevision": "new",
            },
        });
        Answer(200, String::new(), object.to_string())
    }

    fn apply(&mut self, place: &str, request: &Request) -> Answer {
        assert_eq!(request.headers["content-type"], "application/apply-patch+yaml");
        assert_eq!(request.query, "fieldManager=keyrot", "and no force");
        if let Some(name) = self.appears.take() {
            self.put(place, "helm", name, "dGhlaXJz");
        }
        let body = request.json();
        assert_eq!((&body["apiVersion"], &body["kind"]), (&json!("v1"), &json!("Secret")));
        let metadata = &body["metadata"];
        assert_eq!(format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"])), place);
        let (uid, version) = (metadata["uid"].as_str(), metadata["resourceVersion"].as_str());
        let of = |kind: &'static str, values: &Value| {
            let values = values.as_object().cloned().unwrap_or_default();
            values.into_iter().map(move |(name, value)| ((kind, name), text(&value).to_owned()))
        };
        let wanted: BTreeMap<_, _> =
            of("data", &body["data"]).chain(of("label", &metadata["labels"])).collect();

        // The checks are in the same order as in `patch.go`: first the uid, because an object that
        // does not exist has none; then the owners; then the version.
        let Some(object) = self.all.get(place) else {
            if uid.is_some() || (version.is_some() && !self.creates_with_version) {
                return no(409, "Conflict", &json!({}));
            }
            self.changes += 1;
            let mut object = Object::new(self.changes);
            object.take(wanted);
            self.all.insert(place.to_owned(), object);
            return self.stored(201, place);
        };
        let me: Writer = ("keyrot".to_owned(), "Apply");
        let mut causes = Vec::new();
        for (field, value) in &wanted {
            let others = object.owners.iter().filter(|(w, own)| **w != me && own.contains(field));
            for ((writer, _), _) in others.filter(|_| object.fields.get(field) != Some(value)) {
                let message = format!("conflict with \"{writer}\" using v1");
                let field = format!(".{}.{}", field.0, field.1);
                causes.push(
                    json!({ "reason": "FieldManagerConflict", "message": message, "field": field }),
                );
            }
        }
        if !causes.is_empty() {
            return no(409, "Conflict", &json!({ "causes": causes }));
        }
        if version.is_some_and(|version| version != object.version.to_string()) {
            return no(409, "Conflict", &json!({ "kind": "secrets" }));
        }
        if uid.is_some_and(|uid| uid != object.uid) {
            return no(422, "Invalid", &json!({}));
        }
        let before = object.clone();
        let mut object = before.clone();
        object.take(wanted);
        if object != before {
            self.changes += 1;
            object.version = self.changes;
        }
        self.all.insert(place.to_owned(), object);
        self.stored(200, place)
    }

    fn stored(&mut self, status: u16, place: &str) -> Answer {
        let mutates = self.mutates;
        let object = self.all.get_mut(place).unwrap();
        if mutates {
            let secret = object.fields.get_mut(&("data", "AWS_SECRET_ACCESS_KEY".to_owned()));
            *secret.unwrap() = "dmF1bHQ6Ly9zZWNyZXQ=".to_owned();
        }
        object.answer(status, place)
    }
}

impl Object {
    fn new(changes: u64) -> Self {
        Self {
            uid: format!("88e00824-7f0e-11e8-94a1-{changes:0>12}"),
            version: changes,
            fields: BTreeMap::new(),
            owners: BTreeMap::new(),
            immutable: false,
            is_deleting: false,
        }
    }

    /// Applies keyrot's fields. A field that keyrot applied before but no longer applies is
    /// removed, unless another writer owns it, too.
    fn take(&mut self, wanted: BTreeMap<(&'static str, String), String>) {
        let me: Writer = ("keyrot".to_owned(), "Apply");
        let before = self.owners.remove(&me).unwrap_or_default();
        for field in before {
            if !self.owners.values().any(|own| own.contains(&field)) {
                self.fields.remove(&field);
            }
        }
        self.owners.insert(me, wanted.keys().cloned().collect());
        self.fields.extend(wanted);
    }

    pub(crate) fn answer(&self, status: u16, place: &str) -> Answer {
        let (namespace, name) = place.split_once('/').unwrap();
        let values = |kind: &str| -> Map<String, Value> {
            let own = self.fields.iter().filter(|((of, _), _)| *of == kind);
            own.map(|((_, name), value)| (name.clone(), json!(value))).collect()
        };
        let owned = |own: &BTreeSet<(&str, String)>, kind: &str| -> Map<String, Value> {
            let own = own.iter().filter(|(of, _)| *of == kind);
            own.map(|(_, name)| (format!("f:{name}"), json!({}))).collect()
        };
        let managed: Vec<Value> = self
            .owners
            .iter()
            .map(|((manager, operation), own)| {
                json!({
                    "manager": manager, "operation": operation, "apiVersion": "v1",
                    "time": "2026-11-29T10:00:00Z", "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        "f:data": owned(own, "data"),
                        "f:metadata": { "f:labels": owned(own, "label") },
                    },
                })
            })
            .collect();
        let mut body = json!({
            "kind": "Secret", "apiVersion": "v1", "type": "Opaque", "data": values("data"),
            "metadata": {
                "name": name, "namespace": namespace, "uid": self.uid,
                "resourceVersion": self.version.to_string(), "labels": values("label"),
                "creationTimestamp": "2026-11-29T09:00:00Z", "managedFields": managed,
            },
        });
        if self.immutable {
            body["immutable"] = json!(true);
        }
        if self.is_deleting {
            body["metadata"]["deletionTimestamp"] = json!("2026-11-29T10:00:00Z");
        }
        Answer(status, String::new(), body.to_string())
    }
}

impl Service for Cluster {
    fn answer(&mut self, request: &Request) -> Answer {
        self.serve(request)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn no(status: u16, reason: &str, details: &Value) -> Answer {
    // The server's own message may quote the request.
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
        "message": "about SESAME", "details": details, "code": status,
    });
    Answer(status, String::new(), body.to_string())
}
