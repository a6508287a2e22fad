//! A summary of uses: one line for each source and program.

use crate::model::arn::Arn;
use crate::model::names::KeyId;
use crate::model::text::plural;
use crate::model::time::Timestamp;
use crate::model::trail::UseEvent;
use crate::model::trail::untrusted::UntrustedText;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The number of sources in a sentence.
const IN_A_SENTENCE: usize = 3;

/// The uses of a key, according to a trail.
///
/// # What it cannot show
/// CloudTrail's event history has management events of the last 90 days, separately for each
/// region, about 15 minutes late; data events (`s3:GetObject`, `sqs:SendMessage`, `lambda:Invoke`
/// and the like) are not in it (CloudTrail user guide, "Working with CloudTrail event history"). So
/// a key may be in use although no event names it; IAM's last use covers more services, with less
/// detail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct UseEvidence {
    /// The key.
    pub key: KeyId,
    /// The start of the period.
    pub since: Timestamp,
    /// The number of uses that were found.
    pub events: usize,
    /// The number of records that could not be read.
    pub unreadable: usize,
    /// The regions that were asked, and how far back each answer goes.
    pub regions: Vec<Searched>,
    /// The sources, the most recent first.
    pub sources: Vec<UseSource>,
    /// The number of sources left out.
    pub more_sources: usize,
    /// The roles that were assumed with it, the most recent first.
    pub roles: Vec<AssumedRole>,
}

/// A role that was assumed with a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct AssumedRole {
    /// The role's ARN.
    pub role: UntrustedText,
    /// Its name: only letters, digits and `_+=,.@-`, so that it is safe in a command.
    pub name: String,
    /// How often it was assumed.
    pub events: usize,
    /// When it was last assumed.
    pub last: Timestamp,
}

impl AssumedRole {
    /// Parses a role's ARN. The caller of the request chose the text, so any other text is ignored.
    fn parse(role: &UntrustedText, last: Timestamp) -> Option<Self> {
        let arn = Arn::parse(role.as_str())
            .filter(|arn| arn.service == "iam" && arn.partition.starts_with("aws"))?;
        let account = arn.region.is_empty() && arn.account.bytes().all(|b| b.is_ascii_digit());
        let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let named =
            (1..=64).contains(&name.len()) && !name.starts_with('-') && name.chars().all(fits);
        (account && named).then(|| Self {
            role: role.clone(),
            name: name.to_owned(),
            events: 0,
            last,
        })
    }
}

/// One region's trail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Searched {
    /// The region.
    pub region: String,
    /// How many events were read.
    pub events: usize,
    /// The time of the oldest event that was read, if there are more.
    pub cut_at: Option<Timestamp>,
    /// Why it could not be read, or only in part.
    pub problem: Option<String>,
}

/// One source and program that used the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct UseSource {
    /// The source: an IP address, or an AWS service that called on the user's behalf.
    pub address: Option<UntrustedText>,
    /// The user agent.
    pub agent: Option<UntrustedText>,
    /// The number of uses.
    pub events: usize,
    /// The first use.
    pub first: Timestamp,
    /// The last use.
    pub last: Timestamp,
    /// The services that were called, the most frequent first.
    pub services: Vec<UseCounts>,
    /// The actions, as in `s3:ListBuckets`.
    pub actions: Vec<UseCounts>,
    /// The regions.
    pub regions: Vec<UseCounts>,
    /// The errors in the answers.
    pub errors: Vec<UseCounts>,
}

/// How often something occurred.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct UseCounts {
    /// The name.
    pub name: UntrustedText,
    /// The number of times.
    pub count: usize,
}

/// Collects uses in any order. An event that is seen twice counts once.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    seen: BTreeSet<UntrustedText>,
    sources: BTreeMap<(Option<UntrustedText>, Option<UntrustedText>), Sum>,
    roles: BTreeMap<UntrustedText, AssumedRole>,
}

#[derive(Debug)]
struct Sum {
    first: Timestamp,
    last: Timestamp,
    events: usize,
    services: Counts,
    actions: Counts,
    regions: Counts,
    errors: Counts,
}

#[derive(Debug, Default)]
struct Counts(BTreeMap<UntrustedText, usize>);

impl Counts {
    fn add(&mut self, name: UntrustedText) {
        *self.0.entry(name).or_default() += 1;
    }

    fn into_tallies(self) -> Vec<UseCounts> {
        let mut tallies: Vec<_> =
            self.0.into_iter().map(|(name, count)| UseCounts { name, count }).collect();
        tallies.sort_by_key(|tally| std::cmp::Reverse(tally.count));
        tallies
    }
}

impl Uses {
    pub(crate) fn add(&mut self, event: &UseEvent) {
        if !self.seen.insert(event.id.clone()) {
            return;
        }
        let empty = || Sum {
            first: event.at,
            last: event.at,
            events: 0,
            services: Counts::default(),
            actions: Counts::default(),
            regions: Counts::default(),
            errors: Counts::default(),
        };
        let sum =
            self.sources.entry((event.address.clone(), event.agent.clone())).or_insert_with(empty);
        sum.first = sum.first.min(event.at);
        sum.last = sum.last.max(event.at);
        sum.events += 1;
        sum.services.add(event.service.clone());
        sum.actions.add(UntrustedText::new(&format!("{}:{}", event.service, event.action)));
        sum.regions.add(event.region.clone());
        event.error.iter().for_each(|error| sum.errors.add(error.clone()));
        if let Some(assumed) =
            event.role.as_ref().and_then(|role| AssumedRole::parse(role, event.at))
        {
            let known = self.roles.entry(assumed.role.clone()).or_insert(assumed);
            known.events += 1;
            known.last = known.last.max(event.at);
        }
    }

