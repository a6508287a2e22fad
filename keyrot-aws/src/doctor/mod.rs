//! Checks whether keyrot can work here: credentials, region, permissions, secrets, notifiers, the
//! clock, the last run, the settings.
//!
//! Nothing is changed, and nothing is sent unless a [`TestMessage`] is asked for. Every finding is a
//! [`Check`] with a message and what to do; a check that could not be made says so, and is not
//! reported as ok.
//!
//! ```no_run
//! use keyrot_aws::doctor::{Health, Verify, of_aws, from_settings};
//! use keyrot_aws::{Aws, AwsSettings};
//! use keyrot_core::settings::{Settings, Sources};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::load(&Sources::default())?;
//! let aws = std::sync::Arc::new(Aws::connect(&AwsSettings::default().with(&settings)?).await?);
//! let mut checks = from_settings(&settings);
//! checks.extend(of_aws(&aws, &settings, Verify::No, &|check| println!("{}", check.message)).await.checks);
//! let sound = checks.iter().all(|check| check.health != Health::Failure);
//! # Ok(())
//! # }
//! ```

mod account;
mod caller;
mod check;
mod connected;
mod context;
mod current;
mod destinations;
mod hooks;
mod permissions;
mod rights;
mod sample;
mod sanity;
mod simulation;
mod stores;
mod wording;

pub use account::of_aws;
pub use check::{Check, Findings, Health, TestMessage, Verify};
pub use connected::on_aws;
pub use hooks::send_test;
pub use sanity::from_settings;
pub use stores::of_ports;
