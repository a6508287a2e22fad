//! A chat's webhook on this machine.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// The path of the URL, which must not appear anywhere.
pub const PATH: &str = "/services/T00000000/B00000000/sesamesesamesesamesesame";

/// Starts a webhook that answers each post with this status. Returns its URL, and the bodies that
/// it receives.
pub fn web_hook(status: u16) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            let mut bytes = [0; 65_536];
            // One connection, one request: the head says how long the body is.
            let body = loop {
                let read = stream.read(&mut bytes).unwrap();
                text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|l| {
                        l.to_lowercase().strip_prefix("content-length: ")?.parse().ok()
                    });
                    if body.len() >= length.unwrap() {
                        break body.to_owned();
                    }
                }
                assert!(read > 0);
            };
            assert!(text.starts_with(&format!("POST {PATH} HTTP/1.1\r\n")), "{text}");
            let _ = sender.send(serde_json::from_str(&body).unwrap());
            write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
        }
    });
    (url, bodies)
}
