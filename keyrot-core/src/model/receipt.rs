//! The journal's entries about destinations: what was delivered where.

use crate::model::destination::PlaceId;
use crate::model::names::{DestinationName, Mark, VersionId};
use crate::model::time::Timestamp;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// The state of a version's delivery to one destination, as the last run recorded it. It has its
/// own tag on the home secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// The destination.
    pub to: DestinationName,
    /// The place there. A receipt counts only if the settings still name this place.
    pub place: PlaceId,
    /// The state of the delivery.
    pub state: Receiving,
    /// The version of the home secret that was delivered.
    pub version: VersionId,
    /// When it was written: the overlap counts from the last one.
    pub at: Timestamp,
    /// The mark of the place's content at that time, if there was any.
    pub mark: Option<Mark>,
}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receiving {
    /// The delivery is about to begin, and the mark is that of the earlier content. A run that died
    /// may have left half of the key.
    Delivering,
    /// The delivery is done.
    Delivered,
    /// An operator gave the destination up: keyrot neither delivers to it nor waits for it until an
    /// operator asks for a delivery.
    LetGo,
}

impl Receipt {
    /// The prefix of the tags of receipts; the destination's name follows.
    pub const TAGS: &str = "keyrot:to:";

    /// Returns its tag.
    #[must_use]
    pub fn tag(&self) -> String {
        Self::tag_of(&self.to)
    }

    /// Returns the tag for this destination.
    #[must_use]
    pub fn tag_of(to: &DestinationName) -> String {
        format!("{}{to}", Self::TAGS)
    }

    /// Returns the tag's value.
    #[must_use]
    pub fn to_text(&self) -> String {
        let word = match self.state {
            Receiving::Delivering => "delivering",
            Receiving::Delivered => "delivered",
            Receiving::LetGo => "let-go",
        };
        // Milliseconds are kept. With whole seconds, a wait that counts from the entry could begin
        // up to a second early.
        let at = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let mark = self.mark.as_ref().map_or_else(String::new, |mark| format!(" {mark}"));
        format!("{word} {} {at} {}{mark}", self.version, self.place)
    }

    /// Parses a tag; `None` if it is not a receipt.
    #[must_use]
    pub fn parse(tag: &str, text: &str) -> Option<Self> {
        let to = DestinationName::parse(tag.strip_prefix(Self::TAGS)?).ok()?;
        let words: Vec<&str> = text.split(' ').collect();
        let (word, version, at, place, mark) = match words[..] {
            [word, version, at, place] => (word, version, at, place, None),
            [word, version, at, place, mark] => {
                (word, version, at, place, Some(Mark::parse(mark).ok()?))
            }
            _ => return None,
        };
        let place = PlaceId::parse(place)?;
        let state = match (word, &mark) {
            ("delivering", _) => Receiving::Delivering,
            ("delivered", Some(_)) => Receiving::Delivered,
            ("let-go", _) => Receiving::LetGo,
            _ => return None,
        };
        let version = VersionId::parse(version).ok()?;
        let at = DateTime::parse_from_rfc3339(at).ok()?.to_utc();
        Some(Self { to, place, state, version, at, mark })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, key};

    #[test]
    fn every_receipt_is_read_back_and_fits_a_tag() {
        let version = VersionId::for_key(&key("B"), at(5), true).expect("fits");
        let to = DestinationName::parse("a".repeat(32)).expect("fits");
        let longest = Mark::parse("9".repeat(64)).expect("fits");
        for state in [Receiving::Delivering, Receiving::Delivered, Receiving::LetGo] {
            for mark in [None, Some(longest.clone())] {
                let receipt = Receipt {
                    to: to.clone(),
                    place: PlaceId::of("ssm eu-west-1", "/ci", [""]),
                    state,
                    version: version.clone(),
                    at: at(3),
                    mark: mark.clone(),
                };
                let text = receipt.to_text();
                let whole = !(state == Receiving::Delivered && mark.is_none());
                let read = Receipt::parse(&receipt.tag(), &text);
                assert_eq!(read, whole.then(|| receipt.clone()), "{text}");
                assert!(text.len() <= 256 && receipt.tag().len() <= 128, "{text}");
            }
        }
        let other = PlaceId::of("ssm eu-west-1", "/ci", ["A", "B"]);
        assert_ne!(other, PlaceId::of("ssm eu-west-1", "/ci", ["AB"]));
        assert_eq!(PlaceId::parse(&other.to_string()), Some(other));
        assert_eq!((PlaceId::parse("+1234567"), PlaceId::parse("1234")), (None, None));
        assert_eq!(Receipt::parse("keyrot:to:", "let-go x"), None);
        assert_eq!(Receipt::parse("keyrot:retired", "delivered v 2026-01-05T04:00:00Z 1"), None);
    }
}
