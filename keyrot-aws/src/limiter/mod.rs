//! Client-side pacing for AWS control-plane calls.
//!
//! # Why
//!
//! IAM and STS throttle each account with token buckets whose sizes AWS does not publish and does
//! not raise; several buckets may apply to one API, and a bucket "is refilled every second". All
//! clients in the account draw on them, so the rate that is left for keyrot changes during a run. A
//! refused call answers `Throttling` with HTTP 400 and has no effect. Every refusal also hits other
//! clients: a deployment may fail because a rotation is too fast. So this limiter finds the rate,
//! stays at it, and makes room for others.
//!
//! Sources: AWS Security Blog, "How to monitor and query IAM resources at scale – Part 2" (token
//! buckets of IAM and STS, separate from each other, one or several for each API, refilled every
//! second, shared by all callers); AWS re:Post knowledge center, "How do I resolve API throttling
//! or 'Rate exceeded' errors for IAM and AWS STS?" (`Throttling`, 400; limits cannot be raised);
//! AWS Secrets Manager User Guide, "AWS Secrets Manager quotas" (its published rates); AWS SDKs and
//! Tools Reference Guide, "Retry behavior" (the SDK's adaptive mode is for single resources only).
//!
//! # Use
//!
//! One [`Limiter`] for each API class of each account (and, for Secrets Manager and STS, Region):
//! their buckets are separate, so the measurements have to be, too. Finer is better:
//! `CreateAccessKey` may have its own limiter with [`LimiterSettings::iam_writes`].
//!
//! ```
//! use keyrot_aws::limiter::{Limiter, LimiterSettings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # async fn call() -> Result<u32, String> { Ok(2) } // the SDK call
//! let limiter = Limiter::new(LimiterSettings::iam_reads());
//! let permit = limiter.acquire().await;
//! match call().await {
//!     // AWS did nothing: wait a little, acquire again, and send it again.
//!     Err(code) if code == "Throttling" => permit.throttled(),
//!     _ => permit.succeeded(),
//! }
//! assert_eq!(limiter.stats().admitted, 1);
//! # }
//! ```
//!
//! # How it works
//!
//! 1. **Ramp.** Until the first throttle there is no pace, only a bound on calls in flight. It
//!    starts small, and once a first burst was answered every answer adds part of a place, so the
//!    bound grows exponentially with each round trip. A class of 1,000 calls a second is at full
//!    speed within a quarter of a second; a class of 5 a second loses a handful of calls, since
//!    what is in flight when its bucket runs dry is a fixed part of what the bucket held. A
//!    cautious *rate* would make the first class wait for tens of seconds.
//! 2. **Drain.** At the first throttle nothing is sent until the calls under way are answered. The
//!    calls admitted after the first refused one show the rate of a fast API; with too few of them
//!    the pace becomes `initial_rate`.
//! 3. **Search.** The pace doubles in half a second or five calls, whichever is longer, until the
//!    next throttle.
//! 4. **Hold.** Two throttles are two moments at which the bucket was empty, and what a bucket
//!    admits from empty to empty is what it was refilled with. So admitted calls divided by the
//!    time between gives the server's rate without guessing. The pace then runs from 10 % below it
//!    along a cubic curve, flat around it, to 10 % above it. Tokens saved below are spent above, so
//!    the average is the rate itself, and one call is refused for each such wave. The more calls a
//!    measurement rests on, the longer the wave (8 to 40 calls up to the flat part). If no refusal
//!    comes, the limit has risen: back to Search, and the next limit is assumed to be at least the
//!    pace that met no refusal.
//!
//! A throttle before anything was admitted since the last one says nothing about the rate, only
//! that the bucket is still empty: all callers wait, up to the second after which AWS refills it,
//! then twice as long each time. When the capacity drops, this wait and the few calls admitted
//! after it give the new rate immediately. One cut never takes more than three quarters of the
//! pace, so an idle hour in the measurement does no harm. Throttles of calls sent before a cut are
//! not counted twice. The pace grows only while callers wait for it.
//!
//! # Guarantees
//!
//! - First come, first served; a caller that stops waiting frees its place.
//! - The pace stays within `floor..=ceiling`; however often AWS throttles, some caller tries again.
//! - Calls are never cut off by the limiter: an unknown outcome is worse than a late one.
//!
//! # Caveats
//!
//! - One burst at the start is inherent: a limit cannot be found without meeting it.
//! - Where a bucket holds no more than one refill, what is not used in its second is lost while the
//!   pace is below the limit: of a window of exactly 5 calls a second about 70 to 90 % is used.
//! - The pace is this process's alone. Several processes in one account share by backing off.

mod controller;
mod settings;
mod shared;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use controller::{Pace, RateController, Ticket, Turn};
pub use settings::{LimiterSettings, SettingsError};
pub use shared::{Limiter, LimiterStats, Permit};
