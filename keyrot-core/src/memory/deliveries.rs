//! What a watch remembers of destinations.

use crate::model::destination::Assignment;
use crate::model::names::{DestinationName, KeyId};
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the watch remembers of destinations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Delivered {
    pub(crate) assigned: Vec<Assignment>,
    /// Since when each has the key that is current.
    pub(crate) since: BTreeMap<DestinationName, (KeyId, Timestamp)>,
    pub(crate) let_go: BTreeSet<DestinationName>,
    /// Those that an operator asked to deliver to, whatever is there.
    pub(crate) asked: BTreeSet<DestinationName>,
}
