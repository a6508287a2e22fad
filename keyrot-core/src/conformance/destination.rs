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
    let desk = &Fixture { port, lab };
    cases!["destination", desk;
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
            same("a look at a place that cannot be seen", &seen, &Found::Nothing)?;
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

async fn empty(desk: &Fixture<'_>) -> Checked {
    let place = desk.lab.empty_place().await?;
    let found = desk.port.inspect(&place).await?;
    match desk.port.abilities().restarts {
        true => holds("consumers have no mark", found.mark().is_some()),
        false => same("an empty place", &found, &Found::Nothing),
    }
}

async fn delivered(desk: &Fixture<'_>) -> Checked {
    let place = desk.lab.empty_place().await?;
    desk.deliver(&place, 1, None).await.map(drop)
}

async fn looked(desk: &Fixture<'_>) -> Checked {
    let place = desk.lab.empty_place().await?;
    desk.deliver(&place, 1, None).await?;
    let first = desk.port.inspect(&place).await?;
    let second = desk.port.inspect(&place).await?;
    match desk.port.abilities().restarts {
        true => Ok(()),
        false => same("a second look", &second, &first),
    }
}

async fn again(desk: &Fixture<'_>) -> Checked {
    let place = desk.lab.empty_place().await?;
    let first = desk.deliver(&place, 1, None).await?;
    desk.deliver(&place, 1, first.mark()).await.map(drop)
}

async fn replaced(desk: &Fixture<'_>) -> Checked {
    let place = desk.lab.empty_place().await?;
    let first = desk.deliver(&place, 1, None).await?;
    let second = desk.deliver(&place, 2, first.mark()).await?;
    holds("another key has the mark of the previous one", desk.differ(&first, &second))
}

async fn back(desk: &Fixture<'_>) -> Checked {
    let place = desk.lab.empty_place().await?;
    let first = desk.deliver(&place, 1, None).await?;
    let second = desk.deliver(&place, 2, first.mark()).await?;
    let back = desk.deliver(&place, 1, second.mark()).await?;
    holds("the first key has the mark of the second", desk.differ(&second, &back))
}

async fn marked(desk: &Fixture<'_>) -> Checked {
    if !desk.port.abilities().visible {
        return Ok(());
    }
    let place = desk.lab.empty_place().await?;
    let first = desk.deliver(&place, 1, None).await?;
    desk.lab.overwrite(&place).await?;
    let theirs = desk.port.inspect(&place).await?;
    holds("what another program wrote has the mark of the delivery", theirs.mark() != first.mark())
}

async fn unseen(desk: &Fixture<'_>) -> Checked {
    if !desk.port.abilities().visible {
        return Ok(());
    }
    let place = desk.lab.empty_place().await?;
    let first = desk.deliver(&place, 1, None).await?;
    desk.lab.overwrite(&place).await?;
    let theirs = desk.port.inspect(&place).await?;
    for replaces in [first.mark(), None] {
        let result = desk.port.deliver(&place, &delivery(2, replaces)?).await;
        refused("a delivery over what was not seen", result, ErrorKind::Conflict)?;
        same("what another program wrote", &desk.port.inspect(&place).await?, &theirs)?;
    }
    desk.deliver(&place, 2, theirs.mark()).await.map(drop)
}

async fn hidden(desk: &Fixture<'_>) -> Checked {
    let place = desk.lab.empty_place().await?;
    let delivery = delivery(1, None)?;
    let secret = &delivery.credentials.secret;
    let answer = desk.port.deliver(&place, &delivery).await;
    hides("the answer", &format!("{answer:?}"), secret)?;
    desk.lab.overwrite(&place).await?;
    let refusal = desk.port.deliver(&place, &delivery).await;
    hides("a refusal", &format!("{refusal:?}"), secret)?;
    if let Err(error) = refusal {
        hides("a refusal's text", &error.to_string(), secret)?;
    }
    Ok(())
}
