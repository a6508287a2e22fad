//! The place of a key at GitHub, and its API paths.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are not encoded in a part of a path.
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
    base: String,
}

impl GitHubPlace {
    /// `OWNER/REPOSITORY`, `OWNER/REPOSITORY:ENVIRONMENT` or `ORGANIZATION`.
    pub(super) fn parse(place: &str) -> Self {
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
                (Owner::Repository, format!("/repos/{}/{}/actions/secrets", part(by), part(name)))
            }
            (None, _) => (Owner::Organization, format!("/orgs/{}/actions/secrets", part(place))),
        };
        Self { owner, base }
    }

    pub(super) fn public_key(&self) -> String {
        format!("{}/public-key", self.base)
    }

    pub(super) fn secret(&self, name: &str) -> String {
        format!("{}/{}", self.base, part(name))
    }

    /// One page of the repositories that may use an organization's secret.
    pub(super) fn selected(&self, name: &str, page: usize) -> String {
        format!("{}/repositories?per_page=100&page={page}", self.secret(name))
    }

    /// Returns the permissions that a token needs.
    pub(super) fn needed(&self) -> &'static str {
        match self.owner {
            Owner::Repository => "the repository permission Secrets (read and write)",
            Owner::Environment => "the repository permission Environments (read and write)",
            Owner::Organization => "the organization permission Secrets (read and write)",
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
            let place = GitHubPlace::parse(place);
            assert_eq!((place.owner.clone(), place.secret("X")), (owner, path.to_owned()));
        }
    }
}
