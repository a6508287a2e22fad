use super::*;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::KeyId;
use crate::model::trail::UseEvent;
use crate::model::trail::evidence::{Searched, UseCounts, UseEvidence, UseSource, Uses};
use crate::model::trail::untrusted::UntrustedText;
use crate::trail::{KeyRecord, TrailAsk, TrailBounds, TrailPage, TrailPort, look_up};
use futures_util::FutureExt;
use proptest::prelude::*;
use std::sync::Mutex;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_767_585_600 + seconds, 0).unwrap()
}

fn event(n: usize, seconds: i64, address: &str, agent: &str) -> UseEvent {
    UseEvent {
        id: UntrustedText::new(&format!("event-{n}")),
        at: at(seconds),
        region: "eu-west-1".into(),
        service: "s3".into(),
        action: "ListBuckets".into(),
        address: Some(address.into()),
        agent: Some(agent.into()),
        error: None,
        role: None,
    }
}

fn key() -> KeyId {
    KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap()
}

fn summed(events: &[UseEvent]) -> UseEvidence {
    let mut uses = Uses::default();
    events.iter().for_each(|event| uses.add(event));
    uses.into_evidence(key(), at(0), 0, Vec::new())
}

/// A trail that gives each of these answers once, whatever the request.
struct Script(Mutex<Vec<Result<TrailPage, CallError>>>);

#[async_trait]
impl TrailPort for Script {
    fn regions(&self) -> Vec<String> {
        vec!["eu-west-1".to_owned()]
    }

    async fn key_record(&self, _key: &KeyId) -> Result<KeyRecord, CallError> {
        Err(CallError::refused(ErrorKind::NotFound, "no such key"))
    }

    async fn page<'a>(
        &self,
        _ask: &TrailAsk,
        _next: Option<&'a str>,
    ) -> Result<TrailPage, CallError> {
        self.0.lock().unwrap().remove(0)
    }
}

fn looked_up(answers: Vec<Result<TrailPage, CallError>>, most: usize) -> (UseEvidence, usize) {
    let script = Script(Mutex::new(answers));
    let bounds = TrailBounds { since: at(0), regions: script.regions(), most };
    let evidence = look_up(&script, &key(), &bounds, &|_, _| {}).now_or_never().unwrap();
    (evidence, script.0.into_inner().unwrap().len())
}

fn page(events: Vec<UseEvent>, next: Option<&str>) -> Result<TrailPage, CallError> {
    Ok(TrailPage { events, unreadable: 0, next: next.map(str::to_owned) })
}

