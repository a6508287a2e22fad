//! The limiter against a simulated AWS token bucket, in virtual time.

use super::{Limiter, LimiterSettings, LimiterStats};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How the bucket is refilled. AWS says "every second"; both readings are tested.
#[derive(Clone, Copy, Debug)]
enum Refill {
    Steady,
    EachSecond,
}

/// A token bucket behind a network: the call reaches it half a round trip after being sent.
struct Server {
    latency: Duration,
    /// The seed for a delay of up to 40 ms in each direction, out of order; 0 adds none.
    jitter: u64,
    refill: Refill,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled_at: Instant,
    trips: u64,
    /// All tokens so far, including those that overflowed a full bucket.
    offered: f64,
}

#[derive(Debug)]
struct Throttled;

impl Server {
    fn new(rate: f64, burst: f64, refill: Refill) -> Arc<Self> {
        Self::with_jitter(rate, burst, refill, 0)
    }

    fn with_jitter(rate: f64, burst: f64, refill: Refill, jitter: u64) -> Arc<Self> {
        Arc::new(Self {
            latency: Duration::from_millis(20),
            jitter,
            refill,
            bucket: Mutex::new(Bucket {
                rate,
                burst,
                tokens: burst,
                filled_at: Instant::now(),
                trips: 0,
                offered: burst,
            }),
        })
    }

    async fn call(&self) -> Result<(), Throttled> {
        sleep(self.one_way()).await;
        let answer = self.take();
        sleep(self.one_way()).await;
        answer
    }

    fn one_way(&self) -> Duration {
        let mut bucket = self.bucket.lock().unwrap();
        bucket.trips += 1;
        let spread = (self.jitter * bucket.trips).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        self.latency / 2 + Duration::from_millis(spread % 41)
    }

