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
    /// Whether a user that has no home yet may get one here. [`Adoption::Named`] says that account
    /// and region were chosen on purpose.
    pub adoption: Adoption,
    /// The names that a user's tag `keyrot:secret` may choose: a pattern with `*` and `?`. Without
    /// a pattern, the tag may choose none, because anyone who may tag a user could otherwise choose
    /// where its key is published.
    pub chosen_by_tag: Option<SecretPattern>,
    /// The destinations of users' keys. They come only from the settings, never from a tag.
    pub destinations: Vec<DestinationRule>,
}

impl Homes {
    /// Returns the default names in this region, which the caller chose on purpose. No user's tag
    /// can choose another name, and there are no destinations.
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
