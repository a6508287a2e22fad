//! A request to stop.

use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, select};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

/// A request to stop, shared between the caller (such as a signal handler) and the run. Clones are
/// the same request.
///
/// ```
/// use keyrot_core::Cancel;
/// use tokio_util::sync::CancellationToken;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let token = CancellationToken::new();
/// let cancel = Cancel::when(token.clone().cancelled_owned());
/// assert!(!cancel.is_cancelled());
/// token.cancel();
/// cancel.cancelled().await;
/// assert!(cancel.is_cancelled());
/// # });
/// ```
#[derive(Clone)]
pub struct Cancel {
    asked: Shared<BoxFuture<'static, ()>>,
    /// The future, which the first caller that asks takes. It lives as long as any clone. After
    /// that, the request can no longer be made.
    ask: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self::when(std::future::pending())
    }
}

impl Cancel {
    /// Returns a request that is made when the future completes, such as `token.cancelled_owned()`
    /// of a `tokio_util::sync::CancellationToken`; or by [`cancel`](Self::cancel).
    ///
    /// The future is polled where the run is polled, so one of tokio's futures needs no separate
    /// runtime. If it panics, that also stops the run.
    #[must_use]
    pub fn when(asked: impl Future<Output = ()> + Send + 'static) -> Self {
        let (ask, by_hand) = oneshot::channel();
        let asked = AssertUnwindSafe(asked).catch_unwind().boxed();
        let asked = select(by_hand, asked).map(drop).boxed().shared();
        Self { asked, ask: Arc::new(Mutex::new(Some(ask))) }
    }

    /// Requests the stop: steps under way are finished, and no new one starts.
    pub fn cancel(&self) {
        if let Some(ask) = self.ask.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // `self` also holds the receiver.
            let _ = ask.send(());
        }
    }

    /// Whether the stop was requested.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.asked.clone().now_or_never().is_some()
    }

    /// Completes once the stop was requested.
    pub async fn cancelled(&self) {
        self.asked.clone().await;
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.asked.peek().is_some();
        f.debug_struct("Cancel").field("asked", &asked).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll};

    #[test]
    fn a_waiter_is_woken_and_a_check_returns_true() {
        let cancel = Cancel::default();
        let other = cancel.clone();
        let (waker, woken) = flagged();
        let mut wait = Box::pin(async move { other.cancelled().await });
        assert_eq!(wait.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
        assert!(!cancel.is_cancelled(), "to look neither asks nor takes the waker away");
        cancel.cancel();
        cancel.cancel();
        assert!(woken.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(wait.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(()));
        assert!(cancel.is_cancelled());
    }

    #[test]
    fn a_future_requests_the_stop_and_so_does_one_that_panics() {
        assert!(Cancel::when(std::future::ready(())).is_cancelled());
        assert!(Cancel::when(async { panic!("on purpose") }).is_cancelled());
        let never = Cancel::when(std::future::pending());
        assert!(!never.is_cancelled());
        never.cancel();
        assert!(never.is_cancelled(), "by hand, too");
    }

    #[test]
    fn without_a_request_there_is_no_stop() {
        let cancel = Cancel::default();
        drop(cancel.clone());
        assert!(!cancel.is_cancelled());
    }

    struct Flag(Arc<std::sync::atomic::AtomicBool>);

    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    fn flagged() -> (std::task::Waker, Arc<std::sync::atomic::AtomicBool>) {
        let woken = Arc::new(std::sync::atomic::AtomicBool::new(false));
        (Arc::new(Flag(woken.clone())).into(), woken)
    }
}
