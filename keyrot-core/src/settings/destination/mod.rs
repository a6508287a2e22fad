//! Destinations, from the tables `[[destination]]` in a settings file.
//!
//! A table never contains a token or a key, only the place where it is kept. So settings can be
//! shown, logged and kept in a repository.

pub(super) mod keys;
mod keys_of_kind;
pub(crate) mod kind;
pub(crate) mod spec;
mod store;
#[cfg(test)]
mod tests;
