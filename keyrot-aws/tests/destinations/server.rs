//! An HTTP server that acts as a service: it stores what it receives, and injects faults for a
//! test. It also acts as SSM's Parameter Store.

use super::parameters::Store;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Status, other header lines, body.
pub(crate) struct Answer(pub(crate) u16, pub(crate) String, pub(crate) String);

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path, without the query after `?`.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A fault in one request.
pub(crate) enum Fault {
    /// The request is carried out, and the connection closes without an answer.
    LostReply,
    /// The request is not carried out, and the connection closes.
    Dropped,
    /// The request is not carried out. The answer has this status, these headers and this body.
    Instead(u16, &'static str, &'static str),
}

pub(crate) trait Service: Send + 'static {
    fn answer(&mut self, request: &Request) -> Answer;

    /// The delay of each answer.
    fn latency(&self) -> Duration {
        Duration::ZERO
    }

    /// Called after a request was carried out, by the service or by the Parameter Store.
    fn carried_out(&mut self, _parameters: &Store) {}
}

/// A request that is held or will be held. If the gate is dropped without [`Gate::release`], the
/// connection is cut. A request that was held before it was carried out is then never carried out.
pub(crate) struct Gate {
    reached: Arc<AtomicBool>,
    open: oneshot::Sender<()>,
}

/// The server's side of a [`Gate`].
struct Barrier {
    /// How many requests pass first.
    pass: usize,
    when: Held,
    reached: Arc<AtomicBool>,
    open: oneshot::Receiver<()>,
}

/// The moment at which a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "not each program that has this server holds requests")]
pub(crate) enum Held {
    /// The request has arrived, and is not carried out yet.
    Before,
    /// The request was carried out, and is not answered yet.
    After,
}

#[allow(dead_code, reason = "not each program that has this server holds requests")]
impl Gate {
    /// Whether the request has been held.
    pub(crate) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::SeqCst)
    }

    /// Lets the request continue.
    pub(crate) fn release(self) {
        // The client may have disconnected.
        let _ = self.open.send(());
    }
}

impl Barrier {
    /// Waits at the gate. Returns whether the request continues.
    async fn stand(self) -> bool {
        self.reached.store(true, Ordering::SeqCst);
        self.open.await.is_ok()
    }
}

/// No service, only the Parameter Store.
pub(crate) struct Nothing;

impl Service for Nothing {
    fn answer(&mut self, request: &Request) -> Answer {
        panic!("nothing serves {} {}", request.method, request.path)
    }
}

pub(crate) struct Inner<S> {
    pub(crate) service: S,
    pub(crate) parameters: Store,
    pub(crate) requests: Vec<Request>,
    /// Pairs of a text in the request's `METHOD PATH` and the fault of that request.
    faults: VecDeque<(String, Fault)>,
    barrier: Option<Barrier>,
}

pub(crate) struct Server<S> {
    pub(crate) url: String,
    inner: Arc<Mutex<Inner<S>>>,
}

impl<S> Clone for Server<S> {
    fn clone(&self) -> Self {
        Self { url: self.url.clone(), inner: self.inner.clone() }
    }
}

impl<S: Service> Server<S> {
    pub(crate) async fn start(service: S) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner {
            service,
            parameters: Store::default(),
            requests: Vec::new(),
            faults: VecDeque::new(),
            barrier: None,
        };
        let server = Self { url, inner: Arc::new(Mutex::new(inner)) };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.connection(stream).await });
            }
        });
        server
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.inner.lock().unwrap()
    }

    /// Makes the next request with this text in `METHOD PATH` fail this way.
    pub(crate) fn fail(&self, request: &str, fault: Fault) {
        self.lock().faults.push_back((request.to_owned(), fault));
    }

    /// Holds the nth request from now on, counted from zero.
    #[allow(dead_code, reason = "not each program that has this server holds requests")]
    pub(crate) fn hold(&self, nth: usize, when: Held) -> Gate {
        let (open, opened) = oneshot::channel();
        let reached = Arc::new(AtomicBool::new(false));
        let barrier = Barrier { pass: nth, when, reached: reached.clone(), open: opened };
        self.lock().barrier = Some(barrier);
        Gate { reached, open }
    }

    /// Returns the number of requests with this text in `METHOD PATH` since the start.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.lock().requests.iter().filter(|request| request.line().contains(text)).count()
    }

    async fn connection(&self, mut stream: TcpStream) {
        while let Some(request) = read(&mut stream).await {
            let barrier = self.barrier();
            let (before, after) = match barrier {
                Some(barrier) if barrier.when == Held::Before => (Some(barrier), None),
                other => (None, other),
            };
            if !pass(before).await {
                return;
            }
            let Some(Answer(status, headers, body)) = self.answer(&request) else { return };
            let latency = self.lock().service.latency();
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            if !pass(after).await {
                return;
            }
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
            );
            if stream.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Counts a request. Returns the barrier at which it has to wait, if any.
    fn barrier(&self) -> Option<Barrier> {
        let mut inner = self.lock();
        let mut barrier = inner.barrier.take()?;
        if barrier.pass == 0 {
            return Some(barrier);
        }
        barrier.pass -= 1;
        inner.barrier = Some(barrier);
        None
    }

    fn answer(&self, request: &Request) -> Option<Answer> {
        let mut inner = self.lock();
        inner.requests.push(request.clone());
        let line = request.line();
        let fault = inner.faults.iter().position(|(text, _)| line.contains(text));
        let fault = fault.and_then(|at| inner.faults.remove(at)).map(|(_, fault)| fault);
        let carried_out = |inner: &mut Inner<S>| {
            let target = request.headers.get("x-amz-target");
            let answer = match target.is_some_and(|target| target.starts_with("AmazonSSM.")) {
                true => inner.parameters.answer(request),
                false => inner.service.answer(request),
            };
            inner.service.carried_out(&inner.parameters);
            answer
        };
        match fault {
            None => Some(carried_out(&mut inner)),
            Some(Fault::LostReply) => {
                carried_out(&mut inner);
                None
            }
            Some(Fault::Dropped) => None,
            Some(Fault::Instead(status, headers, body)) => {
                Some(Answer(status, headers.to_owned(), body.to_owned()))
            }
        }
    }
}

impl Request {
    /// Returns `METHOD PATH`, or the operation of a call to AWS.
    fn line(&self) -> String {
        match self.headers.get("x-amz-target") {
            Some(target) => target.clone(),
            None => format!("{} {}", self.method, self.path),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Waits at the barrier, if there is one. Returns whether the request continues.
async fn pass(barrier: Option<Barrier>) -> bool {
    match barrier {
        Some(barrier) => barrier.stand().await,
        None => true,
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
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
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
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}
