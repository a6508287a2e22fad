//! Says on a terminal that a call to AWS takes long. A run that shows nothing for many seconds looks
//! as if it hangs.

use crate::terminal::progress::is_bar_shown;
use crate::terminal::stdio::remark;
use crate::terminal::style::{self, paint};
use async_trait::async_trait;
use futures_util::future::{BoxFuture, Either, select};
use keyrot_core::CallError;
use keyrot_core::ports::{Around, PortCall};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a call may take before keyrot says that it waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether it was said. Once is enough: the calls that follow are as slow.
static SAID: AtomicBool = AtomicBool::new(false);

/// Says once that keyrot waits for this service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(pub(crate) &'static str);

#[async_trait]
impl Around for Patience {
    async fn around<T: Send>(
        &self,
        _: PortCall<'_>,
        work: BoxFuture<'_, Result<T, CallError>>,
    ) -> Result<T, CallError> {
        if SAID.load(Ordering::Relaxed) {
            return work.await;
        }
        match select(work, Box::pin(tokio::time::sleep(PATIENCE))).await {
            Either::Left((result, _)) => result,
            Either::Right(((), work)) => {
                self.say();
                work.await
            }
        }
    }
}

impl Patience {
    fn say(self) {
        let shown = std::io::stderr().is_terminal() && !is_bar_shown();
        if shown && !SAID.swap(true, Ordering::Relaxed) {
            remark(&paint(style::DIM, format!("waiting for AWS ({})…", self.0)));
        }
    }
}