#[test]
fn each_source_and_program_has_its_line_and_the_latest_comes_first() {
    let mut denied = event(3, 30, "192.0.2.7", "aws-cli/2.15");
    denied.error = Some("AccessDenied".into());
    denied.service = "sqs".into();
    let events = [
        event(1, 10, "192.0.2.7", "aws-cli/2.15"),
        event(2, 90, "198.51.100.4", "Boto3/1.34"),
        denied,
        event(4, 20, "192.0.2.7", "aws-cli/2.15"),
    ];
    let evidence = summed(&events);
    assert_eq!(evidence.events, 4);
    let first = &evidence.sources[0];
    assert_eq!((first.address.as_ref().unwrap().as_str(), first.events), ("198.51.100.4", 1));
    let second = &evidence.sources[1];
    assert_eq!((second.events, second.first, second.last), (3, at(10), at(30)));
    let tally = |tallies: &[UseCounts]| {
        tallies.iter().map(|t| format!("{}={}", t.name, t.count)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(tally(&second.services), "s3=2 sqs=1");
    assert_eq!(tally(&second.actions), "s3:ListBuckets=2 sqs:ListBuckets=1");
    assert_eq!(tally(&second.errors), "AccessDenied=1");
    let text = evidence.to_string();
    assert_eq!(
        text,
        "AKIAIOSFODNN7EXAMPLE is used from 198.51.100.4 with Boto3/1.34 (s3, once, last 2026-01-05 04:01 UTC); \
         from 192.0.2.7 with aws-cli/2.15 (s3, sqs, 3 times, last 2026-01-05 04:00 UTC)"
    );
    let top = evidence.top(1);
    assert_eq!((top.sources.len(), top.more_sources, top.events), (1, 1, 4));
    assert!(top.to_string().ends_with("; and from 1 more"), "{top}");
}

#[test]
fn pages_are_followed_and_the_end_is_known() {
    let first =
        (0..50).map(|n| event(n, 1000 - i64::try_from(n).unwrap(), "192.0.2.1", "a")).collect();
    let (evidence, left) = looked_up(
        vec![page(first, Some("2")), page(vec![event(50, 5, "192.0.2.1", "a")], None)],
        1000,
    );
    assert_eq!((evidence.events, left, evidence.is_partial()), (51, 0, false));
}

#[test]
fn an_empty_page_is_not_the_last() {
    let answers = vec![
        page(vec![], Some("2")),
        page(vec![], Some("3")),
        page(vec![event(1, 5, "a", "b")], None),
    ];
    assert_eq!(looked_up(answers, 10).0.events, 1);
}

#[test]
fn a_trail_that_was_cut_short_says_where() {
    let events: Vec<_> =
        (0..10).map(|n| event(n, 100 - i64::try_from(n).unwrap(), "192.0.2.1", "a")).collect();
    let (evidence, left) = looked_up(vec![page(events.clone(), Some("2")), page(vec![], None)], 4);
    assert_eq!((evidence.events, left), (4, 1), "nothing more is asked");
    assert_eq!(evidence.regions[0].cut_at, Some(at(97)));
    assert!(evidence.is_partial());
    // The limit equals the number of events, so nothing is cut.
    let (evidence, _) = looked_up(vec![page(events, None)], 10);
    assert!(!evidence.is_partial());
}

#[test]
fn an_endless_trail_stops_at_its_limit_and_a_circular_one_is_reported() {
    let endless = (0..200).map(|n| page(vec![], Some(&n.to_string()))).collect();
    let (evidence, left) = looked_up(endless, 50);
    assert_eq!(left, 200 - 21);
    assert_eq!(evidence.regions[0].cut_at, Some(at(0)));
    let circle = vec![page(vec![], Some("x")), page(vec![], Some("x")), page(vec![], None)];
    let (evidence, left) = looked_up(circle, 50);
    assert_eq!(
        (left, evidence.regions[0].problem.as_deref()),
        (1, Some("there is a further page, and no way to it"))
    );
}

#[test]
fn a_region_that_cannot_be_asked_is_named_and_earlier_reads_count() {
    let denied =
        || Err(CallError::refused(ErrorKind::Denied, "cloudtrail:LookupEvents was denied"));
    let (evidence, _) =
        looked_up(vec![page(vec![event(1, 5, "192.0.2.1", "a")], Some("2")), denied()], 100);
    assert_eq!((evidence.events, evidence.is_partial(), evidence.is_blind()), (1, true, false));
    assert!(
        evidence
            .to_string()
            .contains("not asked to the end: eu-west-1: cloudtrail:LookupEvents was denied")
    );
    let (evidence, _) = looked_up(vec![denied()], 100);
    assert!(evidence.is_blind());
    assert!(
        evidence
            .to_string()
            .starts_with("who uses AKIAIOSFODNN7EXAMPLE could not be found out: eu-west-1:")
    );
}

#[test]
fn an_incomplete_answer_says_so_before_what_it_found() {
    let region = |region: &str, events, cut_at, problem: Option<&str>| Searched {
        region: region.to_owned(),
        events,
        cut_at,
        problem: problem.map(str::to_owned),
    };
    let evidence = |regions: Vec<Searched>, unreadable| {
        let key = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
        Uses::default().into_evidence(key, at(0), unreadable, regions)
    };
    let whole = region("eu-west-1", 0, None, None);
    let failed = region("us-east-1", 0, None, Some("denied"));
    for (regions, unreadable, gaps) in [
        (vec![whole.clone()], 0, None),
        (vec![], 0, Some("no region was asked")),
        (vec![failed.clone(), failed.clone()], 0, Some("2 of 2 regions failed")),
        (vec![whole.clone(), failed.clone()], 0, Some("1 of 2 regions failed")),
        (
            vec![region("eu-west-1", 0, Some(at(1)), None), failed.clone()],
            0,
            Some("1 of 2 regions failed, 1 of 2 regions not read to the end"),
        ),
        (vec![whole.clone()], 3, Some("3 records could not be read")),
    ] {
        let found = evidence(regions, unreadable);
        assert_eq!(found.gaps().as_deref(), gaps);
        assert_eq!(found.gaps().is_some(), found.is_partial() || found.regions.is_empty());
    }
    let half = evidence(vec![whole, failed], 0).to_string();
    assert!(
        half.starts_with("incomplete, 1 of 2 regions failed: CloudTrail names no use of")
            && half.contains(" in eu-west-1; it has")
            && half.ends_with("not asked to the end: us-east-1: denied"),
        "a region that failed is not among those that were asked: {half}"
    );
}

#[test]
fn no_use_in_the_trail_is_not_called_unused() {
    let (evidence, _) = looked_up(vec![page(vec![], None)], 100);
    assert!(!evidence.is_blind());
    assert!(evidence.to_string().contains("it has no data events"), "{evidence}");
}

#[test]
fn a_text_cannot_control_a_terminal() {
    let text = UntrustedText::new("curl/8\u{1b}[2J\n\u{202e}evil\u{7}");
    assert_eq!(text.as_str(), "curl/8\\u{1b}[2J\\u{a}\\u{202e}evil\\u{7}");
    assert_eq!(UntrustedText::new(&"x".repeat(5_000)).as_str().chars().count(), 256);
    assert_eq!(text.clip(7), "curl/8…");
}

fn some_event() -> impl Strategy<Value = UseEvent> {
    let of = |n: usize, seconds: i64, from: u8, error: bool| {
        let mut event = event(
            n,
            seconds,
            &format!("192.0.2.{}", from % 3),
            if from > 5 { "aws-cli" } else { "Boto3" },
        );
        event.service = if from.is_multiple_of(2) { "s3".into() } else { "sts".into() };
        event.error = error.then(|| "AccessDenied".into());
        event
    };
    // The same id is always the same event, as in a trail.
    (0..40_usize).prop_map(move |n| {
        of(n, i64::try_from(n * 37 % 50).unwrap(), u8::try_from(n % 11).unwrap(), n % 5 == 0)
    })
}

proptest! {
    #[test]
    fn the_order_does_not_matter_and_the_counts_add_up(
        (events, shuffled) in proptest::collection::vec(some_event(), 0..60)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let evidence = summed(&events);
        prop_assert_eq!(&evidence, &summed(&shuffled));
        let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.id.clone()).collect();
        prop_assert_eq!(evidence.events, ids.len());
        let sum = |of: fn(&UseSource) -> usize| evidence.sources.iter().map(of).sum::<usize>();
        prop_assert_eq!(sum(|s| s.events), evidence.events);
        for tallies in [
            |s: &UseSource| s.services.clone(),
            |s: &UseSource| s.actions.clone(),
            |s: &UseSource| s.regions.clone(),
        ] {
            for source in &evidence.sources {
                prop_assert_eq!(tallies(source).iter().map(|t| t.count).sum::<usize>(), source.events);
            }
        }
        for source in &evidence.sources {
            prop_assert!(source.first <= source.last);
            prop_assert!(source.errors.iter().map(|t| t.count).sum::<usize>() <= source.events);
        }
        prop_assert!(evidence.sources.is_sorted_by(|a, b| a.last >= b.last));
    }

    #[test]
    fn an_escaped_text_is_harmless_and_stays_as_it_is(text in any::<String>()) {
        let shown = UntrustedText::new(&text);
        prop_assert!(shown.as_str().chars().count() <= 256);
        prop_assert!(!shown.as_str().chars().any(char::is_control));
        prop_assert_eq!(&UntrustedText::new(shown.as_str()), &shown);
    }
}
