//! The place of a key in GitHub, and its API paths.

use keyrot_core::settings::GitHubStore;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// The characters that are not encoded in a path segment.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The owner of the secrets (GitHub documentation, "REST API endpoints for GitHub Actions
/// Secrets").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Repository,
    Environment,
    Organization,
}

/// The secrets of a repository, an environment or an organization.
pub(super) struct GitHubPlace {
    pub(super) owner: Owner,
    store: GitHubStore,
    base: String,
}

impl GitHubPlace {
    /// `OWNER/REPOSITORY`, `OWNER/REPOSITORY:ENVIRONMENT` or `ORGANIZATION`.
    pub(super) fn parse(place: &str, store: GitHubStore) -> Self {
        let of = match store {
            GitHubStore::Dependabot => "dependabot",
            _ => "actions",
        };
        let (repository, environment) = match place.split_once(':') {
            Some((repository, environment)) => (repository, Some(environment)),
            None => (place, None),
        };
        let (owner, base) = match (repository.split_once('/'), environment) {
            (Some((by, name)), Some(environment)) => (
                Owner::Environment,
                format!(
                    "/repos/{}/{}/environments/{}/secrets",
                    part(by),
                    part(name),
                    part(environment)
                ),
            ),
            (Some((by, name)), None) => {
                (Owner::Repository, format!("/repos/{}/{}/{of}/secrets", part(by), part(name)))
            }
            (None, _) => (Owner::Organization, format!("/orgs/{}/{of}/secrets", part(place))),
        };
        Self { owner, store, base }
    }

    pub(super) fn public_key(&self) -> String {
        format!("{}/public-key", self.base)
    }

    pub(super) fn secret(&self, name: &str) -> String {
        format!("{}/{}", self.base, part(name))
    }

    /// Returns the path of one page of the repositories that may use an organization's secret.
    pub(super) fn selected(&self, name: &str, page: usize) -> String {
        format!("{}/repositories?per_page=100&page={page}", self.secret(name))
    }

    /// Returns the ids of the repositories in the form that the store expects: Dependabot expects
    /// text (GitHub documentation, "REST API endpoints for Dependabot secrets").
    pub(super) fn repository_ids(&self, ids: &[u64]) -> Value {
        match self.store {
            GitHubStore::Dependabot => ids.iter().map(u64::to_string).collect(),
            _ => json!(ids),
        }
    }

    /// Returns the permissions that a token needs.
    pub(super) fn needed(&self) -> &'static str {
        match (&self.owner, self.store) {
            (Owner::Environment, _) => "the repository permission Environments (read and write)",
            (Owner::Repository, GitHubStore::Dependabot) => {
                "the repository permission Dependabot secrets (read and write)"
            }
            (Owner::Organization, GitHubStore::Dependabot) => {
                "the organization permission Organization dependabot secrets (read and write)"
            }
            (Owner::Repository, _) => "the repository permission Secrets (read and write)",
            (Owner::Organization, _) => "the organization permission Secrets (read and write)",
        }
    }
}

pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_the_paths_of_the_api() {
        for (place, owner, path) in [
            ("acme/shop", Owner::Repository, "/repos/acme/shop/actions/secrets/X"),
            ("acme", Owner::Organization, "/orgs/acme/actions/secrets/X"),
            (
                "acme/shop:live/eu 1",
                Owner::Environment,
                "/repos/acme/shop/environments/live%2Feu%201/secrets/X",
            ),
        ] {
            let place = GitHubPlace::parse(place, GitHubStore::Actions);
            assert_eq!((place.owner.clone(), place.secret("X")), (owner, path.to_owned()));
            assert_eq!(place.repository_ids(&[1, 2]), json!([1, 2]));
        }
        let dependabot = |place| GitHubPlace::parse(place, GitHubStore::Dependabot);
        assert_eq!(dependabot("acme/shop").secret("X"), "/repos/acme/shop/dependabot/secrets/X");
        assert_eq!(dependabot("acme").public_key(), "/orgs/acme/dependabot/secrets/public-key");
        assert_eq!(dependabot("acme").repository_ids(&[1, 2]), json!(["1", "2"]));
        assert!(dependabot("acme/shop").needed().contains("Dependabot secrets"));
    }
}
