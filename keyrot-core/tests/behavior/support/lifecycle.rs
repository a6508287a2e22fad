//! One user from adoption to the end of the second rotation, with consumers that must never fail.

use super::{DAY, HOUR, MINUTE};
use futures_util::FutureExt;
use keyrot_core::memory::{FaultAt, Label, MemoryAccount, Rules, Value, World};
use keyrot_core::model::{Owner, ProbeAnswer, Subject, VersionId};
use keyrot_core::{
    Blocked, Cancel, Credentials, KeyStatus, Limits, Mode, Outcome, Ports, Report, Rotator,
    SecretName, Target, Timestamp, UserName, UserResult, WaitPolicy, Waits,
};
use std::time::Duration;

/// What keyrot finds when it first works on the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// No key, no secret.
    NoKey,
    /// One key in the consumers' environment, no secret.
    OneKey,
    /// The same, and a secret without any version.
    EmptySecret,
    /// One key, in a secret that another program wrote, next to another field.
    ForeignSecret,
}

impl Start {
    pub(crate) const ALL: [Self; 4] =
        [Self::NoKey, Self::OneKey, Self::EmptySecret, Self::ForeignSecret];
}

pub(crate) struct Life {
    pub(crate) account: MemoryAccount,
    pub(crate) user: UserName,
    pub(crate) secret: SecretName,
    pub(crate) policy: WaitPolicy,
    /// The consumers' credentials, and since when they have them.
    cached: Option<(Credentials, Timestamp)>,
}

/// Consumers read the secret again this long after they last did: within half of the overlap.
const CACHE: Duration = Duration::from_secs(3 * 86_400);

