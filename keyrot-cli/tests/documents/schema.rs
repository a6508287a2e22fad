//! The schema of the JSON documents is written by hand. These tests check that it has exactly the
//! members and words of the types, and that the pages name its documents.

use super::{documents, root};
use keyrot_core::EventKind;
use keyrot_core::audit::{FindingKind, FindingSeverity};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Words = BTreeSet<String>;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn schema() -> Value {
    serde_json::from_str(&read("keyrot-cli/schema/keyrot.schema.json")).unwrap()
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Words {
    words.into_iter().map(str::to_owned).collect()
}

/// Returns the words that a part of the schema allows, without `null`.
fn allowed(part: &Value) -> Words {
    let list = part["enum"].as_array().unwrap_or_else(|| panic!("no list of words: {part}"));
    words(list.iter().filter_map(Value::as_str))
}

/// Returns an item of a source file, from its first line to its closing bracket.
fn item<'a>(source: &'a str, first: &str) -> &'a str {
    let at = source
        .find(first)
        .filter(|at| !source[at + first.len()..].starts_with(|c: char| c.is_alphanumeric()))
        .unwrap_or_else(|| panic!("no {first:?}"));
    let item = &source[at..];
    &item[..item.find("\n}\n").unwrap_or_else(|| panic!("{first:?} does not end"))]
}

/// Returns the members that a struct has in a document.
fn members(source: &str, name: &str) -> Words {
    let (mut members, mut attribute) = (Words::new(), String::new());
    for line in item(source, &format!("struct {name}")).lines().skip(1).map(str::trim) {
        if line.starts_with("#[") {
            attribute.push_str(line);
            continue;
        }
        let name = line.split_once(':').map(|(name, _)| name.rsplit(' ').next().unwrap());
        let Some(name) = name.filter(|_| !line.starts_with("//")) else { continue };
        let renamed = attribute.split_once("rename = \"").and_then(|(_, to)| to.split('"').next());
        if !attribute.contains("skip)") && !attribute.contains("skip,") {
            members.insert(renamed.unwrap_or(name).to_owned());
        }
        attribute.clear();
    }
    members
}

/// Returns the variants of an enum, in `snake_case`.
fn variants(source: &str, name: &str) -> Words {
    let mut variants = Words::new();
    for line in item(source, &format!("enum {name}")).lines() {
        let Some(line) = line.strip_prefix("    ") else { continue };
        if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let name = line.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            let mut word = String::new();
            for c in name.chars() {
                if c.is_ascii_uppercase() && !word.is_empty() {
                    word.push('_');
                }
                word.push(c.to_ascii_lowercase());
            }
            variants.insert(word);
        }
    }
    assert!(!variants.is_empty(), "{name}");
    variants
}

/// Returns the words of a type: the results of its function `code`, or another one.
fn codes(source: &str, of: &str, function: &str) -> Words {
    let item = item(source, &format!("impl {of} {{"));
    let (_, body) = item.split_once(&format!("fn {function}(")).unwrap_or_else(|| panic!("{of}"));
    let body = body.split("\n    }\n").next().unwrap();
    let codes = body.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let codes = words(codes);
    assert!(!codes.is_empty(), "{of}");
    codes
}

/// Each document or part of one, and its struct.
const STRUCTS: [(&str, &str, &str); 28] = [
    ("run", "keyrot-core/src/report/run.rs", "RunDocument"),
    ("counts", "keyrot-core/src/report/run.rs", "Counts"),
    ("user", "keyrot-core/src/report/user.rs", "UserDocument"),
    ("key", "keyrot-core/src/report/user.rs", "KeyDocument"),
    ("destination", "keyrot-core/src/decide/destinations.rs", "DestinationState"),
    ("assignment", "keyrot-core/src/model/destination.rs", "Assignment"),
    ("evidence", "keyrot-core/src/report/user.rs", "EvidenceDocument"),
    ("event", "keyrot-core/src/report/user.rs", "EventDocument"),
    ("skipped", "keyrot-core/src/selection/missing.rs", "Skipped"),
    ("person_request", "keyrot-core/src/report/request.rs", "RequestDocument"),
    ("enrolment", "keyrot-core/src/report/enroll.rs", "EnrollDocument"),
    ("enrolment/users", "keyrot-core/src/report/enroll.rs", "EnrollRow"),
    ("move", "keyrot-core/src/report/moving.rs", "MoveDocument"),
    ("move/users", "keyrot-core/src/report/moving.rs", "MoveRow"),
    ("audit", "keyrot-core/src/audit/document.rs", "Audit"),
    ("audit/keys", "keyrot-core/src/audit/document.rs", "KeyRow"),
    ("who_uses", "keyrot-core/src/report/uses.rs", "UsesDocument"),
    ("user_destinations", "keyrot-core/src/report/uses.rs", "UserDestinations"),
    ("uses", "keyrot-core/src/model/trail/evidence.rs", "UseEvidence"),
    ("error", "keyrot-cli/src/error.rs", "Document"),
    ("demo", "keyrot-cli/src/commands/demo.rs", "Document"),
    ("policy", "keyrot-cli/src/commands/policy.rs", "Document"),
    ("sandbox", "keyrot-cli/src/sandbox/document.rs", "SandboxDocument"),
    ("sandbox_change", "keyrot-cli/src/commands/sandbox.rs", "Done"),
    ("own", "keyrot-cli/src/screens/self_service.rs", "Document"),
    ("init", "keyrot-cli/src/commands/init.rs", "Document"),
    ("doctor", "keyrot-cli/src/commands/doctor.rs", "Document"),
    ("config", "keyrot-cli/src/commands/config.rs", "Document"),
];

