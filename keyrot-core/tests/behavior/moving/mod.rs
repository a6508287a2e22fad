//! A user's home is moved to another region or secret: the published key works throughout, and each
//! user has one home at any instant.

mod flow;
mod harness;
mod interrupted;
mod lives;
mod refused;
