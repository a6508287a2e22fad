//! An HTTP server that is a service: it keeps what it was sent, and has faults where a test asks
//! for them. It is SSM's Parameter Store, too.

use super::parameters::Store;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Status, further header lines, body.
pub(crate) struct Answer(pub(crate) u16, pub(crate) String, pub(crate) String);

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without what follows `?`.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What goes wrong with one request.
pub(crate) enum Fault {
    /// It is carried out, and the connection closes without an answer.
    LostReply,
    /// It is not carried out, and the connection closes.
    Dropped,
    /// It is not carried out; status, header lines and body are these.
    Instead(u16, &'static str, &'static str),
}

pub(crate) trait Service: Send + 'static {
    fn answer(&mut self, request: &Request) -> Answer;
}

/// No service beside the Parameter Store.
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
    /// Which request, as `METHOD PATH` contains it, and what goes wrong with it.
    faults: VecDeque<(String, Fault)>,
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

    /// The next request whose `METHOD PATH` has this text fails so.
    pub(crate) fn fail(&self, request: &str, fault: Fault) {
        self.lock().faults.push_back((request.to_owned(), fault));
    }

    /// Requests with this text in `METHOD PATH`, since the start.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.lock().requests.iter().filter(|request| request.line().contains(text)).count()
    }

    async fn connection(&self, mut stream: TcpStream) {
        while let Some(request) = read(&mut stream).await {
            let Some(Answer(status, headers, body)) = self.answer(&request) else { return };
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
            );
            if stream.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> Option<Answer> {
        let mut inner = self.lock();
        inner.requests.push(request.clone());
        let line = request.line();
        let fault = inner.faults.iter().position(|(text, _)| line.contains(text));
        let fault = fault.and_then(|at| inner.faults.remove(at)).map(|(_, fault)| fault);
        let carried_out = |inner: &mut Inner<S>| match request.headers.get("x-amz-target") {
            Some(_) => inner.parameters.answer(request),
            None => inner.service.answer(request),
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
    /// `METHOD PATH`, or the operation of a call to AWS.
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
