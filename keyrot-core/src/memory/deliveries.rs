//! What a watch remembers about destinations.

use crate::model::destination::Assignment;
use crate::model::names::{DestinationName, KeyId};
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the watch remembers about destinations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Delivered {
    pub(crate) assigned: Vec<Assignment>,
    /// The time since which each destination has the current key.
    pub(crate) since: BTreeMap<DestinationName, (KeyId, Timestamp)>,
    pub(crate) let_go: BTreeSet<DestinationName>,
    /// The destinations to which an operator asked to deliver, whatever is there.
    pub(crate) asked: BTreeSet<DestinationName>,
}
