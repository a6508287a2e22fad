//! Destinations of a sandbox: those of the settings, simulated in the sandbox's own account.

use async_trait::async_trait;
use futures_util::FutureExt;
use keyrot_core::CallError;
use keyrot_core::memory::{MemoryAccount, MemoryDestination};
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found};
use keyrot_core::ports::{Around, Destination, PortCall};

/// A destination of the settings. It is added to the account when it is first read.
pub(super) struct SandboxDestination<A> {
    /// Makes each call on the account in the file.
    pub(super) around: A,
    pub(super) account: MemoryAccount,
    pub(super) name: DestinationName,
    pub(super) abilities: Abilities,
}

impl<A: Around> SandboxDestination<A> {
    async fn inspect_there(&self, place: &str) -> Result<Found, CallError> {
        self.account.change(|world| {
            if world.destination(&self.name).is_none() {
                let destination = MemoryDestination::new(self.abilities);
                world.add_destination(self.name.clone(), destination);
            }
        });
        self.account.destination(&self.name, self.abilities).inspect(place).await
    }
}

#[async_trait]
impl<A: Around + Send + Sync> Destination for SandboxDestination<A> {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let call = PortCall { name: "inspect_destination", of: place };
        self.around.around(call, self.inspect_there(place).boxed()).await
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let call = PortCall { name: "deliver", of: place };
        let port = self.account.destination(&self.name, self.abilities);
        self.around.around(call, async move { port.deliver(place, delivery).await }.boxed()).await
    }
}
