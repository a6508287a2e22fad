//! One user's lifecycle on the two AWS emulators that `scripts/emulators` starts. They are
//! third-party programs, and neither is AWS.
//!
//! Their known gaps are listed and verified in keyrot-aws's tests (`emulators/gaps.rs`). Here two
//! of them matter: moto lets any key authenticate, so only ministack shows that a retired key is
//! refused; and neither has a clock that can be set, so the waits are a few seconds. Each test uses
//! its own account.

use crate::support;
use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const REGION: &str = "us-east-1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Moto,
    Ministack,
}

#[tokio::test]
async fn on_moto() {
    story(Server::Moto).await;
}

#[tokio::test]
async fn on_ministack() {
    story(Server::Ministack).await;
}

async fn story(server: Server) {
    let Some(account) = Account::on(server).await else { return };
    let old = account.user("ci-deployer", Some(("RotateKey", "true"))).await;
    let spared = account.user("jane.doe", None).await;
    let secret = "/iam/ci-deployer/access_key";
    let only = ["--user", "ci-deployer"];

    // A plan changes nothing.
    let before = account.state().await;
    let (code, plan) = account.json(&["plan"]);
    assert_eq!(
        (code, &plan["counts"]["due"], &plan["users"][0]["reason"]),
        (Some(0), &json!(1), &json!("adopt"))
    );
    assert_eq!(account.state().await, before);

    // A request that is refused changes nothing either.
    let (code, refused) = account.json(&["rotate", "--user", "ci-deploier"]);
    assert_eq!(code, Some(2), "{refused:#}");
    assert!(
        refused["message"].as_str().unwrap().contains("did you mean ci-deployer?"),
        "{refused:#}"
    );
    let (code, dead) = account.json(&["rotate", "--endpoint-url", "http://127.0.0.1:9"]);
    assert_eq!(code, Some(1), "{dead:#}");
    assert!(dead["hint"].as_str().unwrap().contains("nothing was changed"), "{dead:#}");
    assert_eq!(account.state().await, before);

    // The first rotation is the adoption.
    let (code, document) = account.json(&["rotate"]);
    assert_eq!((code, &document["counts"]["rotated"]), (Some(0), &json!(1)), "{document:#}");
    let first = account.published(secret).await;
    assert_ne!(first.access_key_id(), old.access_key_id());
    assert_eq!(account.identity(&first).await.unwrap(), account.arn("ci-deployer"));
    assert_eq!(
        account.identity(&old).await.unwrap(),
        account.arn("ci-deployer"),
        "the old key works on"
    );
    let (_, status) = account.json(&["status"]);
    let user = support::user(&status, "ci-deployer");
    assert_eq!(
        (&user["state"], &user["current"]),
        (&json!("waiting"), &json!(first.access_key_id())),
        "{status:#}"
    );
    assert_eq!(status["skipped"]["not_tagged"], 1);
    let (code, again) =
        account.json(&[&["rotate"], &only[..], &["--overlap", "1h", "--idle", "2h"]].concat());
    assert_eq!(
        (code, &again["counts"]["rotated"], &again["counts"]["retired"]),
        (Some(0), &json!(0), &json!(0)),
        "{again:#}"
    );

    // Seconds later, the old key is retired, and deleted.
    let (retired, deleted) = account.until_settled(secret).await;
    assert_eq!((retired, deleted), (1, 1));
    assert_eq!(
        account.keys("ci-deployer").await,
        BTreeSet::from([first.access_key_id().to_owned()])
    );
    if server == Server::Ministack {
        assert!(account.identity(&old).await.is_err(), "nobody gets in with a deleted key");
    }

    // A second rotation, which is not due.
    let settled = account.state().await;
    assert_eq!(account.json(&["rotate"]).1["counts"]["rotated"], 0);
    assert_eq!(account.state().await, settled, "without --force there is nothing to do");
    let (code, forced) = account.json(&[&["rotate", "--force"], &only[..]].concat());
    assert_eq!((code, &forced["counts"]["rotated"]), (Some(0), &json!(1)), "{forced:#}");
    let second = account.published(secret).await;
    assert_ne!(second.access_key_id(), first.access_key_id());
    assert_eq!(account.until_settled(secret).await, (1, 1));
    assert_eq!(
        account.keys("ci-deployer").await,
        BTreeSet::from([second.access_key_id().to_owned()])
    );
    assert_eq!(account.identity(&second).await.unwrap(), account.arn("ci-deployer"));

    // No other user was changed, and no secret was revealed.
    assert_eq!(account.keys("jane.doe").await, BTreeSet::from([spared.access_key_id().to_owned()]));
    account.kept_its_secrets(&[&old, &spared, &first, &second]);
}

