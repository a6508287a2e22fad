//! Suggests the tag that probably selects the users of an account, from their tags.

use crate::model::user::IamUser;
use serde::Serialize;
use std::collections::BTreeMap;

/// The tags of an account's users that seem to be about rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Suggestion {
    /// Tags whose keys suggest rotation, the most frequent first.
    pub tags: Vec<TagCount>,
    /// The path that all users with the suggested tag share, if it is not `/`.
    pub path_prefix: Option<String>,
}

/// A tag, and the number of users that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagCount {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The number of users that have it.
    pub users: usize,
}

impl Suggestion {
    /// Returns what the tags of these users suggest. The tag with the usual key, such as
    /// [`Selection::tag`](super::Selection::tag), comes before others.
    #[must_use]
    pub fn of(users: &[IamUser], usual: &str) -> Self {
        let mut counted: BTreeMap<(String, String), Vec<&IamUser>> = BTreeMap::new();
        for user in users {
            for (key, value) in user.tags.iter().filter(|(key, _)| is_about_rotation(key, usual)) {
                counted.entry((key.clone(), value.clone())).or_default().push(user);
            }
        }
        let mut tags: Vec<(TagCount, Vec<&IamUser>)> = counted
            .into_iter()
            .map(|((key, value), of)| (TagCount { key, value, users: of.len() }, of))
            .collect();
        tags.sort_by_key(|(tag, _)| (!tag.key.eq_ignore_ascii_case(usual), usize::MAX - tag.users));
        let suggested = tags.iter().find(|(tag, _)| tag.says_yes());
        let path_prefix = suggested.map(|(_, of)| common_path(of)).filter(|path| path != "/");
        Self { tags: tags.into_iter().map(|(tag, _)| tag).collect(), path_prefix }
    }

    /// Returns the tag that probably selects users.
    #[must_use]
    pub fn tag(&self) -> Option<&TagCount> {
        self.tags.iter().find(|tag| tag.says_yes())
    }
}

impl TagCount {
    fn says_yes(&self) -> bool {
        ["true", "yes", "on", "1", "enabled"].iter().any(|yes| self.value.eq_ignore_ascii_case(yes))
    }
}

/// keyrot's own tags for a user's settings do not select users.
fn is_about_rotation(key: &str, usual: &str) -> bool {
    let key = key.to_lowercase();
    let own = key.strip_prefix("keyrot:").is_some();
    key == usual.to_lowercase() || !own && (key.contains("rotat") || key.contains("keyrot"))
}

/// Returns the longest path that contains all of them, with a slash at both ends.
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
    use super::*;
    use crate::model::names::{UserArn, UserId};

    fn user(path: &str, tags: &[(&str, &str)]) -> IamUser {
        let arn = UserArn::parse(format!("arn:aws:iam::123456789012:user{path}")).expect("an ARN");
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let id = UserId::parse("AIDAJQABLZS4A3QDU576Q").expect("an id");
        IamUser { id, arn, created: None, tags, policies: Vec::new() }
    }

    #[test]
    fn tags_about_rotation_are_counted_and_the_likely_one_is_suggested() {
        let users = [
            user("/ci/a/one", &[("AutoRotate", "yes"), ("keyrot:owner", "x"), ("Team", "x")]),
            user("/ci/b/two", &[("AutoRotate", "yes")]),
            user("/three", &[("AutoRotate", "no")]),
            user("/four", &[]),
        ];
        let found = Suggestion::of(&users, "RotateKey");
        let tag = |value: &str, users| TagCount {
            key: "AutoRotate".to_owned(),
            value: value.to_owned(),
            users,
        };
        assert_eq!(found.tags, [tag("yes", 2), tag("no", 1)]);
        assert_eq!(found.tag(), Some(&tag("yes", 2)));
        assert_eq!(found.path_prefix.as_deref(), Some("/ci/"));

        let more = [&users[..], &[user("/five", &[("rotatekey", "True")])]].concat();
        let found = Suggestion::of(&more, "RotateKey");
        assert_eq!(found.tag().expect("a tag").key, "rotatekey", "the usual one goes first");
        assert_eq!(found.path_prefix, None);
        assert_eq!(Suggestion::of(&[], "RotateKey"), Suggestion::default());
    }
}
