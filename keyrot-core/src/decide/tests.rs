//! The table is whole, says what the decision does, and is the one in `docs/decision.md`.
#![allow(clippy::unwrap_used)]

use super::belief::believed;
use super::decision::Decision;
use super::ground;
use super::revoke::before_secret;
use super::situation::Asked;
use super::states::{Choices, now, observed, policy, request, step};
use super::table::{self, BeforeSecret, Rule};
use crate::model::journal::{JournalEntry, Phase};
use crate::model::observed::Observed;
use crate::model::request::Request;
use std::collections::BTreeSet;

const STATES: u64 = 20_000;

/// The answer as the table names it.
fn name(decision: &Decision) -> String {
    let tag = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Object(fields) => fields.keys().next().unwrap().clone(),
        other => panic!("a decision is serialized as {other}"),
    };
    let of = |word: &str, code: &str| format!("{word} {code}");
    match decision {
        Decision::Look(question) => of("look", &tag(serde_json::to_value(question).unwrap())),
        Decision::Act(crate::decide::Step::Write(entry)) => of(
            "write",
            match entry {
                JournalEntry::Intent(_) => "intent",
                JournalEntry::Promoted(_) => "promoted",
                JournalEntry::Revoked(_) => "revoked",
                JournalEntry::Moved(_) => "moved",
                JournalEntry::Retired(entry) => match entry.phase {
                    Phase::Retiring => "retiring",
                    Phase::Abandoned => "abandoned",
                    Phase::Inactive => "inactive",
                    Phase::Hold => "hold",
                },
            },
        ),
        Decision::Act(step) => of("act", &tag(serde_json::to_value(step).unwrap())),
        Decision::Wait(wait) => of("wait", wait.why.code()),
        Decision::Blocked(why) => of("blocked", why.code()),
        Decision::Refused(why) => of("refused", why.code()),
        Decision::Settled { .. } => "settled".to_owned(),
        Decision::Done => "done".to_owned(),
    }
}

/// The rule that applies in a state, with its answer.
fn applies(seen: &Observed, asked: Asked<'_>) -> Option<(Rule, Decision)> {
    let policy = policy();
    let seen = believed(seen, &policy, now());
    let seen = Observed { quarantine: None, ..seen.into_owned() };
    let case = ground::situation(&seen, asked, &policy, now()).ok()?;
    table::applies(&case)
}

#[test]
fn no_rule_answers_what_its_row_does_not_say() {
    let (mut applied, mut applied_before) = (BTreeSet::new(), BTreeSet::new());
    let mut wrong = BTreeSet::new();
    for seed in 0..STATES {
        let some = &mut Choices::of(seed);
        let seen = observed(some);
        let (order, asked) = (step(some, &seen), request(some, &seen));
        let asked = match &asked {
            Request::Rollback { to } => Asked::Rollback(to),
            Request::Reinstate { key } => Asked::Reinstate(key),
            Request::Revoke(order) => Asked::Revoke(order),
            Request::Bind | Request::Leave { .. } | Request::Move { .. } => Asked::Step(&order),
        };
        if let Asked::Revoke(order) = asked
            && let Some((rule, decision)) = before_secret(&believed(&seen, &policy(), now()), order, &policy(), now())
        {
            let answer = name(&decision);
            if !rule.row().1.contains(&answer.as_str()) {
                wrong.insert(format!("{rule:?} answers {answer:?} (seed {seed})"));
            }
            applied_before.insert(format!("{rule:?}"));
        }
        for asked in [Asked::Run, Asked::Step(&order), asked] {
            let Some((rule, decision)) = applies(&seen, asked) else { continue };
            let answer = name(&decision);
            if !rule.row().1.contains(&answer.as_str()) {
                wrong.insert(format!("{rule:?} answers {answer:?} (seed {seed})"));
            }
            applied.insert(format!("{rule:?}"));
        }
    }
    assert!(wrong.is_empty(), "not in the table: {wrong:#?}");
    // And no row is dead.
    let never: Vec<&Rule> = table::LISTS
        .iter()
        .flat_map(|(_, rules, _)| *rules)
        .filter(|rule| !applied.contains(&format!("{rule:?}")))
        .collect();
    assert_eq!(applied_before.len(), BeforeSecret::ALL.len(), "only {applied_before:?} applied before the secret");
    assert!(never.is_empty(), "in the table, and never applied in {STATES} states: {never:?}");
}

const UPDATE: &str = "KEYROT_UPDATE_DOCS";

/// The document, as the code has it.
fn document() -> String {
    let mut text = String::from(HEAD);
    let row = |n: usize, (when, answers): (&str, &[&str])| {
        let answers: Vec<String> = answers.iter().map(|answer| format!("`{answer}`")).collect();
        format!("| {n} | {when} | {} |\n", answers.join(", "))
    };
    let mut list = |title: &str, last: &str, rows: Vec<(&str, &[&str])>| {
        text += &format!("\n## {title}\n\n| | If | then |\n|---|---|---|\n");
        text.extend(rows.into_iter().enumerate().map(|(n, one)| row(n + 1, one)));
        text += &format!("| | none of these | {last} |\n");
    };
    list(
        "Revoke, before the secret is used",
        "the next table",
        BeforeSecret::ALL.iter().map(|rule| rule.row()).collect(),
    );
    for (title, rules, last) in table::LISTS {
        list(title, last, rules.iter().map(|rule| rule.row()).collect());
    }
    text
}

const HEAD: &str = "# The decision

<!-- Generated from keyrot-core/src/decide/table.rs. To write it again:
     KEYROT_UPDATE_DOCS=1 cargo nextest run -p keyrot-core --all-features --lib decide -->

Each run asks these questions of what it has read, in this order. The first row that applies has the
answer; what it depends on in detail (which wait is over, what a verification brought) selects one of
the answers in its last column:

- `look` reads something first. It changes nothing.
- `write` writes a journal entry, and `act` makes one other change.
- `wait` ends the run until a time has passed.
- `blocked` ends the run until an operator decides.
- `refused` ends a request or a step that cannot be carried out. `done` ends one that is complete.
- `settled` ends the run: nothing is due.

Before every table but the first comes what the secret itself has to be: this user's home
(`keyrot-core/src/decide/home.rs`), usable, and with a current version (`ground.rs`). A scheduled run
and a step of a rotation also stop where AWS has quarantined the user. Moving a home is in `moving.rs`.
";

#[test]
fn the_document_has_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/decision.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, document()).unwrap();
    }
    // A package that was published has no documents beside it.
    let Ok(found) = std::fs::read_to_string(path) else {
        assert!(!std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).exists(), "there is no {path}");
        return;
    };
    assert!(found == document(), "docs/decision.md is out of date: set {UPDATE}=1 and run this test again");
}