#[test]
fn each_document_has_the_members_of_its_type() {
    let schema = schema();
    for (part, file, name) in STRUCTS {
        let (kind, list) =
            part.split_once('/').map_or((part, None), |(kind, list)| (kind, Some(list)));
        let mut of = &schema["$defs"][kind];
        if let Some(list) = list {
            of = &of["properties"][list]["items"];
        }
        let properties = of["properties"].as_object().unwrap_or_else(|| panic!("{part}"));
        let properties = words(properties.keys().map(String::as_str));
        assert_eq!(properties, members(&read(file), name), "{part}: {name} of {file}");
        assert_eq!(of["additionalProperties"], false, "{part}");
    }
    let of_none: Words = ["intended", "request"].into_iter().map(str::to_owned).collect();
    let known = words(schema["$defs"].as_object().unwrap().keys().map(String::as_str));
    let compared = words(STRUCTS.iter().map(|(part, ..)| part.split('/').next().unwrap()));
    assert_eq!(&known - &compared, of_none, "documents that are compared with no type");
}

#[test]
fn each_reason_belongs_to_its_state() {
    let schema = schema();
    let user = &schema["$defs"]["user"];
    let outcome = codes(&read("keyrot-core/src/report/user.rs"), "Outcome", "reason");
    let decision = read("keyrot-core/src/decide/decision.rs");
    let wait = read("keyrot-core/src/decide/decision/wait.rs");
    let blocked = codes(&read("keyrot-core/src/decide/decision/code.rs"), "Blocked", "code");
    let refusals = codes(&read("keyrot-core/src/decide/decision/refusal.rs"), "Refusal", "code");
    let settled = words(["settled", "done", "revoked"]);
    let stopped = words(["cancelled", "change_limit", "adoption_limit", "user_gone"]);
    let planned = words(["intended", "verify"]);
    let others = &(&(&outcome - &settled) - &stopped) - &planned;
    let expected = BTreeMap::from([
        ("settled".to_owned(), settled),
        ("waiting".to_owned(), codes(&wait, "Why", "code")),
        ("due".to_owned(), &codes(&decision, "Step", "code") | &planned),
        ("blocked".to_owned(), blocked),
        ("stopped".to_owned(), stopped),
        ("failed".to_owned(), &others | &refusals),
    ]);
    let branches = user["allOf"].as_array().unwrap();
    let found: BTreeMap<String, Words> = branches
        .iter()
        .map(|branch| {
            let state = branch["if"]["properties"]["state"]["const"].as_str().unwrap();
            (state.to_owned(), allowed(&branch["then"]["properties"]["reason"]))
        })
        .collect();
    assert_eq!(found, expected);
    let all = expected.into_values().fold(Words::new(), |all, some| &all | &some);
    assert_eq!(allowed(&user["properties"]["reason"]), all);
}

