//! The port for a place that gets a copy of each published key.

#[cfg(doc)]
use crate::model::destination::Holds;
use crate::model::destination::{Abilities, Delivery, Found};
use crate::model::error::CallError;
use async_trait::async_trait;
use std::time::Duration;

/// A place that gets a copy of each published key, in addition to the home secret, such as an SSM
/// parameter or a secret of a CI system.
///
/// The rotation decides when and where to deliver; an implementation only reads and writes. It gets
/// the place of one user's key from the settings, and works only on that place. Its rules:
///
/// - [`inspect`](Self::inspect) changes nothing, and its mark differs after every write to the
///   place, by any writer.
/// - [`deliver`](Self::deliver) may be repeated with the same key. After a success, the place has
///   that key, and no part of another one.
/// - If the destination has conditional writes, a delivery uses one. If it has none, and the
///   delivery detects afterwards that something else wrote in between, it returns
///   [`Conflict`](crate::model::error::ErrorKind::Conflict).
/// - For a place that cannot be read ([`Abilities::visible`] is false, and it does not restart
///   consumers), `inspect` always returns [`Nothing`](Found::Nothing), and a delivery returns
///   [`Found::unseen`]. In that case, only its receipt is known.
/// - It never deletes and rewrites content that consumers read.
/// - A destination that restarts consumers ([`Abilities::restarts`]) takes no key. `inspect`
///   returns [`Holds::NotShown`], the time when the oldest running consumer started, and a mark
///   that separates running consumers from those that start later. A delivery gets this mark as
///   [`Delivery::replaces`], restarts the consumers from before the mark unless something else
///   does, and is complete when none of them is running.
/// - Its errors and logs never contain the key's secret half, or the credentials for the
///   destination.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Destination: Send + Sync {
    /// Returns what this kind of destination can do.
    fn abilities(&self) -> Abilities;

    /// Returns what is at the place now.
    ///
    /// # Errors
    /// [`CallError`]. An empty place is not an error; a place that cannot exist (such as in a
    /// missing repository) is `NotFound`.
    async fn inspect(&self, place: &str) -> Result<Found, CallError>;

    /// Waits until a delivery may begin, for a service that limits the rate of writes. A run waits
    /// before it announces a delivery, and drops the future if it has to stop;
    /// [`deliver`](Self::deliver) follows within seconds. By default there is no wait.
    async fn turn(&self) {}

    /// Returns how long [`deliver`](Self::deliver) may take. A host with a time limit ends its runs
    /// earlier by that. Default: 75 seconds.
    fn longest(&self) -> Duration {
        Duration::from_secs(75)
    }

    /// Writes the key to the place, and returns what is there afterwards.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if the place holds something other than [`Delivery::replaces`];
    /// `InProgress` if the key is there, but what has to follow is not finished (the next run calls
    /// this again).
    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError>;
}
