//! Help, completion, manual pages, times in a zone, and suggestions for mistyped words.
#![allow(clippy::unwrap_used)]

mod completion;
mod pages;
#[path = "../support/mod.rs"]
mod support;
mod times;
mod words;
