//! The state of one destination for the current key.

use crate::decide::facts::situation::Situation;
use crate::model::clock::CLOCK_TOLERANCE;
use crate::model::destination::{Abilities, Changed, Found, Holds, SeenDestination};
use crate::model::names::{KeyId, Mark};
use crate::model::receipt::{Receipt, Receiving};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::after;

const OVERTAKEN: &str =
    "another run may be delivering an earlier key there; the next run delivers the current one";

const NO_ROOM: &str =
    "the home secret has no room for the tag of another receipt: remove tags from it";

/// The state of one destination for the current key.
#[derive(Clone, Copy)]
pub(crate) enum Standing<'a> {
    /// An operator gave it up.
    LetGo,
    /// A receipt says that it has the key, and the place has not been read since.
    Recorded,
    /// It has the key, and a receipt says so.
    Received,
    /// It has to be read first.
    Unasked,
    /// This run has delivered the key, and no receipt says so yet.
    Unrecorded(&'a Mark),
    /// It gets the key next, but the delivery has to be announced first.
    Unannounced(Option<&'a Mark>),
    /// It gets the key next.
    Due(Option<&'a Mark>),
    /// In this run, it could not be read, or it refused the key.
    Failed(&'a str),
    /// A receipt says that it has the key, and in this run it could not be read.
    Unconfirmed(&'a str),
    /// It has the key, and something is still in progress there, such as a restart.
    Unfinished(&'a str),
    /// Something else wrote to the place.
    Changed(Changed),
    /// It restarts consumers, and another destination from which they may read has to get the key
    /// first.
    Later,
}

impl<'a> Standing<'a> {
    /// Returns the state of the destination for the current version, which holds this key.
    pub(crate) fn of(case: &Situation<'a>, one: &'a SeenDestination, key: &KeyId) -> Self {
        let current = &case.current.version;
        let delivered_here = one.has_delivered(current);
        let asked = case.delivery_asked(&one.assignment.to) && !delivered_here;
        let receipt = case.secret.journal.receipts.get(&one.assignment.to);
        let delivered = receipt.filter(|receipt| receipt.state == Receiving::Delivered);
        let served = delivered.filter(|receipt| receipt.version == *current && !asked);
        if let Some(reason) = &one.failed {
            return match served {
                Some(_) => Self::Unconfirmed(reason),
                None => Self::Failed(reason),
            };
        }
        if receipt.is_none() && !case.has_room_for_receipt() {
            return Self::Failed(NO_ROOM);
        }
        if let Some(what) = &one.unfinished {
            return Self::Unfinished(what);
        }
        if !asked && receipt.is_some_and(|receipt| receipt.state == Receiving::LetGo) {
            return Self::LetGo;
        }
        if one.assignment.abilities.restarts {
            return Self::of_restart(case, one, key, receipt, asked);
        }
        let Some(found) = &one.found else {
            // A run that was overtaken may write an earlier key after this receipt, and so may a
            // call whose reply was lost.
            let may_change = |receipt: &Receipt| {
                one.assignment.abilities.visible
                    && !delivered_here
                    && case.now < after(receipt.at, case.overlap())
            };
            return match served {
                Some(receipt) if !may_change(receipt) => Self::Recorded,
                _ => Self::Unasked,
            };
        };
        // Each run announces the delivery again before it verifies the key. So keyrot's own use of
        // the key is never much later than the last entry.
        let due = match one.announced_here.as_ref() == Some(current) {
            true => Self::Due(found.mark()),
            false => Self::Unannounced(found.mark()),
        };
        match found {
            _ if asked => due,
            _ if !one.assignment.abilities.visible => {
                Self::of_unseen(case, receipt, found.mark().filter(|_| delivered_here), due)
            }
            Found::Nothing if delivered.is_some() => Self::Changed(Changed::Removed),
            Found::Nothing => due,
            Found::Copy { mark, holds, written } => {
                Self::of_copy(case, one, key, (mark, holds, *written), due)
            }
        }
    }

    /// Returns the state of a destination that does not show what it holds. `delivered_here` is the
    /// mark of this run's own delivery.
    fn of_unseen(
        case: &Situation<'a>,
        receipt: Option<&Receipt>,
        delivered_here: Option<&'a Mark>,
        due: Self,
    ) -> Self {
        let is_current = receipt.is_some_and(|receipt| receipt.version == case.current.version);
        match (receipt.map(|receipt| (receipt.state, receipt.at)), delivered_here) {
            (Some((Receiving::Delivered, _)), _) if is_current => Self::Received,
            (_, Some(mark)) => Self::Unrecorded(mark),
            // A late write by an overtaken run would stay there unnoticed.
            (Some((Receiving::Delivering, at)), _)
                if !is_current && case.now < case.settled_at(at) =>
            {
                Self::Failed(OVERTAKEN)
            }
            _ => due,
        }
    }

    /// Returns the state of a destination that has content: its mark, what it holds, and when it
    /// was written, if that is known.
    fn of_copy(
        case: &Situation<'a>,
        one: &'a SeenDestination,
        key: &KeyId,
        (mark, holds, written): (&'a Mark, &'a Holds, Option<Timestamp>),
        due: Self,
    ) -> Self {
        let current = &case.current.version;
        let receipt = case.secret.journal.receipts.get(&one.assignment.to);
        let is_current = receipt.is_some_and(|receipt| receipt.version == *current);
        let same = receipt.is_some_and(|receipt| {
            receipt.state == Receiving::Delivered && receipt.mark.as_ref() == Some(mark)
        });
        let recorded = same && is_current;
        let fits = match holds {
            Holds::Key(held) => held == key,
            Holds::NotShown => true,
            Holds::Other => false,
        };
        // If the place does not show what it holds, a mark that this run did not get is another
        // writer's.
        let own = !matches!(holds, Holds::NotShown) || one.is_own(mark);
        if one.has_delivered(current) && fits && own {
            return if recorded { Self::Received } else { Self::Unrecorded(mark) };
        }
        match holds {
            Holds::Key(held) if held == key && recorded => Self::Received,
            // One of the user's own keys, from an earlier delivery or from before the adoption. If
            // it is the current key without a receipt, a run died, or something wrote it again,
            // perhaps with another secret half.
            Holds::Key(held) if case.key(held).is_some() => due,
            // A forged receipt cannot change the destination's own date.
            Holds::NotShown if recorded => {
                match written.is_none_or(|written| case.is_since_created(key, written)) {
                    true => Self::Received,
                    false => due,
                }
            }
            Holds::Key(_) | Holds::Other | Holds::NotShown => match receipt {
                Some(receipt) if same && can_be_left(case, one, receipt, holds) => due,
                // Two runs may have delivered at the same time, and the first one may have written
                // its receipt last.
                Some(Receipt { state: Receiving::Delivered, at, .. })
                    if *holds == Holds::NotShown
                        && is_current
                        && written.is_some_and(|written| written <= case.settled_at(*at)) =>
                {
                    due
                }
                // A run that died may have left it, whole or half. The key may have been deleted
                // since.
                Some(receipt @ Receipt { state: Receiving::Delivering, mark: before, .. })
                    if before.as_ref() == Some(mark) || can_be_left(case, one, receipt, holds) =>
                {
                    due
                }
                Some(_) => Self::Changed(Changed::Overwritten),
                None => Self::Changed(Changed::Occupied),
            },
        }
    }
}

/// Whether the content can come from a delivery of the receipt's version. A place that was deleted
/// and created again may have the same mark, such as version 1, and hold another writer's value.
fn can_be_left(
    case: &Situation<'_>,
    one: &SeenDestination,
    receipt: &Receipt,
    holds: &Holds,
) -> bool {
    if one.assignment.abilities != Abilities::READABLE {
        return true;
    }
    let content = Content::of(&receipt.version);
    let is_current = receipt.version == case.current.version;
    let delivered = content.key().or(case.current_key().filter(|_| is_current));
    match holds {
        // The id of a version that something else wrote does not name a key.
        Holds::Key(held) => delivered.is_none_or(|key| key == held),
        Holds::NotShown => true,
        Holds::Other => false,
    }
}

impl Situation<'_> {
    /// Whether the destination's own date is at or after the key's creation.
    fn is_since_created(&self, key: &KeyId, written: Timestamp) -> bool {
        self.key(key).is_none_or(|key| key.created <= after(written, CLOCK_TOLERANCE))
    }
}
