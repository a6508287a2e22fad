//! One user, one home: whatever region, name, account or user a run is started for, a second secret
//! never takes the first one's key away.

mod adoption;
mod attackers;
mod harness;
mod one_home;