    pub(crate) fn into_evidence(
        self,
        key: KeyId,
        since: Timestamp,
        unreadable: usize,
        regions: Vec<Searched>,
    ) -> UseEvidence {
        let source = |((address, agent), sum): (_, Sum)| UseSource {
            address,
            agent,
            events: sum.events,
            first: sum.first,
            last: sum.last,
            services: sum.services.into_tallies(),
            actions: sum.actions.into_tallies(),
            regions: sum.regions.into_tallies(),
            errors: sum.errors.into_tallies(),
        };
        let mut sources: Vec<UseSource> = self.sources.into_iter().map(source).collect();
        sources.sort_by_key(|source| std::cmp::Reverse((source.last, source.events)));
        let mut roles: Vec<AssumedRole> = self.roles.into_values().collect();
        roles.sort_by_key(|role| std::cmp::Reverse(role.last));
        UseEvidence {
            key,
            since,
            events: self.seen.len(),
            unreadable,
            regions,
            sources,
            more_sources: 0,
            roles,
        }
    }
}

impl UseEvidence {
    /// Returns the evidence with at most this many sources, the most recent ones.
    #[must_use]
    pub fn top(mut self, most: usize) -> Self {
        self.more_sources += self.sources.len().saturating_sub(most);
        self.sources.truncate(most);
        self
    }

    /// Whether something that was requested could not be read.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.unreadable > 0
            || self.regions.iter().any(|one| one.cut_at.is_some() || one.problem.is_some())
    }

    /// Whether no region could be asked at all.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.regions.iter().all(Searched::failed)
    }

    /// Returns the regions that answered, even if only in part.
    pub fn answered(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().filter(|one| !one.failed()).map(|one| one.region.as_str())
    }

    /// Returns what could not be read, such as `1 of 2 regions failed`; `None` if nothing is
    /// missing.
    #[must_use]
    pub fn gaps(&self) -> Option<String> {
        let all = self.regions.len();
        let failed = self.regions.iter().filter(|one| one.failed()).count();
        let short = |one: &&Searched| one.cut_at.is_some() || one.problem.is_some();
        let short = self.regions.iter().filter(short).count() - failed;
        let of_all = |count: usize, what: &str| {
            (count > 0).then(|| format!("{count} of {} {what}", plural(all, "region")))
        };
        let none = (all == 0).then(|| "no region was asked".to_owned());
        let unreadable = (self.unreadable > 0)
            .then(|| format!("{} could not be read", plural(self.unreadable, "record")));
        let regions = [of_all(failed, "failed"), of_all(short, "not read to the end")];
        let gaps: Vec<String> = regions.into_iter().chain([none, unreadable]).flatten().collect();
        (!gaps.is_empty()).then(|| gaps.join(", "))
    }
}

impl Searched {
    /// Whether nothing was learned here.
    fn failed(&self) -> bool {
        self.problem.is_some() && self.events == 0
    }
}

impl UseSource {
    /// Whether the user agent says that it is keyrot, which verifies each new key. Others may forge
    /// that.
    #[must_use]
    pub fn says_it_is_keyrot(&self) -> bool {
        self.agent
            .as_ref()
            .is_some_and(|agent| agent.as_str().split(' ').any(|part| part == "app/keyrot"))
    }
}

impl fmt::Display for UseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address =
            self.address.as_ref().map_or("an address that is not on record", UntrustedText::as_str);
        f.write_str(address)?;
        if let Some(agent) = &self.agent {
            write!(f, " with {}", agent.clip(48))?;
        }
        let services: Vec<&str> =
            self.services.iter().take(3).map(|tally| tally.name.as_str()).collect();
        let times =
            if self.events == 1 { "once".to_owned() } else { format!("{} times", self.events) };
        write!(f, " ({}, {times}, last {})", services.join(", "), self.last.format("%F %R UTC"))
    }
}

/// Formats it as a sentence, to be read after the key:
/// `… is used from 192.0.2.7 with aws-cli/2.15 (s3, 12 times, last …)`.
impl fmt::Display for UseEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.format("%F %R UTC");
        let failed: Vec<String> = self
            .regions
            .iter()
            .filter_map(|one| Some(format!("{}: {}", one.region, one.problem.as_ref()?)))
            .collect();
        if self.sources.is_empty() {
            if self.is_blind() && !failed.is_empty() {
                return write!(
                    f,
                    "who uses {} could not be found out: {}",
                    self.key,
                    failed.join("; ")
                );
            }
            let regions: Vec<&str> = self.answered().collect();
            if let Some(gaps) = self.gaps() {
                write!(f, "incomplete, {gaps}: ")?;
            }
            write!(
                f,
                "CloudTrail names no use of {} since {since} in {}; it has no data events, such as reads of S3 objects",
                self.key,
                regions.join(", ")
            )?;
        } else {
            let shown: Vec<String> =
                self.sources.iter().take(IN_A_SENTENCE).map(ToString::to_string).collect();
            write!(f, "{} is used from {}", self.key, shown.join("; from "))?;
            match self.more_sources + self.sources.len().saturating_sub(IN_A_SENTENCE) {
                0 => {}
                more => write!(f, "; and from {more} more")?,
            }
        }
        if !failed.is_empty() {
            write!(f, "; not asked to the end: {}", failed.join("; "))?;
        }
        Ok(())
    }
}
