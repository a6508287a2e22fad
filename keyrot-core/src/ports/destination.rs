//! The port for a place that gets a copy of each published key.

use crate::model::destination::{Abilities, Delivery, Found};
use crate::model::error::CallError;
use async_trait::async_trait;

/// A place beside the home secret that gets a copy of each published key, such as an SSM parameter
/// or a secret of a CI system.
///
/// The rotation decides when to deliver, and where; an implementation looks and writes. It gets
/// the place of one user's key, as the settings say it, and works on nothing else. It holds to
/// this:
///
/// - [`inspect`](Self::inspect) changes nothing, and its mark differs after every write to the
///   place, whoever made it.
/// - [`deliver`](Self::deliver) may be repeated with the same key. After a success the place has
///   that key, and nothing of another one.
/// - Where the destination has conditional writes, a delivery is one. Where it has not, and sees
///   afterwards that somebody else wrote in between, it answers
///   [`Conflict`](crate::model::error::ErrorKind::Conflict).
/// - A place of which nothing can be seen ([`Abilities::visible`] is false) is always
///   [`Nothing`](Found::Nothing) to a look, and a delivery answers [`Found::unseen`]. Its receipt is
///   then all that is known of it.
/// - It never deletes what consumers read in order to write it again.
/// - No error, and nothing that it logs, has the key's secret half, or the credentials by which it
///   calls the destination.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Destination: Send + Sync {
    /// What this kind of destination can do.
    fn abilities(&self) -> Abilities;

    /// What is at the place now.
    ///
    /// # Errors
    /// [`CallError`]. A place that is empty is no error; a place that cannot be there (no such
    /// repository, say) is `NotFound`.
    async fn inspect(&self, place: &str) -> Result<Found, CallError>;

    /// Puts the key there, and says what is there then.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if something else is there than [`Delivery::replaces`].
    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError>;
}
