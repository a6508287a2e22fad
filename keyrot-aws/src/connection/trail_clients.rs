//! A CloudTrail client for each region that is asked.

use crate::limiter::{Limiter, LimiterSettings};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A client for each region that was asked, each with its own rate limit.
pub(crate) struct Trails {
    config: aws_sdk_cloudtrail::config::Builder,
    pace: LimiterSettings,
    regional: Mutex<BTreeMap<String, Regional>>,
}

#[derive(Clone)]
pub(crate) struct Regional {
    pub(crate) client: aws_sdk_cloudtrail::Client,
    pub(crate) limiter: Limiter,
}

impl Trails {
    pub(crate) fn new(config: aws_sdk_cloudtrail::config::Builder, pace: LimiterSettings) -> Self {
        Self { config, pace, regional: Mutex::default() }
    }

    pub(crate) fn of(&self, region: &str) -> Regional {
        let mut regional = self.regional.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let config =
                self.config.clone().region(aws_config::Region::new(region.to_owned())).build();
            Regional {
                client: aws_sdk_cloudtrail::Client::from_conf(config),
                limiter: Limiter::new(self.pace),
            }
        };
        regional.entry(region.to_owned()).or_insert_with(made).clone()
    }
}