/// A separate account on a server, with an administrator.
struct Account {
    server: Server,
    url: String,
    id: String,
    admin: Credentials,
    iam: aws_sdk_iam::Client,
    secrets: aws_sdk_secretsmanager::Client,
    dir: tempfile::TempDir,
    printed: RefCell<String>,
}

macro_rules! client {
    ($sdk:ident, $url:expr, $credentials:expr) => {{
        let config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url($url)
            .credentials_provider($credentials.clone());
        $sdk::Client::from_conf(config.build())
    }};
}

impl Account {
    /// Returns `None` only if the tests run without emulators on purpose.
    async fn on(server: Server) -> Option<Self> {
        let variable = match server {
            Server::Moto => "KEYROT_TEST_MOTO",
            Server::Ministack => "KEYROT_TEST_MINISTACK",
        };
        let Ok(url) = std::env::var(variable) else {
            let skip = std::env::var("KEYROT_SKIP_EMULATORS").is_ok_and(|v| v == "1");
            assert!(
                skip,
                "{variable} is not set. Run `scripts/emulators run -- cargo nextest run`, or set KEYROT_SKIP_EMULATORS=1 to do without"
            );
            eprintln!("skipped, because KEYROT_SKIP_EMULATORS=1");
            return None;
        };
        let id = format!("{:012}", RandomState::new().hash_one(0_u8) % 1_000_000_000_000);
        let admin = match server {
            // It distinguishes accounts by the key id: twelve digits are the root user of that
            // account.
            Server::Ministack => credentials(&id, "the-secret-of-this-root", None),
            Server::Moto => assumed(&url, &id).await,
        };
        let (iam, secrets) =
            (client!(aws_sdk_iam, &url, admin), client!(aws_sdk_secretsmanager, &url, admin));
        let dir = tempfile::tempdir().unwrap();
        Some(Self { server, url, id, admin, iam, secrets, dir, printed: RefCell::default() })
    }

    fn arn(&self, user: &str) -> String {
        format!("arn:aws:iam::{}:user/team/{user}", self.id)
    }

    /// Creates a user with a key.
    async fn user(&self, name: &str, tag: Option<(&str, &str)>) -> Credentials {
        let tag = tag.map(|(key, value)| {
            aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap()
        });
        self.iam
            .create_user()
            .path("/team/")
            .user_name(name)
            .set_tags(tag.map(|t| vec![t]))
            .send()
            .await
            .unwrap();
        let key =
            self.iam.create_access_key().user_name(name).send().await.unwrap().access_key.unwrap();
        credentials(&key.access_key_id, &key.secret_access_key, None)
    }

    async fn keys(&self, user: &str) -> BTreeSet<String> {
        let answer = self.iam.list_access_keys().user_name(user).send().await.unwrap();
        answer.access_key_metadata.into_iter().map(|key| key.access_key_id.unwrap()).collect()
    }

    /// Returns everything that keyrot may change: keys with their status, secrets with their labels
    /// and tags.
    async fn state(&self) -> Vec<String> {
        let mut state = Vec::new();
        for user in ["ci-deployer", "jane.doe"] {
            let answer = self.iam.list_access_keys().user_name(user).send().await.unwrap();
            state.extend(
                answer
                    .access_key_metadata
                    .iter()
                    .map(|key| format!("{:?} {:?}", key.access_key_id, key.status)),
            );
        }
        for secret in self.secrets.list_secrets().send().await.unwrap().secret_list() {
            let found = self
                .secrets
                .describe_secret()
                .secret_id(secret.name().unwrap())
                .send()
                .await
                .unwrap();
            let mut stages: Vec<_> = found.version_ids_to_stages().into_iter().flatten().collect();
            stages.sort();
            state.push(format!("{:?} {stages:?} {:?}", found.name, found.tags));
        }
        state
    }

