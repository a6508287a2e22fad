//! The queue and the settings; the pacing itself is in `simulation`.

use super::{Limiter, LimiterSettings, Pace, Permit, RateController, SettingsError, Ticket, Turn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// One call at a time in the ramp, and one a second after the first throttle.
fn narrow() -> Limiter {
    let settings = LimiterSettings::new(1.0, u32::MAX, 0.1, 1_000.0).unwrap().with_start(1, 0.0);
    Limiter::new(settings)
}

#[tokio::test(start_paused = true)]
async fn callers_are_served_in_order() {
    let limiter = narrow();
    let first = limiter.acquire().await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for n in 0..20 {
        let (limiter, order) = (limiter.clone(), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let permit = limiter.acquire().await;
            order.lock().unwrap().push(n);
            sleep(SECOND).await;
            permit.succeeded();
        }));
        tokio::task::yield_now().await;
    }
    // Two of them stop waiting: one in the middle, and the head, which holds the timer.
    tasks[0].abort();
    tasks[7].abort();
    tokio::task::yield_now().await;
    first.succeeded();
    for task in tasks {
        let _ = task.await;
    }
    let expected: Vec<_> = (0..20).filter(|n| ![0, 7].contains(n)).collect();
    assert_eq!(*order.lock().unwrap(), expected);
    assert_eq!(limiter.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_permit_frees_its_place_and_changes_nothing_else() {
    let limiter = narrow();
    let held = limiter.acquire().await;
    assert!(timeout(SECOND, limiter.acquire()).await.is_err());
    drop(held);
    let next = timeout(SECOND, limiter.acquire()).await.unwrap();
    drop(next);
    let stats = limiter.stats();
    assert_eq!((stats.calls, stats.admitted, stats.throttled), (2, 0, 0));
    assert_eq!((stats.in_flight, stats.pace), (0, Pace::Ramp));
}

/// Settles a permit after a while, in the way that the caller chooses.
async fn later(permit: Permit, settle: fn(Permit)) {
    sleep(SECOND).await;
    settle(permit);
}

#[tokio::test(start_paused = true)]
async fn waiting_is_woken_by_answers_and_timers_only() {
    for settle in [Permit::succeeded, Permit::throttled, drop::<Permit>] as [fn(Permit); 3] {
        let limiter = narrow();
        let held = limiter.acquire().await;
        let polls = Arc::new(AtomicU32::new(0));
        let waiting = {
            let (limiter, polls) = (limiter.clone(), Arc::clone(&polls));
            tokio::spawn(async move {
                let mut turn = std::pin::pin!(limiter.acquire());
                std::future::poll_fn(|cx| {
                    polls.fetch_add(1, Ordering::Relaxed);
                    turn.as_mut().poll(cx)
                })
                .await
                .succeeded();
            })
        };
        later(held, settle).await;
        waiting.await.unwrap();
        // Three polls: the first, one woken by the answer, and one woken by the timer after a
        // throttle.
        assert!(polls.load(Ordering::Relaxed) <= 3);
    }
}

#[test]
fn impossible_settings_are_refused() {
    let rate = |v| LimiterSettings::new(v, 1, 0.1, 10.0);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(rate(bad), Err(SettingsError::Rate { name: "initial_rate", .. })));
    }
    for bad in [0.01, 11.0] {
        assert!(matches!(rate(bad), Err(SettingsError::Disordered { .. })));
    }
}

/// Takes a ticket at `now`, or returns that there was none.
fn go(core: &mut RateController, now: Duration) -> Option<Ticket> {
    match core.acquire(now) {
        Turn::Go(ticket) => Some(ticket),
        Turn::At(_) | Turn::AfterReply => None,
    }
}

#[test]
fn the_ceiling_holds_in_the_ramp_and_after_it() {
    let settings = LimiterSettings::secret_writes();
    let mut core = RateController::new(settings);
    let mut sent = 0;
    for ms in 0..10_000 {
        if let Some(ticket) = go(&mut core, Duration::from_millis(ms)) {
            core.on_success(ticket);
            sent += 1;
        }
    }
    assert!((475..=481).contains(&sent), "{sent} calls in 10 s");
}

#[test]
fn throttles_of_one_burst_cut_the_pace_once() {
    let mut core =
        RateController::new(LimiterSettings::new(10.0, 0, 1.0, 100.0).unwrap().with_start(1, 0.0));
    let t = Duration::from_millis;
    let ticket = go(&mut core, t(0)).unwrap();
    core.on_throttle(ticket, t(20));
    // It is searching now: two calls 100 ms apart are under way when both are refused.
    let a = go(&mut core, t(200)).unwrap();
    core.on_success(a);
    let (b, c) = (go(&mut core, t(400)).unwrap(), go(&mut core, t(500)).unwrap());
    core.on_throttle(b, t(600));
    let cut = core.rate();
    core.on_throttle(c, t(600));
    assert!((core.rate() - cut).abs() < 1e-9);
    // The second refusal did not make the wait longer either.
    let next = t(600) + Duration::from_secs_f64(1.0 / cut);
    assert!(go(&mut core, next).map(|t| core.on_abandoned(t)).is_some());
    assert_eq!(core.throttled(), 3);
    assert_eq!(core.in_flight(), 0);
}

#[test]
fn unused_pace_does_not_grow_and_an_idle_hour_does_little_harm() {
    let mut core =
        RateController::new(LimiterSettings::new(10.0, 0, 0.1, 100.0).unwrap().with_start(1, 0.0));
    let ticket = go(&mut core, Duration::ZERO).unwrap();
    core.on_throttle(ticket, Duration::from_millis(20));
    for s in 1..3_600 {
        let ticket = go(&mut core, Duration::from_secs(s)).unwrap();
        core.on_success(ticket);
    }
    assert!((core.rate() - 10.0).abs() < 1e-9);
    let ticket = go(&mut core, Duration::from_secs(7_200)).unwrap();
    core.on_throttle(ticket, Duration::from_secs(7_200));
    assert!(core.rate() >= 10.0 / 4.0 * 0.9 - 1e-9);
}
