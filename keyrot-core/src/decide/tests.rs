//! The table is whole, and the one in `docs/decision.md`.

use crate::decide::belief::believed;
use crate::decide::decision::{Decision, Question, Step};
use crate::decide::facts::situation::Ask;
use crate::decide::random_states::{Choices, asked, now, observed, policy};
use crate::decide::request::of_request;
use crate::decide::table;
use crate::model::journal::{JournalEntry, Phase};
use crate::model::receipt::Receiving;
use crate::model::request::Request;
use crate::model::step::StepName;
use std::collections::{BTreeMap, BTreeSet};

/// The number of random states in each run of the tests.
const STATES: u64 = 600_000;

/// The number of random states from which the document is written: some answers are rare.
const STATES_WRITTEN: u64 = 3_000_000;

/// The files that contain rows.
const SOURCES: [&str; 3] = [
    include_str!("table/before_secret.rs"),
    include_str!("table/requests.rs"),
    include_str!("table.rs"),
];

/// The parts of the table in order, each with the part that continues if none of its rows applies.
const PARTS: [(&str, &str); 10] = [
    ("The user and the secret", "the next table"),
    (
        "What was asked for",
        "the next table; for `testSecret`, \"The version of a step\"; for a request that is carried out, \"The destinations\"",
    ),
    ("The keys", "the next table"),
    (
        "The destinations",
        "the next table; for a request that is carried out, \"A request that is carried out\"",
    ),
    (
        "The labels",
        "\"Destinations that are behind\"; for `finishSecret`, the next table; for `createSecret`, \"The next key\"",
    ),
    ("A request that is carried out", "does not occur"),
    ("The version of a step", "does not occur"),
    ("Destinations that are behind", "the next table"),
    ("Keys that leave", "the next table"),
    ("The next key", "does not occur"),
];

/// Returns the answer as the document names it.
fn name(decision: &Decision) -> (&'static str, &'static str) {
    match decision {
        Decision::Look(question) => ("look", looked_for(question)),
        Decision::Act(Step::Write(entry)) => ("write", entered(entry)),
        Decision::Act(step) => ("act", changed(step)),
        Decision::Wait(wait) => ("wait", wait.why.code()),
        Decision::Blocked(why) => ("blocked", why.code()),
        Decision::Refused(why) => ("refused", why.code()),
        Decision::Settled { .. } => ("settled", ""),
        Decision::Done => ("done", ""),
    }
}

fn looked_for(question: &Question) -> &'static str {
    match question {
        Question::VersionContents(_) => "version_contents",
        Question::NextSize(_) => "next_size",
        Question::Versions => "versions",
        Question::Elsewhere => "elsewhere",
        Question::Differences => "differences",
        Question::LastUse(_) => "last_use",
        Question::Verification(_) => "verification",
        Question::Destination(_) => "destination",
    }
}

fn entered(entry: &JournalEntry) -> &'static str {
    match entry {
        JournalEntry::Intent(_) => "intent",
        JournalEntry::Promoted(_) => "promoted",
        JournalEntry::Revoked(_) => "revoked",
        JournalEntry::Moved(_) => "moved",
        JournalEntry::Receipt(receipt) => match receipt.state {
            Receiving::Delivering => "delivering",
            Receiving::Delivered => "delivered",
            Receiving::LetGo => "let_go",
        },
        JournalEntry::Retired(entry) => match entry.phase {
            Phase::Retiring => "retiring",
            Phase::Abandoned => "abandoned",
            Phase::Inactive => "inactive",
            Phase::Hold => "hold",
        },
    }
}

fn changed(step: &Step) -> &'static str {
    match step {
        Step::CreateSecret => "create_secret",
        Step::PutPlaceholder => "put_placeholder",
        Step::StagePlaceholder => "stage_placeholder",
        Step::BindUser(_) => "bind_user",
        Step::BindSecret => "bind_secret",
        Step::Write(entry) => entered(entry),
        Step::TestWrite => "test_write",
        Step::CreateKey => "create_key",
        Step::Stage { .. } => "stage",
        Step::Promote { .. } => "promote",
        Step::Unstage(_) => "unstage",
        Step::Deactivate(_) => "deactivate",
        Step::Activate(_) => "activate",
        Step::Delete(_) => "delete",
        Step::Deliver { .. } => "deliver",
    }
}

