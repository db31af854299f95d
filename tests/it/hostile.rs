//! A hostile service over real sockets: what a user must find afterwards, in state, words, money and bytes on disk.

mod answers;
mod idle;
mod links;
mod money;
mod store;
mod tasks;
mod turned_clock;
mod wording;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mj_enhance::engine::Command;

use crate::stage::Stage;

/// Does the same for every case, each with a stage of its own, a few at a time.
fn for_each<T: Sync>(cases: &[T], test: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..cases.len().min(8) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                    test(case);
                }
            });
        }
    });
}

/// Waits for a condition and presses `Ctrl+r` meanwhile, so that a test need not wait for the usual pace of reads.
fn until_asking(stage: &mut Stage, what: &str, done: impl Fn(&Stage) -> bool) {
    let mut pressed: Option<Instant> = None;
    stage.until(what, |stage| {
        if done(stage) {
            return true;
        }
        if pressed.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
            pressed = Some(Instant::now());
            stage.session.as_ref().unwrap().send_as(u64::MAX, Command::AskNow { jobs: Vec::new() });
        }
        false
    });
}

/// A server on a free port. `answer` gets the head and the body of each request, one request to a connection.
fn serve(answer: impl Fn(&str, &str, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let answer = std::sync::Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), answer) = (stream, std::sync::Arc::clone(&answer)) else { return };
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0; 1];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let length =
                    head.to_lowercase().split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                stream.read_exact(&mut body).ok();
                answer(&head, &String::from_utf8_lossy(&body), &mut stream);
            });
        }
    });
    base
}

/// A whole answer.
fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
}

fn say_json(stream: &mut TcpStream, body: &str) {
    say(stream, "200 OK", "Content-Type: application/json\r\n", body.as_bytes());
}

/// A draft with four pictures, as the free look wants it.
fn draft_json(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"image.generation.task","model":"mj-v7","status":"completed","progress":100,"created":1790000100,"results":["https://x.example/0.png","https://x.example/1.png","https://x.example/2.png","https://x.example/3.png"]}}"#
    )
}
