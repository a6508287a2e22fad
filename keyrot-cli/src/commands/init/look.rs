//! Reads how an account's users are tagged.

use crate::backend::Backend;
use crate::error::CliError;
use keyrot_core::IamUser;
use keyrot_core::model::Arn;
use keyrot_core::settings::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

/// The tags that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Look {
    /// The account's number.
    pub(super) account: Option<String>,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub(super) partition: Option<String>,
    /// The region of the secrets.
    pub(super) region: Option<String>,
    /// How many users there are.
    pub(super) users: usize,
    /// Tags whose names suggest rotation, the most frequent first.
    pub(super) tags: Vec<Tag>,
    /// The path that all users with the suggested tag have in common, if it is not `/`.
    pub(super) path_prefix: Option<String>,
}

/// A tag, and how many users have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) users: usize,
}

pub(super) async fn look(target: &Backend, settings: &Settings) -> Result<Look, CliError> {
    let failed = |error: keyrot_core::CallError| {
        CliError::failed(format!("could not read the account: {error}"))
            .hint("without an account: keyrot init --offline; nothing was written")
    };
    let users = target.ports.iam.users("/").await.map_err(failed)?;
    let mut look = seen(&users, &settings.selection().tag);
    if let Some(aws) = &target.aws {
        let caller = aws.caller_identity().await.map_err(failed)?;
        look.partition = Arn::parse(&caller.arn).map(|arn| arn.partition.to_owned());
        look.account = Some(caller.account);
        look.region = Some(aws.region().to_owned());
    }
    Ok(look)
}

fn seen(users: &[IamUser], usual: &str) -> Look {
    let mut counted: BTreeMap<(String, String), Vec<&IamUser>> = BTreeMap::new();
    for user in users {
        for (key, value) in user.tags.iter().filter(|(key, _)| is_about_rotation(key, usual)) {
            counted.entry((key.clone(), value.clone())).or_default().push(user);
        }
    }
    let mut tags: Vec<(Tag, Vec<&IamUser>)> = counted
        .into_iter()
        .map(|((key, value), of)| (Tag { key, value, users: of.len() }, of))
        .collect();
    // The default tag comes before others of the same kind.
    tags.sort_by_key(|(tag, _)| (!tag.key.eq_ignore_ascii_case(usual), usize::MAX - tag.users));
    let suggested = tags.iter().find(|(tag, _)| says_yes(&tag.value));
    let path_prefix = suggested.map(|(_, of)| common_path(of)).filter(|path| path != "/");
    let account = users.first().map(|user| user.arn.account().to_owned());
    Look {
        account,
        users: users.len(),
        tags: tags.into_iter().map(|(tag, _)| tag).collect(),
        path_prefix,
        ..Look::default()
    }
}

impl Look {
    /// Returns the tag that probably selects users here.
    pub(super) fn suggested(&self) -> Option<&Tag> {
        self.tags.iter().find(|tag| says_yes(&tag.value))
    }

    /// Returns a one-line summary.
    pub(super) fn summary(&self) -> String {
        let account = self
            .account
            .as_deref()
            .map(|account| format!("account {account}, "))
            .unwrap_or_default();
        let region =
            self.region.as_deref().map(|region| format!("region {region}, ")).unwrap_or_default();
        let users =
            if self.users == 1 { "1 user".to_owned() } else { format!("{} users", self.users) };
        let tags: Vec<String> = self
            .tags
            .iter()
            .map(|tag| format!("{}={} on {}", tag.key, tag.value, tag.users))
            .collect();
        let tags = if tags.is_empty() {
            "no tag that looks like rotation".to_owned()
        } else {
            tags.join(", ")
        };
        format!("{account}{region}{users}: {tags}")
    }
}

/// keyrot's own tags for a user's settings do not select users.
fn is_about_rotation(key: &str, usual: &str) -> bool {
    let key = key.to_lowercase();
    let own = key.strip_prefix("keyrot:").is_some();
    key == usual.to_lowercase() || !own && (key.contains("rotat") || key.contains("keyrot"))
}

fn says_yes(value: &str) -> bool {
    ["true", "yes", "on", "1", "enabled"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

/// The longest path, with a slash at both ends, under which they all are.
fn common_path(users: &[&IamUser]) -> String {
    let mut paths = users.iter().map(|user| user.arn.path());
    let mut common = paths.next().unwrap_or("/").to_owned();
    for path in paths {
        while !path.starts_with(&common) {
            let shorter = common.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1);
            common.truncate(shorter);
        }
    }
    if common.is_empty() { "/".to_owned() } else { common }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use keyrot_core::UserArn;
    use keyrot_core::model::UserId;

    fn user(path: &str, tags: &[(&str, &str)]) -> IamUser {
        let arn = UserArn::parse(format!("arn:aws:iam::123456789012:user{path}")).unwrap();
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let id = UserId::parse("AIDAJQABLZS4A3QDU576Q").unwrap();
        IamUser { id, arn, tags, policies: Vec::new() }
    }

    #[test]
    fn tags_about_rotation_are_counted_and_the_likely_one_is_suggested() {
        let users = [
            user("/ci/a/one", &[("AutoRotate", "yes"), ("keyrot:owner", "x"), ("Team", "x")]),
            user("/ci/b/two", &[("AutoRotate", "yes")]),
            user("/three", &[("AutoRotate", "no")]),
            user("/four", &[]),
        ];
        let look = seen(&users, "RotateKey");
        assert_eq!(
            look.summary(),
            "account 123456789012, 4 users: AutoRotate=yes on 2, AutoRotate=no on 1"
        );
        let suggested = look.suggested().unwrap();
        assert_eq!((suggested.key.as_str(), suggested.value.as_str()), ("AutoRotate", "yes"));
        assert_eq!(look.path_prefix.as_deref(), Some("/ci/"));

        let more = [&users[..], &[user("/five", &[("rotatekey", "True")])]].concat();
        let look = seen(&more, "RotateKey");
        assert_eq!(look.suggested().unwrap().key, "rotatekey", "the usual one goes first");
        assert_eq!(look.path_prefix, None);
        assert_eq!(seen(&[], "RotateKey").summary(), "0 users: no tag that looks like rotation");
    }
}
