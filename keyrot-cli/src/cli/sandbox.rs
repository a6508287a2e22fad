//! The arguments of `sandbox` and `demo`.

use super::named::user_name;
use super::values::{duration, tag};
use clap::{Args, Subcommand};
use keyrot_core::{KeyId, UserName};
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Do not pause; the default if stdout is not a terminal
    #[arg(long)]
    pub(crate) fast: bool,
    /// How long to pause after each line, such as 500ms
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "fast")]
    pub(crate) pace: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sandbox {
    /// Show the account's users, tags, keys and secrets
    Show,
    /// Advance the clock
    Advance {
        /// How far, such as 8d or 12h
        #[arg(value_parser = duration)]
        time: Duration,
    },
    /// Reset the account to its initial state
    Reset,
    /// Use a key, as a consumer would
    ///
    /// Signs one request with the current key of the user's secret, or with --key.
    Use {
        /// The user whose key to use
        #[arg(value_parser = user_name)]
        user: UserName,
        /// Use this key instead of the current one in the secret
        #[arg(long, value_name = "KEY")]
        key: Option<KeyId>,
        /// The service to call
        #[arg(long, default_value = "s3")]
        service: String,
        /// The region to call
        #[arg(long = "in", value_name = "REGION", default_value = "eu-west-1")]
        region: String,
        /// The source address that CloudTrail records
        #[arg(long = "from", value_name = "ADDRESS", default_value = "192.0.2.10")]
        address: String,
        /// The user agent that CloudTrail records
        #[arg(long, value_name = "TEXT", default_value = "keyrot-sandbox")]
        agent: String,
        /// The API action to call
        #[arg(long, value_name = "ACTION", default_value = "ListBuckets")]
        action: String,
    },
    /// Tag a user; RotateKey=True selects it for rotation
    Tag {
        /// The user
        #[arg(value_parser = user_name)]
        user: UserName,
        /// The tag
        #[arg(value_name = "KEY=VALUE", value_parser = tag)]
        tag: (String, String),
    },
    /// Remove a tag from a user
    Untag {
        /// The user
        #[arg(value_parser = user_name)]
        user: UserName,
        /// The tag's key
        tag: String,
    },
    /// Deactivate a key
    Deactivate {
        /// The key
        key: KeyId,
    },
    /// Reactivate a key
    Reactivate {
        /// The key
        key: KeyId,
    },
    /// Delete a key
    Delete {
        /// The key
        key: KeyId,
    },
}
