//! The cases for destinations.

use super::case::{CaseResult, Checked, Miss, cases, fail, hides, holds, refused, same};
use super::lab::Trouble;
use crate::model::credentials::{Credentials, SecretKey};
use crate::model::destination::{Delivery, Found, Holds};
use crate::model::error::ErrorKind;
use crate::model::names::{KeyId, Mark, VersionId};
use crate::ports::destination::Destination;
use async_trait::async_trait;

/// The other side of a destination: places that the suite may change freely.
#[async_trait]
pub trait DestinationLab: Send + Sync {
    /// Returns an empty place, a different one for each call.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn empty_place(&self) -> Result<String, Trouble>;

    /// Writes something other than a key to a place with a delivered key, as another program would.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn overwrite(&self, place: &str) -> Result<(), Trouble>;
}

struct Fixture<'a> {
    port: &'a dyn Destination,
    lab: &'a dyn DestinationLab,
}

/// Runs all cases for a [`Destination`].
pub async fn destination(port: &dyn Destination, lab: &dyn DestinationLab) -> Vec<CaseResult> {
    let fixture = &Fixture { port, lab };
    cases!["destination", fixture;
        empty as an_empty_place_is_no_error,
        delivered as what_was_delivered_is_there,
        looked as to_look_changes_nothing,
        again as the_same_key_may_be_delivered_again,
        replaced as a_key_takes_the_place_of_another,
        back as an_earlier_key_is_delivered_again,
        marked as a_foreign_write_has_another_mark,
        unseen as nothing_is_written_over_what_was_not_seen,
        hidden as no_secret_is_shown,
    ]
}

/// Returns the nth key of the suite, and its version.
fn delivery(n: u32, replaces: Option<&Mark>) -> Result<Delivery, Miss> {
    let key = KeyId::parse(format!("AKIA{n:0>16}"))?;
    let version = VersionId::parse(format!("keyrot-key-{key}-{}", 1_700_000_000 + n))?;
    let secret = SecretKey::new(format!("conformance+K7MDENG/bPxRfiCY{n:0>12}"));
    Ok(Delivery { version, credentials: Credentials { key, secret }, replaces: replaces.cloned() })
}

impl Fixture<'_> {
    /// Delivers the nth key, and checks what the port reports about it.
    async fn deliver(&self, place: &str, n: u32, replaces: Option<&Mark>) -> Result<Found, Miss> {
        let delivery = delivery(n, replaces)?;
        let found = self.port.deliver(place, &delivery).await?;
        self.is(&found, &delivery.credentials.key)?;
        let seen = self.port.inspect(place).await?;
        if self.port.abilities().restarts {
            // The mark may be the time.
            self.is(&seen, &delivery.credentials.key)?;
            return Ok(found);
        }
        if !self.port.abilities().visible {
            same("what a delivery answers", &found, &Found::unseen())?;
            same("reading a place that cannot be seen", &seen, &Found::Nothing)?;
            return Ok(found);
        }
        self.is(&seen, &delivery.credentials.key)?;
        same(
            "the mark that is there, beside the one that was answered",
            &seen.mark(),
            &found.mark(),
        )?;
        Ok(found)
    }

    /// Checks that two writes have different marks, if marks can be read.
    fn differ(&self, first: &Found, second: &Found) -> bool {
        first.mark() != second.mark() || !self.port.abilities().visible
    }

    fn is(&self, found: &Found, key: &KeyId) -> Checked {
        let Found::Copy { holds, .. } = found else { return fail("nothing is there") };
        let expected = match self.port.abilities().readable {
            true => Holds::Key(key.clone()),
            false => Holds::NotShown,
        };
        same("what the place holds", holds, &expected)
    }
}

async fn empty(fixture: &Fixture<'_>) -> Checked {
    let place = fixture.lab.empty_place().await?;
    let found = fixture.port.inspect(&place).await?;
    match fixture.port.abilities().restarts {
        true => holds("consumers have no mark", found.mark().is_some()),
        false => same("an empty place", &found, &Found::Nothing),
    }
}

async fn delivered(fixture: &Fixture<'_>) -> Checked {
    let place = fixture.lab.empty_place().await?;
    fixture.deliver(&place, 1, None).await.map(drop)
}

async fn looked(fixture: &Fixture<'_>) -> Checked {
    let place = fixture.lab.empty_place().await?;
    fixture.deliver(&place, 1, None).await?;
    let first = fixture.port.inspect(&place).await?;
    let second = fixture.port.inspect(&place).await?;
    match fixture.port.abilities().restarts {
        true => Ok(()),
        false => same("a second look", &second, &first),
    }
}

async fn again(fixture: &Fixture<'_>) -> Checked {
    let place = fixture.lab.empty_place().await?;
    let first = fixture.deliver(&place, 1, None).await?;
    fixture.deliver(&place, 1, first.mark()).await.map(drop)
}

async fn replaced(fixture: &Fixture<'_>) -> Checked {
    let place = fixture.lab.empty_place().await?;
    let first = fixture.deliver(&place, 1, None).await?;
    let second = fixture.deliver(&place, 2, first.mark()).await?;
    holds("another key has the mark of the previous one", fixture.differ(&first, &second))
}

async fn back(fixture: &Fixture<'_>) -> Checked {
    let place = fixture.lab.empty_place().await?;
    let first = fixture.deliver(&place, 1, None).await?;
    let second = fixture.deliver(&place, 2, first.mark()).await?;
    let back = fixture.deliver(&place, 1, second.mark()).await?;
    holds("the first key has the mark of the second", fixture.differ(&second, &back))
}

async fn marked(fixture: &Fixture<'_>) -> Checked {
    if !fixture.port.abilities().visible {
        return Ok(());
    }
    let place = fixture.lab.empty_place().await?;
    let first = fixture.deliver(&place, 1, None).await?;
    fixture.lab.overwrite(&place).await?;
    let theirs = fixture.port.inspect(&place).await?;
    holds("what another program wrote has the mark of the delivery", theirs.mark() != first.mark())
}

async fn unseen(fixture: &Fixture<'_>) -> Checked {
    if !fixture.port.abilities().visible {
        return Ok(());
    }
    let place = fixture.lab.empty_place().await?;
    let first = fixture.deliver(&place, 1, None).await?;
    fixture.lab.overwrite(&place).await?;
    let theirs = fixture.port.inspect(&place).await?;
    for replaces in [first.mark(), None] {
        let result = fixture.port.deliver(&place, &delivery(2, replaces)?).await;
        refused("a delivery over what was not seen", result, ErrorKind::Conflict)?;
        same("what another program wrote", &fixture.port.inspect(&place).await?, &theirs)?;
    }
    fixture.deliver(&place, 2, theirs.mark()).await.map(drop)
}

async fn hidden(fixture: &Fixture<'_>) -> Checked {
    let place = fixture.lab.empty_place().await?;
    let delivery = delivery(1, None)?;
    let secret = &delivery.credentials.secret;
    let answer = fixture.port.deliver(&place, &delivery).await;
    hides("the answer", &format!("{answer:?}"), secret)?;
    fixture.lab.overwrite(&place).await?;
    let refusal = fixture.port.deliver(&place, &delivery).await;
    hides("a refusal", &format!("{refusal:?}"), secret)?;
    if let Err(error) = refusal {
        hides("a refusal's text", &error.to_string(), secret)?;
    }
    Ok(())
}
