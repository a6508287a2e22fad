//! The cases for keyrot's journal entries on a secret.

use super::case::{Checked, Miss, refused, same};
use crate::conformance::fixture::{StoreFixture, at, made_up};
use crate::model::error::ErrorKind;
use crate::model::home::SecretArn;
use crate::model::journal::{Intent, Journal, JournalEntry, Phase, Promoted, Retired, Revoked};
use crate::model::names::{KeyId, VersionId};
use std::time::Duration;

/// The longest wait that can be set: ten years.
const LONGEST: Duration = Duration::from_secs(3653 * 86_400);

/// Returns one journal entry of each kind.
fn notes() -> Result<[JournalEntry; 5], Miss> {
    let (a, version) = made_up('A')?;
    let (b, _) = made_up('B')?;
    Ok([
        JournalEntry::Intent(Intent { before: vec![a.key.clone(), b.key], at: at(1) }),
        JournalEntry::Promoted(Promoted {
            version,
            replacing: Some(a.key.clone()),
            at: at(2),
            overlap: Some(LONGEST),
        }),
        JournalEntry::Retired(Retired {
            key: a.key.clone(),
            phase: Phase::Inactive,
            at: at(3),
            soak: Some(LONGEST),
            reactivated: true,
        }),
        JournalEntry::Revoked(vec![revoked(a.key, 4, false)]),
        JournalEntry::Moved(SecretArn::parse(
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/a/access_key-a1B2c3",
        )?),
    ])
}

fn revoked(key: KeyId, seconds: i64, only_if_unused: bool) -> Revoked {
    Revoked { key, at: at(seconds), only_if_unused }
}

/// If a store drops one of them, a leaked key stays in use.
pub(super) async fn revoked_keys(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("notes-revoked").await?;
    let keys = ['A', 'B'].map(|letter| made_up(letter).map(|(credentials, _)| credentials.key));
    let [a, b] = keys;
    let all = vec![revoked(a?, 1, true), revoked(b?, 2, false)];
    for written in [all.clone(), vec![all[1].clone(), all[0].clone()], Vec::new(), all] {
        fixture.port.write_note(&secret, &JournalEntry::Revoked(written.clone())).await?;
        same("revoked keys", &fixture.present(&secret).await?.journal.revoked, &written)?;
    }
    Ok(())
}

/// No version, label or other tag removes a journal entry.
pub(super) async fn survives(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder) = fixture.adopted("notes-survive").await?;
    let mut expected = Journal::default();
    for note in notes()? {
        fixture.port.write_note(&secret, &note).await?;
        expected.set(note);
    }
    let (first, version) = made_up('A')?;
    fixture.port.stage(&secret, &version, &first, None).await?;
    same("notes after staging", &fixture.present(&secret).await?.journal, &expected)?;
    fixture.port.promote(&secret, &placeholder, &version).await?;
    same("notes after publishing", &fixture.present(&secret).await?.journal, &expected)?;
    fixture.port.unstage(&secret, &version).await?;
    fixture.port.bind(&secret, &fixture.owner("NOTES")?).await?;
    same("notes after all else", &fixture.present(&secret).await?.journal, &expected)
}

/// Ids have twenty characters today, and may become longer. Times are kept to the millisecond.
pub(super) async fn longest(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("notes-longest").await?;
    let key = |letter: &str| KeyId::parse(format!("AKIA{}", letter.repeat(36)));
    let (a, b, millis) = (key("A")?, key("B")?, at(5) + chrono::TimeDelta::milliseconds(123));
    let version = VersionId::parse("v".repeat(64))?;
    let all = [
        JournalEntry::Intent(Intent { before: vec![a.clone(), b.clone()], at: millis }),
        JournalEntry::Promoted(Promoted {
            version,
            replacing: Some(a.clone()),
            at: millis,
            overlap: Some(LONGEST),
        }),
        JournalEntry::Retired(Retired {
            key: a.clone(),
            phase: Phase::Abandoned,
            at: millis,
            soak: None,
            reactivated: true,
        }),
        JournalEntry::Revoked(
            [a, b].map(|key| Revoked { key, at: millis, only_if_unused: true }).to_vec(),
        ),
    ];
    let mut expected = Journal::default();
    for note in all {
        fixture.port.write_note(&secret, &note).await?;
        expected.set(note);
    }
    same("notes", &fixture.present(&secret).await?.journal, &expected)
}

pub(super) async fn none(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("no-notes").await?;
    same("notes", &fixture.present(&secret).await?.journal, &Journal::default())
}

pub(super) async fn read_back(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, placeholder) = fixture.adopted("notes").await?;
    let mut expected = Journal::default();
    for note in notes()? {
        fixture.port.write_note(&secret, &note).await?;
        expected.set(note);
        same("notes", &fixture.present(&secret).await?.journal, &expected)?;
    }
    fixture.labels(&secret, [Some(&placeholder), None, None]).await
}

pub(super) async fn replaced(fixture: &StoreFixture<'_>) -> Checked {
    let (secret, _) = fixture.adopted("notes-replaced").await?;
    let mut expected = Journal::default();
    let later = JournalEntry::Intent(Intent { before: vec![], at: at(9) });
    for note in notes()?.into_iter().chain([later]) {
        fixture.port.write_note(&secret, &note).await?;
        expected.set(note);
    }
    same("notes", &fixture.present(&secret).await?.journal, &expected)
}

pub(super) async fn nowhere(fixture: &StoreFixture<'_>) -> Checked {
    let [note, ..] = notes()?;
    refused(
        "a note",
        fixture.port.write_note(&fixture.secret("notes-nowhere")?, &note).await,
        ErrorKind::NotFound,
    )?;
    Ok(())
}