/// Returns the request or step as the document names it.
fn kind(ask: Ask<'_>) -> (usize, &'static str) {
    match ask {
        Ask::Run => (0, "run"),
        Ask::Step(order) => match order.step {
            StepName::CreateSecret => (1, "`createSecret`"),
            StepName::SetSecret => (2, "`setSecret`"),
            StepName::TestSecret => (3, "`testSecret`"),
            StepName::FinishSecret => (4, "`finishSecret`"),
        },
        Ask::Rollback(_) => (5, "roll back"),
        Ask::Revoke(_) => (6, "revoke"),
        Ask::Reinstate(_) => (7, "reinstate"),
        Ask::Deliver(_) => (8, "deliver"),
        Ask::LetGo(_) => (9, "let go"),
    }
}

/// What was seen of a row: the requests and steps that it applied to, and its answers.
#[derive(Default)]
struct Seen {
    kinds: BTreeSet<(usize, &'static str)>,
    answers: BTreeSet<(&'static str, &'static str)>,
}

/// Returns each row that applies in one of many states, by its part and its text.
fn applied(states: u64) -> BTreeMap<(&'static str, &'static str), Seen> {
    let (policy, now) = (policy(), now());
    let mut rows: BTreeMap<_, Seen> = BTreeMap::new();
    for seed in 0..states {
        let some = &mut Choices::of(seed);
        let seen = observed(some);
        let (steps, requests) = asked(some, &seen);
        let (sifted, requested) = (believed(&seen, &policy, now), of_request(&seen, &policy, now));
        let requests = requests.iter().filter_map(|request| match request {
            Request::Rollback { to } => Some(Ask::Rollback(to)),
            Request::Reinstate { key } => Some(Ask::Reinstate(key)),
            Request::Revoke(order) => Some(Ask::Revoke(order)),
            Request::Deliver { to } => Some(Ask::Deliver(to.as_ref())),
            Request::LetGo { to } => Some(Ask::LetGo(to)),
            Request::Bind | Request::Leave { .. } | Request::Move { .. } => None,
        });
        let runs =
            [Ask::Run].into_iter().chain(steps.iter().map(Ask::Step)).map(|ask| (&*sifted, ask));
        for (seen, ask) in runs.chain(requests.map(|ask| (&requested, ask))) {
            let row = table::row(seen, ask, &policy, now);
            let all = rows.entry((row.part, row.when.trim())).or_default();
            all.kinds.insert(kind(ask));
            all.answers.insert(name(&row.decision));
        }
    }
    rows
}

/// Returns each row, in the order of the files: its part and its text.
fn written() -> Vec<(&'static str, &'static str)> {
    let mut rows = Vec::new();
    for source in SOURCES {
        let mut part = None;
        for line in source.lines() {
            if let Some((_, rest)) = line.split_once("rows! { \"") {
                part = rest.split('"').next();
            }
            if let (Some(part), Some(when)) = (part, line.strip_prefix("        /// ")) {
                rows.push((part, when));
            }
        }
    }
    rows
}

const UPDATE: &str = "KEYROT_UPDATE_DOCS";

/// Returns the document for the table and its answers.
fn document(states: u64) -> String {
    let (written, applied) = (written(), applied(states));
    let known: BTreeSet<_> = written.iter().copied().collect();
    assert_eq!(known.len(), written.len(), "two rows of a part have the same words");
    let parts: BTreeSet<_> = written.iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, PARTS.iter().map(|(part, _)| *part).collect());
    let dead: Vec<_> = written.iter().filter(|row| !applied.contains_key(*row)).collect();
    assert!(dead.is_empty(), "rows that never apply in {states} states: {dead:#?}");
    let mut text = String::from(HEAD);
    for (part, last) in PARTS {
        text += &format!("\n## {part}\n\n| | If | asked for | then |\n|---|---|---|---|\n");
        let rows = written.iter().filter(|(its, _)| *its == part);
        for (n, row) in rows.enumerate() {
            let Seen { kinds, answers } = &applied[row];
            let kinds: Vec<&str> = kinds.iter().map(|(_, kind)| *kind).collect();
            let kinds = if kinds.len() == 10 { "anything".to_owned() } else { kinds.join(", ") };
            let answers: Vec<String> = answers
                .iter()
                .map(|(word, code)| format!("`{}`", format!("{word} {code}").trim()))
                .collect();
            text += &format!("| {} | {} | {kinds} | {} |\n", n + 1, row.1, answers.join(", "));
        }
        text += &format!("| | none of these | | {last} |\n");
    }
    text
}

