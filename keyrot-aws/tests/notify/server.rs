//! An HTTP server that answers as the test says, and stores what it was sent. It also acts as
//! Secrets Manager, with one secret for each name.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Status, other headers, body.
    Http(u16, &'static str, String),
    /// It reads the request and does not answer.
    Hang,
    /// It reads the request and closes the connection.
    Close,
    /// It answers with something that is not HTTP.
    Garbage,
}

pub(crate) fn ok() -> Answer {
    Answer::Http(200, "", "ok".into())
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Answer>,
    requests: Vec<Request>,
    secrets: BTreeMap<String, String>,
    secrets_read: usize,
}

impl Server {
    /// Gives these answers to posts in order, and then `ok`.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State { answers: answers.into_iter().collect(), ..State::default() };
        let server = Self { url, state: Arc::new(Mutex::new(state)) };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.connection(stream).await });
            }
        });
        server
    }

    pub(crate) fn secret(&self, name: &str, text: &str) {
        self.state.lock().unwrap().secrets.insert(name.to_owned(), text.to_owned());
    }

    pub(crate) fn posts(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn secrets_read(&self) -> usize {
        self.state.lock().unwrap().secrets_read
    }

    async fn connection(&self, mut stream: TcpStream) {
        while let Some(request) = read(&mut stream).await {
            let answer = if request.headers.contains_key("x-amz-target") {
                self.aws(&request)
            } else {
                self.post(request)
            };
            let text = match answer {
                Answer::Http(status, headers, body) => {
                    let length = body.len();
                    format!(
                        "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
                    )
                }
                Answer::Garbage => "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
                Answer::Hang => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    return;
                }
                Answer::Close => return,
            };
            if stream.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn post(&self, request: Request) -> Answer {
        let mut state = self.state.lock().unwrap();
        state.requests.push(request);
        state.answers.pop_front().unwrap_or_else(ok)
    }

    /// `GetSecretValue` and `GetParameter`.
    fn aws(&self, request: &Request) -> Answer {
        let mut state = self.state.lock().unwrap();
        state.secrets_read += 1;
        let asked: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        let of_ssm = request.headers["x-amz-target"] == "AmazonSSM.GetParameter";
        let name = asked[if of_ssm { "Name" } else { "SecretId" }].as_str().unwrap();
        let (missing, found) = match state.secrets.get(name) {
            Some(text) if of_ssm => {
                assert_eq!(asked["WithDecryption"], true);
                assert!(request.headers["authorization"].contains("/us-east-1/ssm/aws4_request"));
                (String::new(), Some(serde_json::json!({ "Parameter": { "Name": name, "Value": text } })))
            }
            Some(text) => {
                assert_eq!(asked["VersionStage"], "AWSCURRENT");
                (String::new(), Some(serde_json::json!({ "Name": name, "SecretString": text })))
            }
            None if of_ssm => (r#"{"__type":"ParameterNotFound"}"#.into(), None),
            None => {
                (r#"{"__type":"ResourceNotFoundException","message":"Secrets Manager can't find it."}"#.into(), None)
            }
        };
        found.map_or(Answer::Http(400, "", missing), |found| {
            Answer::Http(200, "", found.to_string())
        })
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n.to_lowercase(), v.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |l| l.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
    Some(Request { path, headers, body, at: Instant::now() })
}
