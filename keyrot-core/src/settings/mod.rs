//! Settings. All of them follow one rule: TOML files come first, then the environment, then flags;
//! later sources win.
//!
//! [`SETTINGS`] lists the settings. A setting `max_age` is `max_age` in the file, `KEYROT_MAX_AGE`
//! in the environment, and `--max-age` as a flag. An unknown setting or an invalid value is an
//! error that says where it is and what was expected. All errors are reported together. Nothing
//! here reads a file or the environment: the caller passes their contents.
//!
//! ```
//! use keyrot_core::settings::{Settings, Sources};
//!
//! let file = "max_age = '60d'\nexclude = ['break-glass-*']\n";
//! let sources = Sources::default()
//!     .file("keyrot.toml", file)
//!     .env([("KEYROT_MAX_AGE", "45d"), ("HOME", "/home/jane")])
//!     .flag("overlap", "2d");
//! let settings = Settings::load(&sources)?;
//! assert_eq!(settings.policy().waits().max_age.as_secs(), 45 * 24 * 60 * 60);
//!
//! let wrong = Sources::default().file("keyrot.toml", "\n\noverlpa = '2d'");
//! assert_eq!(
//!     Settings::load(&wrong).expect_err("must be refused").to_string(),
//!     "unknown setting `overlpa` in keyrot.toml line 3; did you mean `overlap`?"
//! );
//! # Ok::<(), keyrot_core::settings::SettingsErrors>(())
//! ```
//!
//! In the environment and in flags, a list is written as `a,b`, and a table as `k=v,k=v`. Such a
//! flag may be repeated. An empty variable counts as not set. For an optional setting, an empty
//! text in the file or a flag removes the value of an earlier source. Destinations are tables
//! `[[destination]]` in a file, and a JSON array of objects in the environment; they have no flag.

pub(crate) mod destination;
pub(crate) mod error;
pub(crate) mod info;
pub(crate) mod loaded;
pub(crate) mod name;
pub(crate) mod notify;
pub(crate) mod notify_target;
mod parsers;
pub(crate) mod pass;
pub(crate) mod smtp;
pub(crate) mod source;
pub(crate) mod table;
mod tables;
#[cfg(test)]
mod tests;
pub(crate) mod value;
pub(crate) mod values;

pub use destination::kind::{
    CircleCi, Command, DestinationKind, EcsServices, GitHub, GitHubAuth, GitHubStore, GitLab,
    GitLabLevel, Kubernetes, ParameterStore, Replicas, SecretCopies, Tier, VariableNames, Vault,
    VaultAuth, Workload, WorkloadKind, WriterRole,
};
pub use destination::spec::DestinationSpec;
pub use error::{Origin, SettingsError, SettingsErrors};
pub use info::SettingInfo;
pub use loaded::{Explained, Settings};
pub use notify::{NotifyError, NotifySpec};
pub use notify_target::{Bus, NotifyTarget, SecretPlace, SecretSource, Topic};
pub use smtp::SmtpEndpoint;
pub use source::Sources;
pub use table::SETTINGS;
pub use value::Kind;
