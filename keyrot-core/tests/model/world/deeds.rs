//! Actions of others: a person, a consumer, and another program that makes arbitrary writes.

use super::{State, current, secret, user};
use keyrot_core::memory::{Actor, Label, Value, World};
use keyrot_core::model::{DestinationName, JournalEntry, VersionId};
use keyrot_core::{KeyId, KeyStatus};
use std::sync::Arc;

/// An action of a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    CreateKey,
    Deactivate(KeyId),
    Reactivate(KeyId),
    Delete(KeyId),
    /// Puts a key's credentials into the secret by hand.
    PutKey(KeyId),
    /// Puts a key's credentials into the secret, with a typo in the secret half.
    PutWrong(KeyId),
    PutJunk,
    /// Moves AWSCURRENT to another version.
    MoveCurrent(VersionId),
    /// Writes this key, or something that is not a key, to a destination.
    Overwrite(DestinationName, Option<KeyId>),
    /// Removes the content of a destination.
    Empty(DestinationName),
}

/// The place of the user's key in every destination.
const PLACE: &str = "ci";

/// A write by another program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Forgery {
    /// An entry in the journal.
    Entry(JournalEntry),
    /// A version with this id that holds no credentials, with this label or none.
    Version { id: VersionId, label: Option<Label> },
}

impl State {
    /// Carries out an action of someone other than a rotator.
    pub(crate) fn outside(&mut self, deed: impl FnOnce(&mut World)) {
        let before = self.world.clone();
        deed(&mut self.world);
        if current(&before) != current(&self.world) {
            self.left.extend(current(&before));
        }
        // A person's change counts as listed immediately, because no one can see what IAM does not
        // list yet.
        self.world.forget_stale_listing(&user());
        let _ = Arc::make_mut(&mut self.watch).step(&before, &self.world, Actor::Person);
        self.rotators
            .iter_mut()
            .flatten()
            .map(Arc::make_mut)
            .for_each(|r| (r.overtaken, r.disturbed) = (true, r.revokes()));
    }

    pub(crate) fn person(&mut self, deed: &Deed) {
        match deed {
            Deed::Overwrite(..) | Deed::Empty(_) => self.overwrites -= 1,
            _ => self.person -= 1,
        }
        self.interfered = true;
        self.outside(|world| {
            let user = user();
            // AWS may refuse a person's action.
            match deed {
                Deed::CreateKey => drop(world.add_key(&user)),
                Deed::Deactivate(key) => {
                    drop(world.set_key_status(&user, key, KeyStatus::Inactive));
                }
                Deed::Reactivate(key) => drop(world.set_key_status(&user, key, KeyStatus::Active)),
                Deed::Delete(key) => drop(world.delete_key(&user, key)),
                Deed::PutKey(key) => {
                    put(world, Value::credentials(&World::credentials_of(key), None));
                }
                Deed::PutWrong(key) => {
                    put(
                        world,
                        Value::text(format!(
                            r#"{{"AccessKeyId":"{key}","SecretAccessKey":"slip"}}"#
                        )),
                    );
                }
                Deed::PutJunk => put(world, Value::text("{}")),
                Deed::Overwrite(name, key) => world.overwrite(name, PLACE, key.as_ref()),
                Deed::Empty(name) => world.empty(name, PLACE),
                Deed::MoveCurrent(version) => {
                    let from = current(world);
                    drop(world.move_label(&secret(), Label::Current, from.as_ref(), Some(version)));
                }
            }
        });
    }

    /// Writes to the journal as another program. Other effects of that are not checked here.
    pub(crate) fn forge(&mut self, forgery: &Forgery) {
        self.forges -= 1;
        self.interfered = true;
        if let Forgery::Entry(JournalEntry::Revoked(all)) = forgery {
            // A run cannot know what was removed from the entry, unless the run itself had that
            // request.
            let keys: Vec<KeyId> = self
                .world
                .user(&user())
                .into_iter()
                .flat_map(|u| u.keys())
                .map(|k| k.listed.id.clone())
                .collect();
            let gone = keys.iter().filter(|key| !all.iter().any(|noted| noted.key == **key));
            gone.for_each(|key| Arc::make_mut(&mut self.watch).forgotten(key));
        }
        let before = self.world.clone();
        // No promise applies to a revocation that no person requested.
        let unasked = match forgery {
            Forgery::Entry(JournalEntry::Revoked(all)) => all
                .iter()
                .map(|noted| noted.key.clone())
                .filter(|key| !self.watch.is_revoked(key))
                .collect(),
            _ => Vec::new(),
        };
        match forgery {
            Forgery::Entry(note) => {
                drop(self.world.tag_secret(&secret(), &note.tag(), note.to_text()));
            }
            Forgery::Version { id, label } => {
                let found = self.world.secret(&secret());
                let pending = found.and_then(|found| found.labelled(Label::Pending)).cloned();
                // Without a label, PutSecretValue moves AWSCURRENT to the new version.
                let labels =
                    if *label == Some(Label::Current) { &[][..] } else { &[Label::Pending] };
                let put = self.world.put_secret_value(&secret(), id, Value::text("{}"), labels);
                if put.is_ok() && label.is_none() {
                    drop(self.world.move_label(
                        &secret(),
                        Label::Pending,
                        Some(id),
                        pending.as_ref(),
                    ));
                }
            }
        }
        let _ = Arc::make_mut(&mut self.watch).step(&before, &self.world, Actor::Person);
        unasked.iter().for_each(|key| Arc::make_mut(&mut self.watch).forgotten(key));
    }

    pub(crate) fn consume(&mut self, key: &KeyId) {
        self.uses -= 1;
        self.outside(|world| {
            drop(world.authenticate(&World::credentials_of(key), "s3", "eu-west-1"));
        });
    }
}

fn put(world: &mut World, value: Value) {
    let n = world.secret(&secret()).map_or(0, |s| s.versions().count());
    let version = VersionId::parse(format!("00000000-0000-0000-0000-{n:012}")).unwrap();
    drop(world.put_secret_value(&secret(), &version, value, &[]));
}