    /// Returns what a consumer reads.
    async fn published(&self, secret: &str) -> Credentials {
        let answer = self
            .secrets
            .get_secret_value()
            .secret_id(secret)
            .version_stage("AWSCURRENT")
            .send()
            .await
            .unwrap();
        let value: Value = serde_json::from_str(answer.secret_string().unwrap()).unwrap();
        let field = |name: &str| value[name].as_str().unwrap().to_owned();
        credentials(&field("AccessKeyId"), &field("SecretAccessKey"), None)
    }

    /// Returns the identity of a consumer.
    async fn identity(&self, key: &Credentials) -> Result<String, String> {
        let answer = client!(aws_sdk_sts, &self.url, key).get_caller_identity().send().await;
        answer.map(|a| a.arn.unwrap()).map_err(|e| format!("{e:?}"))
    }

    /// Runs with `--json`, and checks the document against the schema.
    fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command.arg("--json").args(args).current_dir(self.dir.path()).env_clear();
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", REGION)
            .env("KEYROT_REGION", REGION)
            .env("KEYROT_ACCOUNT", &self.id)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", self.admin.access_key_id());
        command.env("AWS_SECRET_ACCESS_KEY", self.admin.secret_access_key());
        command.envs(self.admin.session_token().map(|token| ("AWS_SESSION_TOKEN", token)));
        let waits = [
            ("OVERLAP", "2s"),
            ("RECENT_USE", "1s"),
            ("IDLE", "3s"),
            ("SOAK", "2s"),
            ("SETTLE", "40s"),
            ("PROBE_FOR", "10s"),
        ];
        command.envs(waits.map(|(name, value)| (format!("KEYROT_{name}"), value)));
        command.env("KEYROT_ALLOW_SHORT_WAITS", "true").env("RUST_LOG", "trace");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        self.printed.borrow_mut().extend([stdout.as_str(), stderr.as_str()]);
        let document = serde_json::from_str(&stdout)
            .unwrap_or_else(|e| panic!("{args:?}: {e}\n{stdout}\n{stderr}"));
        support::conforms(&document);
        (output.status.code(), document)
    }

    /// Runs keyrot until there is nothing left to do, with a consumer after each run. Returns how
    /// many keys were deactivated and deleted.
    async fn until_settled(&self, secret: &str) -> (u64, u64) {
        let began = Instant::now();
        let (mut retired, mut deleted) = (0, 0);
        loop {
            let (code, document) = self.json(&["rotate"]);
            assert_eq!(code, Some(0), "{document:#}");
            retired += document["counts"]["retired"].as_u64().unwrap();
            deleted += document["counts"]["deleted"].as_u64().unwrap();
            self.identity(&self.published(secret).await)
                .await
                .expect("the published key works at any time");
            if document["users"][0]["state"] == "settled" {
                return (retired, deleted);
            }
            assert!(began.elapsed() < Duration::from_secs(45), "not settled: {document:#}");
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }

    fn kept_its_secrets(&self, keys: &[&Credentials]) {
        let printed = self.printed.borrow();
        assert!(printed.contains("keyrot.rotate/2"));
        let token = self.admin.session_token();
        for secret in keys
            .iter()
            .map(|key| key.secret_access_key())
            .chain([self.admin.secret_access_key()])
            .chain(token)
        {
            assert!(
                secret.len() >= 20 && !printed.contains(secret),
                "{:?}: a secret was printed",
                self.server
            );
        }
    }
}

fn credentials(key: &str, secret: &str, token: Option<String>) -> Credentials {
    Credentials::new(key, secret, token, None, "test")
}

/// moto moves a caller that assumes a role into that role's account, whether or not the role
/// exists.
async fn assumed(url: &str, account: &str) -> Credentials {
    let sts = client!(aws_sdk_sts, url, credentials("testing", "testing", None));
    let role = format!("arn:aws:iam::{account}:role/test");
    let answer = sts.assume_role().role_arn(role).role_session_name("test").send().await.unwrap();
    let given = answer.credentials.unwrap();
    credentials(&given.access_key_id, &given.secret_access_key, Some(given.session_token))
}