    fn take(&self) -> Result<(), Throttled> {
        let mut bucket = self.bucket.lock().unwrap();
        bucket.fill(self.refill);
        if bucket.tokens + 1e-9 < 1.0 {
            return Err(Throttled);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Another client starts or stops.
    fn set_rate(&self, rate: f64) {
        let mut bucket = self.bucket.lock().unwrap();
        bucket.fill(self.refill);
        bucket.rate = rate;
    }

    /// Returns how many calls this server could have admitted so far.
    fn offered(&self) -> f64 {
        let mut bucket = self.bucket.lock().unwrap();
        bucket.fill(self.refill);
        bucket.offered
    }
}

impl Bucket {
    fn fill(&mut self, refill: Refill) {
        let passed = match refill {
            Refill::Steady => self.filled_at.elapsed(),
            Refill::EachSecond => Duration::from_secs(self.filled_at.elapsed().as_secs()),
        };
        self.filled_at += passed;
        let fresh = passed.as_secs_f64() * self.rate;
        self.offered += fresh;
        self.tokens = (self.tokens + fresh).min(self.burst);
    }
}

struct Figures {
    took: Duration,
    used: f64,
    throttled: f64,
    stats: LimiterStats,
}

/// Sends one call until the server admits it. Waits between half and all of a step that doubles;
/// the workers wait differently.
async fn through(limiter: &Limiter, server: &Server, worker: usize) {
    let mut step = Duration::from_millis(200);
    loop {
        let permit = limiter.acquire().await;
        match server.call().await {
            Ok(()) => return permit.succeeded(),
            Err(Throttled) => permit.throttled(),
        }
        let share = u32::try_from((worker * 37 + 11) % 100).unwrap();
        sleep(step / 2 + step * share / 200).await;
        step = (step * 2).min(Duration::from_secs(10));
    }
}

/// Makes `jobs` calls, `workers` at a time, each retried until it succeeds.
async fn drive(limiter: &Limiter, server: &Arc<Server>, workers: usize, jobs: u64) -> Figures {
    let (before, offered) = (limiter.stats(), server.offered());
    let start = Instant::now();
    let left = Arc::new(AtomicU64::new(jobs));
    let mut set = JoinSet::new();
    for worker in 0..workers {
        let (limiter, server, left) = (limiter.clone(), Arc::clone(server), Arc::clone(&left));
        set.spawn(async move {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                through(&limiter, &server, worker).await;
            }
        });
    }
    set.join_all().await;
    let stats = limiter.stats();
    let took = start.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let share = |part: u64, all: f64| part as f64 / all;
    let calls = stats.calls - before.calls;
    Figures {
        took,
        // At the first call the bucket is full, so its burst is available, too.
        used: share(jobs, server.offered() - if before.calls == 0 { 0.0 } else { offered }),
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        throttled: share(stats.throttled - before.throttled, calls as f64),
        stats,
    }
}

fn print(what: &str, f: &Figures) {
    eprintln!(
        "{what}: {:.2}s, {:.1} % of the limit used, {:.2} % of calls throttled ({} of {}), rate {:.2}/s {:?}",
        f.took.as_secs_f64(),
        100.0 * f.used,
        100.0 * f.throttled,
        f.stats.throttled,
        f.stats.calls,
        f.stats.rate,
        f.stats.pace,
    );
}

async fn fresh(
    settings: LimiterSettings,
    rate: f64,
    burst: f64,
    refill: Refill,
    jobs: u64,
) -> Figures {
    let server = Server::new(rate, burst, refill);
    let limiter = Limiter::new(settings);
    let f = drive(&limiter, &server, 128, jobs).await;
    print(&format!("{rate}/s, burst {burst}, {refill:?}"), &f);
    f
}

/// The limit a `CreateAccessKey` may have, with the presets of both IAM classes.
#[tokio::test(start_paused = true)]
async fn five_calls_a_second_are_used_and_hardly_exceeded() {
    for settings in [LimiterSettings::iam_reads(), LimiterSettings::iam_writes()] {
        for burst in [5.0, 10.0] {
            let f = fresh(settings, 5.0, burst, Refill::Steady, 200).await;
            assert!(f.used >= 0.90, "{:.3} of the limit used", f.used);
            assert!(f.throttled <= 0.05, "{:.3} throttled", f.throttled);
        }
        // AWS's words taken literally: all tokens of a second arrive together.
        let f = fresh(settings, 5.0, 10.0, Refill::EachSecond, 200).await;
        assert!(f.used >= 0.90, "{:.3} of the limit used", f.used);
        assert!(f.throttled <= 0.05, "{:.3} throttled", f.throttled);
    }
}

/// The result does not depend on synchronized answers, on their order or on the number of callers.
#[tokio::test(start_paused = true)]
async fn five_calls_a_second_over_a_network_with_jitter() {
    for workers in [1, 2, 8, 32, 128, 500] {
        for seed in 1..=5 {
            let server = Server::with_jitter(5.0, 10.0, Refill::Steady, seed);
            let limiter = Limiter::new(LimiterSettings::iam_writes());
            let f = drive(&limiter, &server, workers, 200).await;
            print(&format!("{workers} callers, seed {seed}"), &f);
            assert!(f.used >= 0.90 && f.throttled <= 0.05);
        }
    }
}

/// A window of five calls without savings is the hardest bucket: every token that is not used in
/// its second is lost. The limiter promises less there.
#[tokio::test(start_paused = true)]
async fn most_of_a_bucket_without_savings_is_still_used() {
    for settings in [LimiterSettings::iam_reads(), LimiterSettings::iam_writes()] {
        let f = fresh(settings, 5.0, 5.0, Refill::EachSecond, 200).await;
        assert!(f.used >= 0.70 && f.throttled <= 0.05);
        let f = fresh(settings, 5.0, 5.0, Refill::EachSecond, 2_000).await;
        assert!(f.used >= 0.85 && f.throttled <= 0.05);
    }
}

/// Limits other than the one for which the constants were tuned.
#[tokio::test(start_paused = true)]
async fn other_limits_are_found_too() {
    for (rate, jobs) in
        [(2.0, 500), (8.0, 1_000), (20.0, 2_000), (50.0, 4_000), (100.0, 8_000), (300.0, 20_000)]
    {
        for refill in [Refill::Steady, Refill::EachSecond] {
            let settings = LimiterSettings::iam_writes();
            let f = fresh(settings, rate, 2.0 * rate, refill, jobs).await;
            assert!(f.used >= 0.90, "{:.3} of the limit used", f.used);
            assert!(f.throttled <= 0.05, "{:.3} throttled", f.throttled);
        }
    }
}

/// 128 callers and 20 ms a call bound the rate to 6,400 a second.
#[tokio::test(start_paused = true)]
async fn a_large_sweep_is_not_held_back_by_the_start() {
    let f = fresh(LimiterSettings::iam_reads(), 1e6, 1e6, Refill::Steady, 5_000).await;
    let ideal = 5_000.0 / 128.0 * 0.020;
    assert!(f.took.as_secs_f64() <= 1.3 * ideal);
    assert_eq!(f.stats.throttled, 0);

    for burst in [100.0, 1_000.0] {
        let f = fresh(LimiterSettings::iam_reads(), 1_000.0, burst, Refill::Steady, 5_000).await;
        let ideal = (5_000.0 - burst) / 1_000.0;
        assert!(f.took.as_secs_f64() <= 1.3 * ideal);
        assert!(f.throttled <= 0.05);
    }
}

/// Another client takes three quarters of the account's rate, then stops.
#[tokio::test(start_paused = true)]
async fn makes_room_for_another_client_and_speeds_up_when_it_stops() {
    let server = Server::new(20.0, 20.0, Refill::Steady);
    let limiter = Limiter::new(LimiterSettings::iam_writes());
    let calm = drive(&limiter, &server, 32, 400).await;
    print("alone", &calm);
    server.set_rate(5.0);
    // The bucket's savings are used up first; then the pace has to drop.
    let squeezed = drive(&limiter, &server, 32, 60).await;
    print("squeezed, first 60 calls", &squeezed);
    assert!(squeezed.throttled <= 0.10);
    let settled = drive(&limiter, &server, 32, 200).await;
    print("squeezed, next 200 calls", &settled);
    assert!(settled.throttled <= 0.05 && settled.used >= 0.90);
    assert!(settled.stats.rate < 10.0);
    server.set_rate(20.0);
    let back = drive(&limiter, &server, 32, 400).await;
    print("alone again, first 400 calls", &back);
    assert!(back.throttled <= 0.05 && back.used >= 0.75);
    let after = drive(&limiter, &server, 32, 400).await;
    print("alone again, next 400 calls", &after);
    assert!(after.throttled <= 0.05 && after.used >= 0.90);
}

/// AWS refuses everything for a minute: few calls are wasted, and the work continues afterwards.
#[tokio::test(start_paused = true)]
async fn an_outage_costs_few_calls() {
    let server = Server::new(1e-6, 1.0, Refill::Steady);
    let limiter = Limiter::new(LimiterSettings::iam_writes());
    let work = {
        let (limiter, server) = (limiter.clone(), Arc::clone(&server));
        tokio::spawn(async move { drive(&limiter, &server, 32, 200).await })
    };
    sleep(Duration::from_secs(60)).await;
    let during = limiter.stats();
    eprintln!("a minute of refusals: {} calls", during.calls);
    assert!(during.calls <= 25);
    server.set_rate(20.0);
    let back = Instant::now();
    work.await.unwrap();
    eprintln!("199 calls at 20/s took {:?} after it", back.elapsed());
    assert!(back.elapsed() <= Duration::from_secs(30));
}