#[test]
fn each_list_of_words_matches_its_type() {
    let schema = schema();
    let defs = &schema["$defs"];
    let member = |kind: &str, name: &str| allowed(&defs[kind]["properties"][name]);
    let of_items = |kind: &str, list: &str, name: &str| {
        allowed(&defs[kind]["properties"][list]["items"]["properties"][name])
    };
    let state = read("keyrot-core/src/report/state.rs");
    assert_eq!(member("run", "result"), variants(&state, "RunStatus"));
    assert_eq!(member("user", "state"), variants(&state, "State"));
    assert_eq!(member("event", "event"), words(EventKind::CODES.iter().copied()));
    let event = read("keyrot-core/src/machine/event.rs");
    let delivered = read("keyrot-core/src/decide/destinations.rs");
    assert_eq!(member("destination", "state"), variants(&delivered, "Delivered"));
    assert_eq!(member("event", "severity"), variants(&event, "Severity"));
    let change = variants(&read("keyrot-core/src/report/enroll.rs"), "Change");
    assert_eq!(of_items("enrolment", "users", "result"), change);
    assert_eq!(of_items("move", "users", "result"), change);
    let remains = variants(&read("keyrot-core/src/report/aftermath.rs"), "Remains");
    assert_eq!(of_items("person_request", "still_alive", "what"), remains);
    let own = variants(&read("keyrot-cli/src/screens/self_service.rs"), "Outcome");
    assert_eq!(member("own", "result"), own);
    let health = variants(&read("keyrot-aws/src/doctor/check.rs"), "Health");
    assert_eq!(member("doctor", "result"), health);
    assert_eq!(of_items("doctor", "checks", "health"), health);

    let kinds = words(FindingKind::ALL.map(FindingKind::code));
    let severities = words(FindingSeverity::ALL.map(FindingSeverity::word));
    let audit = &defs["audit"]["properties"];
    let counts = &audit["counts"]["properties"];
    assert_eq!(allowed(&counts["findings"]["propertyNames"]), kinds);
    assert_eq!(allowed(&counts["severities"]["propertyNames"]), severities);
    assert_eq!(allowed(&audit["keys"]["items"]["properties"]["findings"]["items"]), kinds);
    assert_eq!(of_items("audit", "keys", "severity"), severities);
    assert_eq!(of_items("audit", "findings", "kind"), kinds);
    assert_eq!(of_items("audit", "findings", "severity"), severities);
    let known = variants(&read("keyrot-core/src/audit/document.rs"), "UseKnown");
    assert_eq!(of_items("audit", "keys", "use_known"), known);
}

/// Returns the reasons of a user whose state is `blocked`.
fn block_reasons(schema: &Value) -> Words {
    let branches = schema["$defs"]["user"]["allOf"].as_array().unwrap().iter();
    let blocked = branches
        .filter(|branch| branch["if"]["properties"]["state"]["const"] == "blocked")
        .map(|branch| allowed(&branch["then"]["properties"]["reason"]));
    blocked.fold(Words::new(), |all, some| &all | &some)
}

#[test]
fn the_operations_page_has_a_section_for_each_reason_to_block() {
    let reasons = block_reasons(&schema());
    assert!(reasons.len() >= 30, "{reasons:?}");
    let page = read("docs/operations.md");
    let sections: Vec<&str> = page.lines().filter(|line| line.starts_with("#### ")).collect();
    for reason in reasons {
        let named = format!("`{reason}`");
        let found = sections.iter().filter(|line| line.contains(&named)).count();
        assert_eq!(found, 1, "docs/operations.md needs one section with {named} in its heading");
    }
}

/// Returns the document names with versions in a text, such as `keyrot.plan/2`.
fn editions(text: &str) -> Words {
    let after = text.split("keyrot.").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once('/')?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let named = name.chars().all(|c| c.is_ascii_lowercase() || "-.".contains(c));
        (named && !digits.is_empty()).then(|| format!("keyrot.{name}/{digits}"))
    });
    after.collect()
}

/// Returns the documents that the code writes.
fn written(folder: &Path) -> Words {
    let mut found = Words::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(written(&entry));
        } else if entry.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&entry).unwrap();
            found.extend(text.lines().filter(|line| !line.contains("//")).flat_map(editions));
        }
    }
    found
}

#[test]
fn every_document_is_named_with_the_version_of_its_schema() {
    // This includes the descriptions: none may name a version other than the schema's own.
    let known = editions(
        &(read("keyrot-cli/schema/keyrot.schema.json")
            + &read("keyrot-aws/schema/keyrot.events.schema.json")),
    );
    let names: BTreeSet<_> =
        known.iter().map(|edition| edition.split_once('/').unwrap().0).collect();
    assert_eq!(names.len(), known.len(), "a document with two editions in the schemas: {known:?}");
    let crates = ["keyrot-core/src", "keyrot-aws/src", "keyrot-cli/src", "keyrot-lambda/src"];
    let written = crates.iter().fold(Words::new(), |all, of| &all | &written(&root().join(of)));
    assert_eq!(written, known, "what the code writes, and what has a schema");
    assert_eq!(editions(&read("docs/architecture.md")), known, "docs/architecture.md lists them");
    let mut seen = 0;
    for (path, text) in documents().into_iter().filter(|(path, _)| !path.ends_with("CHANGELOG.md"))
    {
        for edition in editions(&text) {
            seen += 1;
            assert!(known.contains(&edition), "{}: {edition} is none of {known:?}", path.display());
        }
    }
    assert!(seen > known.len(), "{seen} names in the documents");
}
