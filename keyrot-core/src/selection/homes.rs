//! Where users' secrets are.

use crate::model::home::Adoption;
use crate::selection::destination::DestinationRule;
use crate::selection::pattern::SecretPattern;
use crate::selection::template::SecretTemplate;

/// Where users' secrets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Homes {
    /// The names of the secrets.
    pub template: SecretTemplate,
    /// The region that they are in.
    pub region: String,
    /// The account, if it is set: users of another account are not changed.
    pub account: Option<String>,
    /// Whether a user who has no home yet may be given one here. [`Adoption::Named`] says that
    /// account and region were chosen on purpose.
    pub adoption: Adoption,
    /// Which names a user's tag `keyrot:secret` may choose: a pattern with `*` and `?`. Without
    /// one, no tag may choose a name: otherwise anyone who may tag a user could choose where its
    /// key is published.
    pub chosen_by_tag: Option<SecretPattern>,
    /// The destinations of users' keys. They come only from the settings, never from a tag.
    pub destinations: Vec<DestinationRule>,
}

impl Homes {
    /// The default names in this region, which the caller chose on purpose; no user's tag says
    /// otherwise, and there are no destinations.
    #[must_use]
    pub fn in_region(region: impl Into<String>) -> Self {
        let (template, region) = (SecretTemplate::default(), region.into());
        Self {
            template,
            region,
            account: None,
            adoption: Adoption::Named,
            chosen_by_tag: None,
            destinations: Vec::new(),
        }
    }
}
