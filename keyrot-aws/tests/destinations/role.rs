//! Destinations in another account, with a role in that account.

use super::destination;
use super::rules::{SESAME, delivery, keeps_the_rules, silent};
use super::server::{Answer, Fault, Request, Server, Service};
use keyrot_core::Effect;

const ROLE: &str = "arn:aws:iam::210987654321:role/keyrot-deliveries";
const PLACE: &str = "/ci/ci/aws";

/// STS's `AssumeRole`, as in its API reference.
struct Sts {
    /// The lifetime of the sessions.
    lasts: chrono::TimeDelta,
    /// The external id that the role's trust policy requires.
    external_id: Option<&'static str>,
    assumed: usize,
}

impl Sts {
    fn with(external_id: Option<&'static str>, minutes: i64) -> Self {
        Self { lasts: chrono::TimeDelta::minutes(minutes), external_id, assumed: 0 }
    }
}

impl Service for Sts {
    fn answer(&mut self, request: &Request) -> Answer {
        let form = request.body.replace("%3A", ":").replace("%2F", "/");
        let field = |name: &str| {
            let mut fields = form.split('&').filter_map(|pair| pair.split_once('='));
            fields.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
        };
        assert_eq!(field("Action").as_deref(), Some("AssumeRole"), "{form}");
        assert_eq!(field("RoleSessionName").as_deref(), Some("keyrot"));
        assert!(request.headers["authorization"].contains("AKIAIOSFODNN7EXAMPLE/"));
        if field("RoleArn").as_deref() != Some(ROLE)
            || field("ExternalId").as_deref() != self.external_id
        {
            let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                           <Message>User is not authorized to perform: sts:AssumeRole</Message></Error>\
                           <RequestId>1</RequestId></ErrorResponse>";
            return Answer(403, "content-type: text/xml\r\n".to_owned(), refusal.to_owned());
        }
        self.assumed += 1;
        let end = chrono::Utc::now() + self.lasts;
        let end = end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let n = self.assumed;
        let body = format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
             <AssumedRoleUser><AssumedRoleId>AROA:keyrot</AssumedRoleId><Arn>arn:aws:sts::210987654321:assumed-role/keyrot-deliveries/keyrot</Arn></AssumedRoleUser>\
             <Credentials><AccessKeyId>ASIASESSION{n:0>9}</AccessKeyId><SecretAccessKey>{SESAME}</SecretAccessKey>\
             <SessionToken>token-{n}</SessionToken><Expiration>{end}</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
        );
        Answer(200, "content-type: text/xml\r\n".to_owned(), body)
    }
}

fn with_role(more: &str) -> String {
    format!("role_arn = '{ROLE}'\n{more}")
}

/// Returns the sessions that signed calls to this service.
fn sessions(server: &Server<Sts>, target: &str) -> Vec<(String, Option<String>)> {
    let inner = server.lock();
    let calls = inner.requests.iter().filter(|request| {
        request.headers.get("x-amz-target").is_some_and(|found| found.starts_with(target))
    });
    let signed = calls.map(|request| {
        let headers = &request.headers;
        let key = headers["authorization"].split(['=', '/']).nth(1).unwrap();
        (key.to_owned(), headers.get("x-amz-security-token").cloned())
    });
    signed.collect()
}

#[tokio::test]
async fn a_parameter_in_another_account_is_written_with_the_role() {
    let server = Server::start(Sts::with(None, 60)).await;
    let to = destination("ssm", PLACE, &with_role(""), &server.url).await;
    let foreign = server.clone();
    let theirs = || foreign.lock().parameters.put(PLACE, "SecureString", "theirs");
    keeps_the_rules(&*to, PLACE, theirs).await;
    let all = sessions(&server, "AmazonSSM");
    let session = ("ASIASESSION000000001".to_owned(), Some("token-1".to_owned()));
    assert!(all.len() > 10 && all.iter().all(|one| *one == session), "{all:?}");
    assert_eq!(server.lock().service.assumed, 1, "a session is kept while it lasts");
}

#[tokio::test]
async fn a_session_is_replaced_before_it_ends() {
    let server = Server::start(Sts::with(Some("shop-42"), 4)).await;
    let more = with_role("external_id = 'shop-42'");
    let to = destination("ssm", PLACE, &more, &server.url).await;
    to.inspect(PLACE).await.unwrap();
    to.inspect(PLACE).await.unwrap();
    let keys: Vec<String> =
        sessions(&server, "AmazonSSM").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["ASIASESSION000000001", "ASIASESSION000000002"]);
}

#[tokio::test]
async fn a_secret_in_another_account_is_read_and_written_with_the_role() {
    let server = Server::start(Sts::with(None, 60)).await;
    let to = destination("secrets_manager", PLACE, &with_role("region = 'eu-west-1'"), &server.url)
        .await;
    let nothing = r#"{"__type":"ResourceNotFoundException","message":"none"}"#;
    server.fail("secretsmanager.", Fault::Instead(400, "", nothing));
    server.fail("secretsmanager.", Fault::Instead(400, "", nothing));
    to.inspect(PLACE).await.unwrap();
    let all = sessions(&server, "secretsmanager");
    assert!(!all.is_empty() && all.iter().all(|(key, _)| key == "ASIASESSION000000001"), "{all:?}");
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_named_and_nothing_is_written() {
    for kind in ["ssm", "secrets_manager"] {
        let server = Server::start(Sts::with(Some("another"), 60)).await;
        let to = destination(kind, PLACE, &with_role("region = 'eu-west-1'"), &server.url).await;
        let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
        assert_eq!(error.effect, Effect::None, "{error}");
        let said = silent(&error);
        for part in [ROLE, "AccessDenied", "trust policy"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(sessions(&server, "").is_empty(), "nothing was asked of the other account");
    }
}