const HEAD: &str = "# The decision

<!-- Generated from keyrot-core/src/decide/{table,table/before_secret,table/requests}.rs, and from their answers in random states.
     To update it:
     KEYROT_UPDATE_DOCS=1 cargo nextest run -p keyrot-core --all-features --lib decide -->

First, everything that was read about a user becomes facts, each computed by its own function
(`keyrot-core/src/decide/facts.rs`). Then these tables are evaluated in this order. The first row
that applies has the answer. If its last column has several, the details select one of them:

- `look` reads something first. It changes nothing.
- `write` writes a journal entry, and `act` makes one other change.
- `wait` ends the run until a time has passed.
- `blocked` ends the run until an operator decides.
- `refused` ends a request or a step that cannot be carried out. `done` ends one that is complete.
- `settled` ends the run: nothing is due.

`run` is a scheduled run; `createSecret`, `setSecret`, `testSecret` and `finishSecret` are the steps of
Secrets Manager's own rotation; the others are operators' requests. A revocation ends with what a run
does. Moving a home is in `moving.rs`: it asks what the next run would do.
";

/// Whether the document has this line: the same row, with at least the requests and answers that
/// were seen now.
fn covers(written: &str, seen: &str) -> bool {
    let cells = |line: &str| line.split(" | ").map(str::to_owned).collect::<Vec<_>>();
    let (written_cells, seen_cells) = (cells(written), cells(seen));
    let all = |cell: &str| -> BTreeSet<String> {
        let cell = cell.trim_end_matches(" |");
        let every = ["run", "`createSecret`", "`setSecret`", "`testSecret`", "`finishSecret`"];
        let asked = ["roll back", "revoke", "reinstate", "deliver", "let go"];
        match cell {
            "anything" => every.iter().chain(&asked).map(ToString::to_string).collect(),
            cell => cell.split(", ").map(str::to_owned).collect(),
        }
    };
    match (written_cells.as_slice(), seen_cells.as_slice()) {
        _ if written == seen => true,
        ([n, when, kinds, answers], [its_n, its_when, its_kinds, its_answers]) => {
            (n, when) == (its_n, its_when)
                && all(kinds).is_superset(&all(its_kinds))
                && all(answers).is_superset(&all(its_answers))
        }
        _ => false,
    }
}

#[test]
fn the_document_has_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/decision.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, document(STATES_WRITTEN)).unwrap();
    }
    let document = document(STATES);
    // A published package does not contain the documents.
    let Ok(found) = std::fs::read_to_string(path) else {
        assert!(
            !std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).exists(),
            "there is no {path}"
        );
        return;
    };
    let missing: Vec<_> =
        document.lines().zip(found.lines()).filter(|(seen, line)| !covers(line, seen)).collect();
    assert!(
        missing.is_empty() && document.lines().count() == found.lines().count(),
        "docs/decision.md is out of date: set {UPDATE}=1 and run this test again: {missing:#?}"
    );
}

#[test]
fn a_document_without_an_answer_or_a_row_is_out_of_date() {
    let row = "| 3 | A key is staged | run, revoke | `act promote`, `wait propagation` |";
    assert!(covers(row, row));
    assert!(covers(row, "| 3 | A key is staged | run | `act promote` |"));
    assert!(covers("| 8 | It is gone | anything | `done` |", "| 8 | It is gone | run | `done` |"));
    for wrong in [
        "| 3 | A key is staged | run | `act unstage` |",
        "| 3 | A key is staged | roll back | `act promote` |",
        "| 4 | A key is staged | run | `act promote` |",
        "| 3 | A key is there | run | `act promote` |",
        "",
    ] {
        assert!(!covers(row, wrong), "{wrong}");
    }
}