impl Life {
    pub(crate) fn new(start: Start, rules: Rules) -> Self {
        let mut world = World::new("2026-01-05T04:00:00.250Z".parse().unwrap());
        let user = world.add_user("team/ci", &[("RotateKey", "True")]).unwrap();
        let secret: SecretName = "/iam/ci/access_key".parse().unwrap();
        let first = (start != Start::NoKey).then(|| world.add_key(&user).unwrap().credentials);
        if let Some(first) = &first {
            world.authenticate(first, "s3", "eu-west-1");
        }
        match start {
            Start::NoKey | Start::OneKey => {}
            Start::EmptySecret => {
                world.create_secret(&secret, None).unwrap();
                bind(&mut world, &secret);
            }
            Start::ForeignSecret => {
                let theirs = Value::text(r#"{"Region":"eu-west-1"}"#);
                let value = Value::credentials(first.as_ref().unwrap(), Some(&theirs));
                let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
                world.create_secret(&secret, Some((version, value))).unwrap();
            }
        }
        world.advance(DAY);
        world.rules = rules;
        let cached = first.map(|first| (first, world.now()));
        let policy = WaitPolicy::new(Waits::default(), false).unwrap();
        let account = MemoryAccount::new(world);
        account.watch(&user, &secret, &policy);
        Self { account, user, secret, policy, cached }
    }

    /// Returns an account with the usual lags, in which calls take time.
    pub(crate) fn usual_rules() -> Rules {
        let ms = Duration::from_millis;
        Rules {
            listing_lag: ms(15_000),
            propagation: ms(7_000),
            use_lag: 2 * HOUR,
            call_time: ms(130),
            ..Rules::default()
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        let users = self.account.world().list_users("/");
        let user = users.iter().find(|listed| *listed.arn.name() == self.user).unwrap();
        Subject::of(user, self.secret.clone(), "us-east-1")
    }

    pub(crate) fn chosen(&self) -> Target {
        Target { subject: self.subject(), policy: Ok(self.policy) }
    }

    pub(crate) async fn report(&self, ports: &Ports) -> Report {
        let rotator = Rotator::new(ports.clone());
        rotator
            .run(vec![self.chosen()], Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await
    }

    /// Makes one run; `None` if it died.
    pub(crate) fn run(&self, ports: &Ports) -> Option<UserResult> {
        let mut report = self.report(ports).now_or_never()?;
        Some(report.users.remove(0))
    }

    pub(crate) fn run_plain(&self) -> UserResult {
        self.run(&Ports::of(self.account.clone())).expect("no death was injected")
    }

    pub(crate) fn fault(self, fault: FaultAt) -> Self {
        self.account.inject(fault);
        self
    }

    /// Lets the consumers use what they have, and what the secret holds. Both must be accepted.
    pub(crate) fn consume(&mut self) -> Result<(), String> {
        let world = self.account.world();
        let secret = world.secret(&self.secret);
        let current = secret.and_then(|s| s.value(s.labelled(Label::Current)?)?.read());
        let stale = self
            .cached
            .as_ref()
            .is_none_or(|(_, since)| keyrot_core::model::after(*since, CACHE) <= world.now());
        if let Some(current) = current.clone().filter(|_| stale) {
            self.cached = Some((current, world.now()));
        }
        let cached = self.cached.as_ref().map(|(cached, _)| cached.clone());
        for credentials in cached.into_iter().chain(current) {
            let answer = self.account.change(|w| w.authenticate(&credentials, "s3", "eu-west-1"));
            if !matches!(answer, ProbeAnswer::Authenticated(_)) {
                return Err(format!("a consumer with {} got {answer:?}", credentials.key));
            }
        }
        Ok(())
    }

    /// Makes runs until the user is settled: each at the time that the last run named, or after a
    /// failure `retry` later, plus a minute for each later failure. Returns how many runs it took.
    pub(crate) fn settle(
        &mut self,
        ports: &Ports,
        retry: Duration,
        most: usize,
    ) -> Result<usize, String> {
        let mut last = None;
        let mut failed = 0;
        for n in 0..most {
            self.consume()?;
            let standing = self.run(ports);
            if let Some(broken) = self.account.broken().first() {
                return Err(broken.to_string());
            }
            self.consume()?;
            let pause = match standing.as_ref().map(|s| &s.outcome) {
                Some(Outcome::Settled { .. }) => match self.untidy() {
                    None => return Ok(n + 1),
                    // The listing lagged. The next scheduled run comes before the key is due.
                    Some(_) if n + 1 < most => HOUR,
                    Some(untidy) => return Err(untidy),
                },
                Some(Outcome::Waiting(wait)) => self.until(wait.until),
                // The block after a refused write clears itself.
                None
                | Some(
                    Outcome::Failed(_)
                    | Outcome::Stopped(_)
                    | Outcome::Blocked(Blocked::StagingRefused { .. }),
                ) => {
                    failed += 1;
                    retry + (failed - 1) * MINUTE
                }
                Some(_) => return Err(format!("cannot go on: {standing:#?}")),
            };
            self.account.advance(pause);
            last = standing;
        }
        Err(format!("not settled after {most} runs: {last:#?}"))
    }

    /// Lets the time pass until the current key is due.
    pub(crate) fn until_due(&self) {
        let world = self.account.world();
        let newest =
            world.user(&self.user).unwrap().keys().iter().map(|k| k.listed.created).max().unwrap();
        self.account.advance(self.until(Some(self.policy.due(newest))));
    }

    fn until(&self, until: Option<Timestamp>) -> Duration {
        let now = self.account.world().now();
        until.and_then(|until| (until - now).to_std().ok()).unwrap_or(HOUR)
    }

    /// Returns what is wrong for a settled user.
    pub(crate) fn untidy(&self) -> Option<String> {
        let world = self.account.world();
        let Some(secret) = world.secret(&self.secret) else {
            return Some("there is no secret".into());
        };
        let Some(current) = secret.labelled(Label::Current) else {
            return Some("nothing is current".into());
        };
        let key = secret.value(current).and_then(Value::read);
        let keys = world.user(&self.user).unwrap().keys();
        let old = keys.first().is_some_and(|k| self.policy.due(k.listed.created) <= world.now());
        let pending = secret.labelled(Label::Pending).filter(|v| *v != current);
        match keys {
            [only] if key.as_ref().is_some_and(|c| c.key == only.listed.id) => {
                let active = only.listed.status == KeyStatus::Active;
                (!active || old || pending.is_some())
                    .then(|| format!("{:?}, too old: {old}, pending: {pending:?}", only.listed))
            }
            keys => Some(format!("current {key:?}, but the user has {keys:?}")),
        }
    }
}

/// Tags the secret with the account's first user.
pub(crate) fn bind(world: &mut World, secret: &SecretName) {
    let owner = Subject::of(&world.list_users("/")[0], secret.clone(), "us-east-1").owner();
    world.tag_secret(secret, Owner::TAG, owner.to_text()).unwrap();
}
