//! One user, one home: whatever the region, name, account or user of a run, a second secret never
//! takes the first one's key away.

mod adoption;
mod attackers;
mod harness;
mod one_home;
