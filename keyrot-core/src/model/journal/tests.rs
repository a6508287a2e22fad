//! Tests that each entry is read back as it was written, and that a damaged one counts as absent.

use super::*;
use crate::testing::{at, key};
use proptest::prelude::*;

fn home(suffix: &str) -> Option<SecretArn> {
    SecretArn::parse(format!(
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/ci/access_key{suffix}"
    ))
    .ok()
}

fn notes() -> Vec<JournalEntry> {
    let version = VersionId::for_key(&key("B"), at(5), true).expect("fits");
    let mut notes = vec![
        JournalEntry::Intent(Intent { before: vec![], at: at(1) }),
        JournalEntry::Intent(Intent { before: vec![key("A"), key("B")], at: at(1) }),
        JournalEntry::Promoted(Promoted {
            version: version.clone(),
            replacing: None,
            at: at(2),
            overlap: None,
        }),
        JournalEntry::Promoted(Promoted {
            version,
            replacing: Some(key("A")),
            at: at(2),
            overlap: Some(Duration::from_secs(30 * 86_400)),
        }),
        JournalEntry::Revoked(vec![Revoked { key: key("A"), at: at(4), only_if_unused: false }]),
        JournalEntry::Revoked(vec![Revoked { key: key("A"), at: at(4), only_if_unused: true }]),
        JournalEntry::Revoked(Vec::new()),
        JournalEntry::Revoked(
            ["A", "B", "C"]
                .map(|id| Revoked { key: key(id), at: at(4), only_if_unused: true })
                .to_vec(),
        ),
    ];
    notes.extend(home("-a1B2c3").map(JournalEntry::Moved));
    notes.extend(home("").map(JournalEntry::Moved));
    for phase in [Phase::Retiring, Phase::Abandoned, Phase::Inactive, Phase::Hold] {
        let soak = Some(Duration::from_millis(604_800_001));
        for (soak, reactivated) in [(None, false), (soak, false), (None, true), (soak, true)] {
            let (key, at) = (key("A"), at(3));
            notes.push(JournalEntry::Retired(Retired { key, phase, at, soak, reactivated }));
        }
    }
    notes
}

#[test]
fn every_entry_is_read_back_and_fits_a_tag() {
    for note in notes() {
        let text = note.to_text();
        assert_eq!(JournalEntry::parse(&text).as_ref(), Some(&note), "{text}");
        assert!(text.len() <= 256, "{text}");
        assert!(
            text.chars().all(|c| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c)),
            "{text}"
        );
    }
}

#[test]
fn of_several_revocations_of_a_key_one_is_kept() {
    let (id, later) = (key("A"), at(9).to_rfc3339());
    let text = format!(
        "revoked-if-unused {id} {} revoked {id} {later} revoked {} {later}",
        at(4).to_rfc3339(),
        key("B")
    );
    let order = |id: &str, at| Revoked { key: key(id), at, only_if_unused: false };
    let expected = JournalEntry::Revoked(vec![order("A", at(4)), order("B", at(9))]);
    assert_eq!(JournalEntry::parse(&text), Some(expected));
}

#[test]
fn an_entry_with_a_wait_that_no_setting_allows_is_absent() {
    let note = |soak: u64| format!("inactive {} {} soak={soak}ms", key("A"), at(3).to_rfc3339());
    let longest = u64::try_from(LONGEST.as_millis()).expect("fits");
    assert!(JournalEntry::parse(&note(longest)).is_some());
    assert_eq!(JournalEntry::parse(&note(longest + 1)), None);
    assert_eq!(JournalEntry::parse(&note(u64::MAX)), None);
}

#[test]
fn an_entry_under_the_wrong_tag_is_absent() {
    let note = notes().remove(0);
    let tags = BTreeMap::from([("keyrot:retired".to_owned(), note.to_text())]);
    assert_eq!(Journal::from_tags(&tags), Journal::default());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = JournalEntry::parse(&text);
    }

    #[test]
    fn a_damaged_entry_is_absent_or_complete(cut in 0usize..120, n in 0usize..14) {
        let whole = notes()[n].to_text();
        let cut = cut.min(whole.len());
        if let Some(read) = JournalEntry::parse(&whole[..cut]) {
            // Only a cut inside the fraction of a second leaves a readable entry, for the same
            // step.
            prop_assert_eq!(read.tag(), notes()[n].tag());
        }
    }
}
