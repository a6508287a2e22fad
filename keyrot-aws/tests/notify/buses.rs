//! SNS, EventBridge, Secrets Manager and SSM, on the emulators: what arrives in a subscribed queue.

use super::server::Server;
use super::{aws, blocked, caller, channels, chosen, deleted, report};
use aws_sdk_eventbridge::types::Target;
use keyrot_aws::Aws;
use keyrot_core::{Event, Notifier};
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// An emulator, with names that no other test has.
struct Emulator {
    url: String,
    /// Ministack separates accounts by the key id.
    key_id: String,
    unique: String,
}

macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod moto {
            $(#[tokio::test] async fn $scenario() { super::run("KEYROT_TEST_MOTO", super::$scenario).await })*

            /// Its rules need a package that is not installed with it, so this test only checks
            /// that the bus accepts the events.
            #[tokio::test]
            async fn a_bus_takes_each_event() { super::run("KEYROT_TEST_MOTO", super::a_bus_takes_each_event).await }
        }
        mod ministack {
            $(#[tokio::test] async fn $scenario() { super::run("KEYROT_TEST_MINISTACK", super::$scenario).await })*

            #[tokio::test]
            async fn a_bus_gets_each_event_and_the_runs_end() {
                super::run("KEYROT_TEST_MINISTACK", super::a_bus_gets_each_event_and_the_runs_end).await
            }
        }
    };
}

on_both! {
    a_topic_gets_one_message_with_attributes_to_filter_by,
    a_fifo_topic_gets_it_too,
    urls_come_from_a_secret_and_from_a_secure_string,
    a_missing_target_is_reported,
}

async fn run<F: Future<Output = ()>>(variable: &str, scenario: impl FnOnce(Emulator) -> F) {
    let Ok(url) = std::env::var(variable) else {
        let skip = std::env::var("KEYROT_SKIP_EMULATORS").is_ok_and(|v| v == "1");
        assert!(
            skip,
            "{variable} is not set. Run `scripts/emulators run -- cargo nextest run`, or set KEYROT_SKIP_EMULATORS=1"
        );
        eprintln!("skipped, because KEYROT_SKIP_EMULATORS=1");
        return;
    };
    let number = RandomState::new().hash_one(0_u8) % 1_000_000_000_000;
    let key_id = if variable.ends_with("MOTO") {
        "AKIAIOSFODNN7EXAMPLE".to_owned()
    } else {
        format!("{number:012}")
    };
    scenario(Emulator { url, key_id, unique: format!("keyrot-{number:012}") }).await;
}

impl Emulator {
    async fn aws(&self) -> Aws {
        aws(&self.url, caller(&self.key_id)).await
    }

    async fn config(&self) -> aws_config::SdkConfig {
        let credentials =
            aws_credential_types::Credentials::new(&self.key_id, "any", None, None, "test");
        aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region("us-east-1")
            .endpoint_url(&self.url)
            .credentials_provider(credentials)
            .load()
            .await
    }

    async fn notifier(&self, spec: &str) -> Arc<dyn Notifier> {
        channels(spec, &self.aws().await).for_run(&[chosen("ci")]).remove(0)
    }

    /// Calls a service whose SDK is not needed otherwise.
    async fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let (version, body) = (if service == "sqs" { "1.0" } else { "1.1" }, body.to_string());
        let host = self.url.trim_start_matches("http://");
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/x-amz-json-{version}\r\n\
             x-amz-target: {target}\r\ncontent-length: {}\r\nx-amz-date: 20261123T020000Z\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential={}/20261123/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len(),
            self.key_id
        );
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap_or_default()
    }

    /// Returns the URL and the ARN of a new queue.
    async fn queue(&self, suffix: &str) -> (String, String) {
        // As on AWS, sending to a queue needs a policy that allows it.
        let all = json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": [all] }).to_string();
        let mut attributes = json!({ "Policy": policy });
        if !suffix.is_empty() {
            attributes["FifoQueue"] = json!("true");
        }
        let name = format!("{}{suffix}", self.unique);
        let made = self
            .call(
                "sqs",
                "AmazonSQS.CreateQueue",
                &json!({ "QueueName": name, "Attributes": attributes }),
            )
            .await;
        let url = made["QueueUrl"].as_str().unwrap().to_owned();
        let asked = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let arn = self.call("sqs", "AmazonSQS.GetQueueAttributes", &asked).await;
        (url, arn["Attributes"]["QueueArn"].as_str().unwrap().to_owned())
    }

    /// Returns the bodies of up to this many messages.
    async fn received(&self, queue: &str, count: usize) -> Vec<Value> {
        let mut bodies = Vec::new();
        for _ in 0..20 {
            let asked =
                json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1 });
            let answer = self.call("sqs", "AmazonSQS.ReceiveMessage", &asked).await;
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            for message in messages {
                bodies.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
                let done = json!({ "QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"] });
                self.call("sqs", "AmazonSQS.DeleteMessage", &done).await;
            }
            if bodies.len() >= count {
                break;
            }
        }
        bodies
    }

    /// Returns a topic, and a queue that is subscribed to it.
    async fn topic(&self, suffix: &str) -> (String, String) {
        let sns = aws_sdk_sns::Client::new(&self.config().await);
        let mut make = sns.create_topic().name(format!("{}{suffix}", self.unique));
        if !suffix.is_empty() {
            make = make.attributes("FifoTopic", "true");
        }
        let topic = make.send().await.unwrap().topic_arn.unwrap();
        let (queue, arn) = self.queue(suffix).await;
        sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(arn).send().await.unwrap();
        (topic, queue)
    }
}

