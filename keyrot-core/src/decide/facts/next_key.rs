//! Whether to create the next key now, and what is missing for it.

use crate::decide::facts::situation::{Ask, Situation};
use crate::model::journal::JournalEntry;
use crate::model::names::{DestinationName, VersionId};
use crate::model::time::Timestamp;
use crate::model::waits::after;

/// The size limit of a secret's value, in bytes (Secrets Manager user guide, "AWS Secrets Manager
/// quotas").
pub const MOST_BYTES: usize = 65_536;

/// The next key.
#[derive(Clone, Copy)]
pub(crate) enum NextKey<'a> {
    /// The next key is not due before this time.
    NotDue(Timestamp),
    /// The next key is not due, and one may have been created that IAM does not list yet.
    Unlisted(Timestamp),
    /// The next key is due, and Secrets Manager's own rotation is on: that rotation would not know
    /// about a key that it did not order, and would order another.
    OfService,
    /// The secret has too many tags: a key that cannot be recorded is not created.
    NoTagRoom { tags: usize, most: usize },
    /// The size of the next value is not known yet.
    SizeUnasked(&'a VersionId),
    /// The current version's other fields cannot be carried over.
    NotCarried(&'a VersionId),
    /// The secret would refuse the next value.
    TooLarge { bytes: usize, most: usize },
    /// The user already has two keys.
    TwoKeys,
    /// No entry says which keys exist before the creation. Without an entry, a lost reply would
    /// leave a key that nothing explains.
    NoIntent,
    /// A run that died may have created a key that IAM does not list yet; a new entry would leave
    /// it unexplained.
    PerhapsCreated(Timestamp),
    /// An earlier run was about to create a key, but there is none: it may have deleted the key
    /// because it could not be stored.
    Untested,
    /// Nothing prevents it.
    Ready,
}

impl<'a> NextKey<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let ordered = match case.ask {
            Ask::Step(_) => true,
            Ask::Run | Ask::Revoke(_) | Ask::Rollback(_) | Ask::Reinstate(_) => false,
            Ask::Deliver(_) | Ask::LetGo(_) => false,
        };
        let due = Self::due(case).unwrap_or(Timestamp::MAX_UTC);
        if ordered {
            Self::now(case)
        } else if case.now < due {
            unlisted_until(case).map_or(Self::NotDue(due), Self::Unlisted)
        } else if case.secret.rotation_enabled {
            Self::OfService
        } else {
            Self::now(case)
        }
    }

    /// Returns when the rotation of the current key begins: immediately if there is no current key,
    /// or if it was revoked.
    fn due(case: &Situation<'_>) -> Option<Timestamp> {
        match case.current_key() {
            None => Some(Timestamp::MIN_UTC),
            Some(key) if case.revoked_at(key).is_some() => Some(Timestamp::MIN_UTC),
            Some(key) => Some(case.policy.due(case.key(key)?.created)),
        }
    }

    fn now(case: &Situation<'a>) -> Self {
        let (tags, most) = tags_and_room(case);
        if tags > most {
            return Self::NoTagRoom { tags, most };
        }
        let version = &case.current.version;
        match Size::of(case) {
            Size::Short => {}
            Size::Unasked => return Self::SizeUnasked(version),
            Size::NotCarried => return Self::NotCarried(version),
            Size::TooLarge(bytes) => return Self::TooLarge { bytes, most: MOST_BYTES },
        }
        let keys = &case.seen.keys;
        if keys.len() >= 2 {
            return Self::TwoKeys;
        }
        let intent = case.secret.journal.intent.as_ref();
        let noted = intent.filter(|intent| intent.before.iter().eq(keys.iter().map(|key| &key.id)));
        let over = |at| after(at, case.policy.run_limit()) <= case.now;
        match noted.map(|intent| intent.at) {
            Some(at)
                if over(at)
                    && let Some(until) = case.settles(at) =>
            {
                Self::PerhapsCreated(until)
            }
            Some(_) if !case.seen.may_create => Self::Untested,
            Some(at) if !over(at) => Self::Ready,
            _ => Self::NoIntent,
        }
    }
}

/// The limit on a secret's tags (Secrets Manager user guide, "AWS Secrets Manager quotas").
const MOST_TAGS: usize = 50;

/// The size of the next value. keyrot's own fields are short; fields that are carried over may not
/// be.
#[derive(Clone, Copy)]
pub(crate) enum Size {
    /// The secret accepts it.
    Short,
    /// The size is not known yet.
    Unasked,
    /// The current version's other fields cannot be carried over.
    NotCarried,
    /// The value has this many bytes, and the secret would refuse it.
    TooLarge(usize),
}

impl Size {
    pub(crate) fn of(case: &Situation<'_>) -> Self {
        let size = case.seen.next_size.as_ref().filter(|(of, _)| *of == case.current.version);
        match size {
            _ if !case.current.content.extras() => Self::Short,
            None => Self::Unasked,
            Some((_, None)) => Self::NotCarried,
            Some((_, Some(bytes))) if *bytes > MOST_BYTES => Self::TooLarge(*bytes),
            Some(_) => Self::Short,
        }
    }
}

/// Returns until when an unlisted key may have been created under the last intent: that run may not
/// be over, and its reply may be lost.
fn unlisted_until(case: &Situation<'_>) -> Option<Timestamp> {
    let intent = case.secret.journal.intent.as_ref()?;
    let appeared = case.seen.keys.iter().any(|key| !intent.before.contains(&key.id));
    case.settles(intent.at).filter(|_| !appeared)
}

/// Returns how many tags the secret has in addition to this user's journal, and how many it may
/// have: keyrot needs room for its entries, the owner, and a receipt for each destination. Receipts
/// of destinations that are no longer in the settings count, too.
fn tags_and_room(case: &Situation<'_>) -> (usize, usize) {
    let all = &case.seen.destinations;
    let assigned = |to: &DestinationName| all.iter().any(|one| one.assignment.to == *to);
    let stale = case.secret.journal.receipts.keys().filter(|to| !assigned(to)).count();
    let own = JournalEntry::TAGS.len() + 1 + all.len();
    (case.secret.other_tags + stale, MOST_TAGS.saturating_sub(own))
}

impl Situation<'_> {
    /// Whether the secret has room for the tag of another receipt. The last room is for the other
    /// entries: without them, no key can be retired.
    pub(crate) fn has_room_for_receipt(&self) -> bool {
        let own = JournalEntry::TAGS.len() + 1 + self.secret.journal.receipts.len();
        self.secret.other_tags + own < MOST_TAGS
    }
}
