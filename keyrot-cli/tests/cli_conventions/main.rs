//! Help, completion, manual pages, times in a zone, and suggestions for mistyped words.
#![allow(clippy::unwrap_used)]

mod pages;
#[path = "../support/mod.rs"]
mod support;
mod times;
mod words;
