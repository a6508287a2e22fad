//! Ports in front of the in-memory account.

use super::give_way;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use keyrot_core::memory::MemoryAccount;
use keyrot_core::ports::{Around, PortCall, Wrapped};
use keyrot_core::{CallError, Ports};
use std::sync::Arc;

/// The hook around each call; `of` is the call's user or secret.
#[async_trait]
pub(crate) trait Hook: Send + Sync {
    async fn before(&self, call: &'static str, of: &str);
    async fn after(&self, call: &'static str, of: &str);
}

pub(crate) struct Hooked<H>(H);

impl<H: Hook + 'static> Hooked<H> {
    pub(crate) fn ports(account: &MemoryAccount, hook: H) -> Ports {
        let all = Arc::new(Wrapped { inner: account.clone(), around: Self(hook) });
        Ports {
            iam: all.clone(),
            store: all.clone(),
            probe: all,
            clock: Arc::new(account.clone()),
            destinations: Arc::default(),
        }
    }
}

#[async_trait]
impl<H: Hook> Around for Hooked<H> {
    async fn around<T: Send>(
        &self,
        PortCall { name, of }: PortCall<'_>,
        work: BoxFuture<'_, Result<T, CallError>>,
    ) -> Result<T, CallError> {
        self.0.before(name, of).await;
        let result = work.await;
        self.0.after(name, of).await;
        result
    }
}

/// Yields before and after each call, so that another run can come in between.
pub(crate) struct Yielding;

#[async_trait]
impl Hook for Yielding {
    async fn before(&self, _: &'static str, _: &str) {
        give_way().await;
    }
    async fn after(&self, _: &'static str, _: &str) {
        give_way().await;
    }
}