async fn a_topic_gets_one_message_with_attributes_to_filter_by(emulator: Emulator) {
    let (topic, queue) = emulator.topic("").await;
    let sns = emulator.notifier(&format!("sns {topic}")).await;
    sns.happened(&[blocked("ci")]).await.unwrap();
    sns.finished(&report()).await.unwrap();
    let received = emulator.received(&queue, 1).await;
    assert_eq!(received.len(), 1, "{received:#?}");
    let message = &received[0];
    assert_eq!(message["Subject"], "keyrot (111122223333): 1 user blocked, manual action needed");
    let text = message["Message"].as_str().unwrap();
    assert!(
        text.contains("* ci (blocked, owner team-ci)")
            && text.contains("To do: if AKIAIOSFODNN7EXAMPLE is yours"),
        "{text}"
    );
    assert_eq!(
        message["MessageAttributes"]["severity"],
        json!({ "Type": "String", "Value": "error" })
    );
    assert_eq!(message["MessageAttributes"]["result"]["Value"], "blocked");
}

async fn a_fifo_topic_gets_it_too(emulator: Emulator) {
    let (topic, queue) = emulator.topic(".fifo").await;
    emulator.notifier(&format!("sns {topic}")).await.finished(&report()).await.unwrap();
    assert_eq!(emulator.received(&queue, 1).await.len(), 1);
}

async fn a_bus_takes_each_event(emulator: Emulator) {
    let notifier = emulator.notifier("eventbridge default").await;
    let happened: Vec<Event> = (0..22).map(|i| deleted("ci", i)).collect();
    notifier.happened(&happened).await.unwrap();
    notifier.finished(&report()).await.unwrap();
    let missing = emulator.notifier(&format!("eventbridge {}", emulator.unique)).await;
    let why = missing.happened(&happened).await.unwrap_err().message;
    assert!(
        why.starts_with(&format!(
            "22 events were not taken by the bus {}: events:PutEvents",
            emulator.unique
        )),
        "{why}"
    );
}

async fn a_bus_gets_each_event_and_the_runs_end(emulator: Emulator) {
    let events = aws_sdk_eventbridge::Client::new(&emulator.config().await);
    let (queue, arn) = emulator.queue("").await;
    let (bus, rule) = (&emulator.unique, &emulator.unique);
    events.create_event_bus().name(bus).send().await.unwrap();
    let pattern = json!({ "source": ["keyrot"] }).to_string();
    events.put_rule().name(rule).event_bus_name(bus).event_pattern(pattern).send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    events.put_targets().rule(rule).event_bus_name(bus).targets(target).send().await.unwrap();

    let notifier = emulator.notifier(&format!("eventbridge {bus}")).await;
    // More than fits into one request.
    let mut happened: Vec<Event> = (0..22).map(|i| deleted("ci", i)).collect();
    happened.push(blocked("ci"));
    notifier.happened(&happened).await.unwrap();
    notifier.finished(&report()).await.unwrap();

    let received = emulator.received(&queue, 24).await;
    assert_eq!(received.len(), 24);
    let of = |kind: &str| received.iter().filter(|e| e["detail-type"] == kind).collect::<Vec<_>>();
    assert_eq!(of("deleted").len(), 22);
    assert!(
        received
            .iter()
            .all(|event| event["source"] == "keyrot"
                && event["detail"]["schema"] == "keyrot.events/2")
    );
    let blocked = of("blocked")[0];
    assert_eq!(blocked["resources"], json!(["arn:aws:iam::111122223333:user/apps/ci"]));
    assert_eq!(
        (&blocked["detail"]["user"], &blocked["detail"]["severity"]),
        (&json!("ci"), &json!("error"))
    );
    assert_eq!(of("run_finished")[0]["detail"]["counts"]["blocked"], 1);
}

async fn urls_come_from_a_secret_and_from_a_secure_string(emulator: Emulator) {
    let server = Server::start([]).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&emulator.config().await);
    let name = format!("{}/slack", emulator.unique);
    let made = secrets
        .create_secret()
        .name(&name)
        .secret_string(format!("{}/of-secret", server.url))
        .send()
        .await
        .unwrap();
    let parameter = format!("/{}/hook", emulator.unique);
    let value = json!({ "url": format!("{}/of-ssm", server.url) }).to_string();
    let put = json!({ "Name": parameter, "Value": value, "Type": "SecureString" });
    emulator.call("ssm", "AmazonSSM.PutParameter", &put).await;

    for source in [
        format!("secret:{name}"),
        format!("secret:{}", made.arn.unwrap()),
        format!("ssm:{parameter}#url"),
    ] {
        emulator.notifier(&format!("slack {source}")).await.finished(&report()).await.unwrap();
    }
    let paths: Vec<_> = server.posts().into_iter().map(|post| post.path).collect();
    assert_eq!(paths, ["/of-secret", "/of-secret", "/of-ssm"]);
}

async fn a_missing_target_is_reported(emulator: Emulator) {
    for (spec, expected) in [
        (
            "slack secret:keyrot-missing",
            "secretsmanager:GetSecretValue for the secret keyrot-missing failed: ResourceNotFound",
        ),
        (
            "slack ssm:/keyrot/missing",
            "ssm:GetParameter for /keyrot/missing failed: ParameterNotFound",
        ),
        (
            "sns arn:aws:sns:us-east-1:111122223333:keyrot-missing",
            "sns:Publish for the topic arn:aws:sns:us-east-1:",
        ),
    ] {
        let why = emulator.notifier(spec).await.finished(&report()).await.unwrap_err().message;
        assert!(why.contains(expected), "{why}");
    }
}
