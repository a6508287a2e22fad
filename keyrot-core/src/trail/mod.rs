//! The uses of a key in a trail (AWS CloudTrail's event history), read page by page within limits,
//! and summarized.
//!
//! IAM has only a key's last use. The trail has the source addresses and user agents. [`look_up`]
//! reads it and returns [`UseEvidence`], which documents what it cannot show.

#[cfg(test)]
mod tests;

use crate::model::error::CallError;
use crate::model::names::{KeyId, UserName};
use crate::model::observed::LastUse;
use crate::model::time::Timestamp;
use crate::model::trail::UseEvent;
use crate::model::trail::evidence::Uses;
use crate::model::trail::evidence::{Searched, UseEvidence};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};

/// The number of regions that are read concurrently; each has its own rate limit.
const AT_ONCE: usize = 8;
/// The largest number of events in one of CloudTrail's pages (CloudTrail API reference,
/// `LookupEvents`).
const PAGE: usize = 50;
/// The number of pages that are read in addition to those that the events need, because a page may
/// be empty and still not the last.
const MORE_PAGES: usize = 20;

/// A query of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrailAsk {
    /// The key.
    pub key: KeyId,
    /// The region; each has its own trail.
    pub region: String,
    /// The start of the period.
    pub since: Timestamp,
}

/// One page of a trail, the newest event first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailPage {
    /// The events.
    pub events: Vec<UseEvent>,
    /// The number of records that could not be read.
    pub unreadable: usize,
    /// The token for the next page; `None` after the last.
    pub next: Option<String>,
}

/// IAM's record of a key, for any user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The user that has the key.
    pub user: UserName,
    /// When it was last used.
    pub last_use: LastUse,
}

/// A record of who used which key, such as CloudTrail's event history.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TrailPort: Send + Sync {
    /// Returns the default regions: the account's own, and the one with the events of global
    /// services.
    fn regions(&self) -> Vec<String>;

    /// Returns the key's user, and its last use by IAM's record.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such key.
    async fn key_record(&self, key: &KeyId) -> Result<KeyRecord, CallError>;

    /// Returns one page of the key's uses, the newest first. `next` is the token from the previous
    /// page. This is one request.
    ///
    /// # Errors
    /// [`CallError`]. A record that cannot be read is not an error: it is counted.
    async fn page<'a>(&self, ask: &TrailAsk, next: Option<&'a str>)
    -> Result<TrailPage, CallError>;
}

/// The limits for reading a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailBounds {
    /// Uses before this are not requested.
    pub since: Timestamp,
    /// The regions that are asked.
    pub regions: Vec<String>,
    /// The limit on events of each region, the newest first.
    pub most: usize,
}

/// Reads the trail's events of the key, region by region, and summarizes them. It never fails as a
/// whole: a region that could not be asked is named in [`UseEvidence::regions`]. After each page,
/// `progress` gets the region and the number of its events that were read so far.
pub async fn look_up(
    port: &dyn TrailPort,
    key: &KeyId,
    bounds: &TrailBounds,
    progress: &(dyn Fn(&str, usize) + Sync),
) -> UseEvidence {
    // Collected, because a future that holds a closure over borrowed items cannot be spawned: its
    // `Send` is not general enough.
    let regions: Vec<_> = (bounds.regions.iter())
        .map(|region| {
            let ask = TrailAsk { key: key.clone(), region: region.clone(), since: bounds.since };
            one_region(port, ask, bounds.most.max(1), progress)
        })
        .collect();
    // The results are in the order of the regions, so that the same trail gives the same evidence.
    let read: Vec<_> = stream::iter(regions).buffered(AT_ONCE).collect().await;
    let mut uses = Uses::default();
    let mut searched = Vec::new();
    let mut unreadable = 0;
    for one in read {
        one.events.iter().for_each(|event| uses.add(event));
        unreadable += one.unreadable;
        searched.push(one.searched);
    }
    uses.into_evidence(key.clone(), bounds.since, unreadable, searched)
}

/// Returns the default regions for a key: the trail's own, and the one of the key's last use.
#[must_use]
pub fn regions_to_ask(port: &dyn TrailPort, last_use: &LastUse) -> Vec<String> {
    let mut regions = port.regions();
    if let LastUse::At { region, .. } = last_use
        && is_region(region)
        && !regions.contains(region)
    {
        regions.push(region.clone());
    }
    regions
}

struct Read {
    events: Vec<UseEvent>,
    unreadable: usize,
    searched: Searched,
}

async fn one_region(
    port: &dyn TrailPort,
    ask: TrailAsk,
    most: usize,
    progress: &(dyn Fn(&str, usize) + Sync),
) -> Read {
    let (mut events, mut unreadable) = (Vec::new(), 0);
    let mut next: Option<String> = None;
    let (mut more, mut problem) = (true, None);
    for _ in 0..most.div_ceil(PAGE) + MORE_PAGES {
        let page = match port.page(&ask, next.as_deref()).await {
            Ok(page) => page,
            Err(error) => {
                problem = Some(error.to_string());
                break;
            }
        };
        let room = most - events.len();
        more = page.next.is_some() || page.events.len() > room;
        // An AWS-compatible service may return more than was requested; the rest does not count.
        events.extend(
            page.events.into_iter().take(room).filter(|event: &UseEvent| event.at >= ask.since),
        );
        unreadable += page.unreadable;
        progress(&ask.region, events.len());
        if !more || events.len() >= most {
            break;
        }
        if page.next == next {
            problem = Some("there is a further page, and no way to it".to_owned());
            break;
        }
        next = page.next;
    }
    let oldest = events.iter().map(|event| event.at).min();
    let cut_at = if more && problem.is_none() { Some(oldest.unwrap_or(ask.since)) } else { None };
    let searched = Searched { region: ask.region, events: events.len(), cut_at, problem };
    Read { events, unreadable, searched }
}

/// Whether this looks like the name of a region. For a global service, IAM may give another text as
/// the region of a use.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.matches('-').count() >= 2
        && parts
            .next_back()
            .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}
