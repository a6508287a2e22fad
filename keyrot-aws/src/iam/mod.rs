//! IAM: its users, with their access keys, tags and inline policies, and its credential report.

pub(crate) mod access_keys;
pub(crate) mod credential_report;
mod tags;
mod user_policy;
pub(crate) mod users;
