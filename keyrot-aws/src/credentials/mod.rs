//! The caller's credentials: whether they can be used, and what to do if there are none. `environment`
//! finds out where they come from.

#[cfg(feature = "rotate")]
pub(crate) mod explained;
pub(crate) mod no_credentials;
pub(crate) mod usable;
