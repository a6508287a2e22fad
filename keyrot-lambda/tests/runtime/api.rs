//! Lambda's Runtime API on 127.0.0.1, for one process at a time (Lambda developer guide, "Using the
//! Lambda runtime API").

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// The function's answer to one event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Response(Value),
    /// `errorType` and `errorMessage`.
    Error(String, String),
}

impl Answer {
    pub(crate) fn response(self) -> Value {
        match self {
            Self::Response(value) => value,
            Self::Error(kind, message) => panic!("{kind}: {message}"),
        }
    }

    pub(crate) fn error(self) -> (String, String) {
        match self {
            Self::Error(kind, message) => (kind, message),
            Self::Response(value) => panic!("an error is expected, not {value:#}"),
        }
    }
}

/// The API, and the events that it passes to the function.
pub(crate) struct RuntimeApi {
    pub(crate) address: String,
    events: Option<Sender<(Value, Duration)>>,
    answers: Receiver<Answer>,
    polls: Receiver<Instant>,
    thread: Option<JoinHandle<()>>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, queue) = channel();
        let (sender, answers) = channel();
        let (polled, polls) = channel();
        let thread = std::thread::spawn(move || serve(&listener, &queue, &sender, &polled));
        Self { address, events: Some(events), answers, polls, thread: Some(thread) }
    }

    /// Passes the event to the function, with this time limit. Read the result with
    /// [`RuntimeApi::answer`].
    pub(crate) fn send(&self, event: Value, time: Duration) {
        self.events.as_ref().unwrap().send((event, time)).unwrap();
    }

    pub(crate) fn answer(&self) -> Answer {
        self.answer_within(Duration::from_secs(60)).expect("no answer within a minute")
    }

    pub(crate) fn answer_within(&self, time: Duration) -> Result<Answer, RecvTimeoutError> {
        self.answers.recv_timeout(time)
    }

    /// Returns when the function asked for an event: the first time, then the second, and so on.
    pub(crate) fn polled(&self, time: Duration) -> Result<Instant, RecvTimeoutError> {
        self.polls.recv_timeout(time)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        // Without events, the next request ends the thread. This request does that if the function
        // is gone.
        drop(self.events.take());
        drop(TcpStream::connect(&self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Request {
    line: String,
    body: Vec<u8>,
}

fn serve(
    listener: &TcpListener,
    events: &Receiver<(Value, Duration)>,
    answers: &Sender<Answer>,
    polled: &Sender<Instant>,
) {
    let mut number = 0;
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        while let Some(request) = read(&stream) {
            let json = || serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            if request.line.starts_with("GET ") && request.line.contains("/invocation/next") {
                let _ = polled.send(Instant::now());
                let Ok((event, time)) = events.recv() else { return };
                number += 1;
                let end = (SystemTime::now() + time)
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap()
                    .as_millis();
                let headers = format!(
                    "Lambda-Runtime-Aws-Request-Id: request-{number}\r\nLambda-Runtime-Deadline-Ms: {end}\r\n\
                     Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:keyrot\r\n"
                );
                reply(&mut stream, "200 OK", &headers, &event.to_string());
            } else {
                if request.line.contains("/response ") {
                    let _ = answers.send(Answer::Response(json()));
                } else if request.line.contains("/error ") {
                    let error = json();
                    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
                    let _ = answers.send(Answer::Error(text("errorType"), text("errorMessage")));
                }
                reply(&mut stream, "202 Accepted", "", "{\"status\":\"OK\"}");
            }
        }
        // The connection has ended: with the function's process, or by `drop`.
        if matches!(events.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected)) {
            return;
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        chunked |= header == "transfer-encoding: chunked";
        length =
            header.strip_prefix("content-length: ").and_then(|n| n.parse().ok()).unwrap_or(length);
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut piece = vec![0; size + 2];
            reader.read_exact(&mut piece).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&piece[..size]);
        }
    } else {
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Request { line, body })
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}
