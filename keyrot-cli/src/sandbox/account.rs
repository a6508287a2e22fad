//! The sandbox behind keyrot's ports.

use super::destination::SandboxDestination;
use super::{SandboxError, SandboxFile};
use crate::terminal::stdio::remark;
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keyrot_core::memory::{MemoryAccount, World};
use keyrot_core::ports::{Around, Destination, PortCall, Wrapped};
use keyrot_core::settings::DestinationSpec;
use keyrot_core::trail::{KeyRecord, TrailAsk, TrailPage, TrailPort};
use keyrot_core::{CallError, Clock, ErrorKind, KeyId, Ports, Timestamp};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The variable that sets how long a call really takes, such as `20ms`, for tests that stop a run
/// halfway.
const PACE: &str = "KEYROT_TEST_SANDBOX_PACE";
/// The variable with `N:before` or `N:after`: the process aborts right before or after its Nth
/// call, counted from 1, is carried out.
const DIE: &str = "KEYROT_TEST_SANDBOX_DIE";

/// The account in a sandbox's file. Clones share it.
#[derive(Clone)]
pub(crate) struct SandboxAccount {
    shared: Arc<Shared>,
}

struct Shared {
    file: SandboxFile,
    /// The account as it was at the last call, with the secrets of one region.
    account: MemoryAccount,
    /// The account's clock as it was last read.
    now: Mutex<Timestamp>,
    calls: AtomicUsize,
    pace: Duration,
    die: Option<(usize, Moment)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

impl SandboxAccount {
    /// Returns the account in this file, or in the default one, with the secrets of this region.
    /// Homes are also looked for in these other regions.
    pub(crate) async fn open(
        path: Option<&Path>,
        region: &str,
        further: &[String],
    ) -> Result<Self, SandboxError> {
        let (file, made) = SandboxFile::open(path).await?;
        if made {
            remark(&format!("created a sandbox in {}", file.path().display()));
        }
        let world = file.load()?;
        let now = Mutex::new(world.now());
        let test = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
        let pace = test(PACE).and_then(|v| humantime::parse_duration(&v).ok()).unwrap_or_default();
        let die = test(DIE).and_then(|v| {
            let (nth, moment) = v.split_once(':')?;
            let moment = if moment == "after" { Moment::After } else { Moment::Before };
            Some((nth.parse().ok()?, moment))
        });
        let further: Vec<&str> = further.iter().map(String::as_str).collect();
        let account = MemoryAccount::new(world).in_region(region).looking_in(&further);
        Ok(Self {
            shared: Arc::new(Shared { file, account, now, calls: AtomicUsize::new(0), pace, die }),
        })
    }

    /// Returns all ports: each call is made on the account in the file.
    pub(crate) fn all(&self) -> Arc<Wrapped<MemoryAccount, Self>> {
        Arc::new(Wrapped { inner: self.shared.account.clone(), around: self.clone() })
    }

    /// Returns the ports of a rotation, with these destinations.
    pub(crate) fn ports(&self, destinations: &[DestinationSpec]) -> Ports {
        let all = self.all();
        let destination = |spec: &DestinationSpec| {
            let port = SandboxDestination {
                around: self.clone(),
                account: self.shared.account.clone(),
                name: spec.name().clone(),
                abilities: spec.abilities(),
            };
            (spec.name().clone(), Arc::new(port) as Arc<dyn Destination>)
        };
        Ports {
            iam: all.clone(),
            store: all.clone(),
            probe: all,
            clock: Arc::new(self.clone()),
            destinations: Arc::new(destinations.iter().map(destination).collect()),
        }
    }

    fn look(&self) -> Result<World, CallError> {
        self.shared
            .file
            .load()
            .map_err(|error| CallError::refused(ErrorKind::Other, error.to_string()))
    }

    fn see(&self, now: Timestamp) {
        *self.shared.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

#[async_trait]
impl Around for SandboxAccount {
    /// Makes one call under the lock. The account is saved before the call is answered.
    async fn around<T: Send>(
        &self,
        _: PortCall<'_>,
        work: BoxFuture<'_, Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let shared = &self.shared;
        if shared.pace.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(shared.pace).await;
        }
        let nth = shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let die = |moment| {
            if shared.die == Some((nth, moment)) {
                std::process::abort();
            }
        };
        die(Moment::Before);
        let answer = shared.file.change(|world| {
            let usual = world.region().to_owned();
            shared.account.change(|account| *account = world.clone());
            // No fault is injected here, so every answer of the in-memory account is available
            // immediately.
            let answer = work.now_or_never();
            *world = shared.account.world();
            world.set_region(usual);
            self.see(world.now());
            answer
        });
        die(Moment::After);
        match answer {
            Ok(answer) => {
                answer.unwrap_or_else(|| Err(CallError::lost("the sandbox did not answer")))
            }
            Err(error) => Err(CallError::refused(ErrorKind::Other, error.to_string())),
        }
    }
}

/// Reads the trail directly from the file, because that takes no time on the account's clock.
#[async_trait]
impl TrailPort for SandboxAccount {
    fn regions(&self) -> Vec<String> {
        let mut regions =
            self.shared.file.load().map(|world| world.trailed_regions()).unwrap_or_default();
        regions.insert("us-east-1".to_owned());
        regions.into_iter().collect()
    }

    async fn key_record(&self, key: &KeyId) -> Result<KeyRecord, CallError> {
        Ok(self.look()?.key_record(key)?)
    }

    async fn page<'a>(
        &self,
        ask: &TrailAsk,
        next: Option<&'a str>,
    ) -> Result<TrailPage, CallError> {
        self.look()?.trail_page(ask, next)
    }
}

#[async_trait]
impl Clock for SandboxAccount {
    fn now(&self) -> Timestamp {
        *self.shared.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn aws_now(&self) -> Option<Timestamp> {
        Some(self.now())
    }

    /// Advances the account's clock without waiting.
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(self.shared.pace).await;
        let moved = self.shared.file.change(|world| {
            world.advance(time);
            world.now()
        });
        if let Ok(now) = moved {
            self.see(now);
        }
    }

    /// Uses the machine's clock: even in a sandbox, notifiers are real.
    async fn time_limit(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
