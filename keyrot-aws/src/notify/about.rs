//! The run that notifications are about.

use keyrot_core::{UserArn, UserName};
use std::collections::BTreeMap;

/// The run that notifications are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) account: Option<String>,
    pub(crate) region: String,
    pub(crate) users: BTreeMap<UserName, UserArn>,
}
