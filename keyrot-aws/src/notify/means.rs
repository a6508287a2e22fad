//! The clients with which notifiers send.

use crate::notify::eventbridge::Bus;
use crate::notify::hook::Hook;
use crate::notify::secret_ref::Hidden;
use crate::notify::sns::Topic;
use std::sync::Arc;

/// What a notifier needs to send. All runs of the process share it.
#[derive(Clone)]
pub(crate) enum Means {
    Slack(Arc<Hook>),
    Teams(Arc<Hook>),
    Webhook { hook: Arc<Hook>, key: Arc<Hidden> },
    Sns(Arc<Topic>),
    EventBridge(Arc<Bus>),
}
