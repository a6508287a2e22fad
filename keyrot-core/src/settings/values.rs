//! The values of all settings, each in its type.

use crate::model::waits::Waits;
use crate::selection::pattern::SecretPattern;
use crate::selection::template::SecretTemplate;
use crate::selection::users::Selection;
use crate::settings::destination::spec::DestinationSpec;
use crate::settings::notify::NotifySpec;
use crate::settings::smtp::SmtpLogin;
use std::collections::BTreeMap;
use std::time::Duration;

/// The values, each in its type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    pub(super) selection: Selection,
    pub(super) template: SecretTemplate,
    pub(super) waits: Waits,
    pub(super) allow_short_waits: bool,
    pub(super) kms_key: Option<String>,
    pub(super) secret_description: Option<String>,
    pub(super) secret_tags: BTreeMap<String, String>,
    pub(super) field_access_key_id: String,
    pub(super) field_secret_access_key: String,
    pub(super) smtp_regions: Vec<String>,
    pub(super) smtp_login: SmtpLogin,
    pub(super) concurrency: usize,
    pub(super) max_changes: Option<usize>,
    pub(super) max_adoptions: Option<usize>,
    pub(super) deadline: Duration,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    pub(super) home_regions: Vec<String>,
    pub(super) secret_tag: Option<SecretPattern>,
    pub(super) profile: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) allow_http_endpoints: Vec<String>,
    pub(super) fips: Option<bool>,
    pub(super) dual_stack: Option<bool>,
    pub(super) trail: bool,
    pub(super) notify: Vec<NotifySpec>,
    pub(super) destinations: Vec<DestinationSpec>,
}
