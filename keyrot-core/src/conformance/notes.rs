//! The cases for keyrot's notes on a secret.

use super::case::{Checked, Miss, refused, same};
use super::store::{Desk, at, made_up};
use crate::{ErrorKind, Intent, Journal, Note, Phase, Promoted, Retired};

/// One note of each kind.
fn notes() -> Result<[Note; 3], Miss> {
    let (a, version) = made_up('A')?;
    let (b, _) = made_up('B')?;
    Ok([
        Note::Intent(Intent { before: vec![a.key.clone(), b.key], at: at(1) }),
        Note::Promoted(Promoted { version, replacing: Some(a.key.clone()), at: at(2) }),
        Note::Retired(Retired { key: a.key, phase: Phase::Inactive, at: at(3) }),
    ])
}

pub(super) async fn none(desk: &Desk<'_>) -> Checked {
    let (secret, _) = desk.adopted("no-notes").await?;
    same("notes", &desk.present(&secret).await?.journal, &Journal::default())
}

pub(super) async fn read_back(desk: &Desk<'_>) -> Checked {
    let (secret, placeholder) = desk.adopted("notes").await?;
    let mut expected = Journal::default();
    for note in notes()? {
        desk.port.write_note(&secret, &note).await?;
        expected.set(note);
        same("notes", &desk.present(&secret).await?.journal, &expected)?;
    }
    desk.labels(&secret, [Some(&placeholder), None, None]).await
}

pub(super) async fn replaced(desk: &Desk<'_>) -> Checked {
    let (secret, _) = desk.adopted("notes-replaced").await?;
    let mut expected = Journal::default();
    let later = Note::Intent(Intent { before: vec![], at: at(9) });
    for note in notes()?.into_iter().chain([later]) {
        desk.port.write_note(&secret, &note).await?;
        expected.set(note);
    }
    same("notes", &desk.present(&secret).await?.journal, &expected)
}

pub(super) async fn nowhere(desk: &Desk<'_>) -> Checked {
    let [note, ..] = notes()?;
    refused("a note", desk.port.write_note(&desk.secret("notes-nowhere")?, &note).await, ErrorKind::NotFound)?;
    Ok(())
}
