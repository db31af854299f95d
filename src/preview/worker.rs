//! A thread that turns files into bytes, so that no screen ever waits for a decoder.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{Encoded, Error, Request, encode};

/// A request and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// What was wanted.
    pub request: Request,
    /// The picture, or why there is none.
    pub result: Result<Encoded, Error>,
}

#[derive(Default)]
struct Wanted {
    /// In the order in which they are made.
    requests: Vec<Request>,
    /// Counts the calls, so that the thread sees that what it works on is no longer wanted.
    turn: u64,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        // No code that could panic runs under the lock.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The owner of the thread. It makes one picture at a time; dropped, it lets the thread end by itself.
pub struct Worker {
    shared: Arc<Shared>,
}

impl Worker {
    /// Starts the thread; what is finished comes over the channel.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> io::Result<(Self, Receiver<Finished>)> {
        // Unbounded: there is at most one entry for each picture that was wanted and not yet taken.
        let (sender, receiver) = channel();
        let worker = Self::start_into(move |finished| sender.send(finished).is_ok())?;
        Ok((worker, receiver))
    }

    /// Starts the thread; what is finished is handed to `deliver`, which says whether anybody still listens.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start_into(deliver: impl FnMut(Finished) -> bool + Send + 'static) -> io::Result<Self> {
        Self::with(encode, deliver)
    }

    fn with(
        make: impl Fn(&Request) -> Result<Encoded, Error> + Send + 'static,
        deliver: impl FnMut(Finished) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("pictures".to_owned()).spawn(move || run(&theirs, make, deliver))?;
        Ok(Self { shared })
    }

    /// Says which pictures are wanted now, in this order. It replaces what was wanted before: what has not been begun is
    /// dropped, and what is being made is not delivered unless it is still among them. Returns at once.
    pub fn want(&self, requests: Vec<Request>) {
        let mut wanted = self.shared.lock();
        wanted.requests = requests;
        wanted.turn += 1;
        drop(wanted);
        self.shared.changed.notify_one();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
    }
}

fn run(shared: &Shared, make: impl Fn(&Request) -> Result<Encoded, Error>, mut deliver: impl FnMut(Finished) -> bool) {
    loop {
        let (request, turn) = {
            let waits = |wanted: &mut Wanted| wanted.requests.is_empty() && !wanted.closed;
            let mut wanted = shared.changed.wait_while(shared.lock(), waits).unwrap_or_else(PoisonError::into_inner);
            if wanted.closed {
                return;
            }
            (wanted.requests.remove(0), wanted.turn)
        };
        let result = catch_unwind(AssertUnwindSafe(|| make(&request))).unwrap_or(Err(Error::Panicked));
        let still_wanted = {
            let mut wanted = shared.lock();
            wanted.turn == turn || {
                let place = wanted.requests.iter().position(|other| *other == request);
                place.map(|at| wanted.requests.remove(at)).is_some()
            }
        };
        if still_wanted && !deliver(Finished { request, result }) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc::{RecvTimeoutError, Sender};
    use std::time::Duration;

    use super::*;
    use crate::preview::tmux::Wrap;
    use crate::preview::{BlockStyle, Cells, Colours, Pixels, Way};

    const DEADLINE: Duration = Duration::from_secs(20);

    fn request(name: &str) -> Request {
        Request {
            path: PathBuf::from(name),
            room: Cells::new(8, 4),
            cell: Pixels::USUAL_CELL,
            way: Way::Blocks,
            budget: 64_000,
            side: Some(400),
            colours: Colours::True,
            blocks: BlockStyle::Half,
            wrap: Wrap::Plain,
        }
    }

    /// A worker whose work begins with a message and ends when it is let go.
    struct Held {
        worker: Worker,
        begun: Receiver<String>,
        go: Sender<()>,
        finished: Receiver<Finished>,
    }

    fn held() -> Held {
        let (start, begun) = channel();
        let (go, gone) = channel::<()>();
        let (send, finished) = channel();
        let make = move |request: &Request| {
            let name = request.path.to_str().unwrap().to_owned();
            start.send(name.clone()).unwrap();
            gone.recv_timeout(DEADLINE).unwrap();
            assert_ne!(name, "panic", "as asked for");
            Err(Error::UnknownKind)
        };
        let worker = Worker::with(make, move |done| send.send(done).is_ok()).unwrap();
        Held { worker, begun, go, finished }
    }

    impl Held {
        fn begins(&self) -> String {
            self.begun.recv_timeout(DEADLINE).unwrap()
        }

        fn ends(&self) -> String {
            self.finished.recv_timeout(DEADLINE).unwrap().request.path.to_str().unwrap().to_owned()
        }
    }

    #[test]
    fn the_latest_request_wins() {
        let held = held();
        held.worker.want(vec![request("a")]);
        assert_eq!(held.begins(), "a");
        for name in ["b", "c", "d"] {
            held.worker.want(vec![request(name)]);
        }
        held.go.send(()).unwrap();
        assert_eq!(held.begins(), "d", "b and c are never begun");
        held.go.send(()).unwrap();
        assert_eq!(held.ends(), "d", "a is not delivered");
    }

    #[test]
    fn what_is_still_wanted_is_not_made_twice() {
        let held = held();
        held.worker.want(["a", "b"].map(request).to_vec());
        assert_eq!(held.begins(), "a");
        held.worker.want(["c", "a"].map(request).to_vec());
        for next in ["c", "end"] {
            held.go.send(()).unwrap();
            if next == "c" {
                assert_eq!(held.ends(), "a");
                assert_eq!(held.begins(), "c");
            } else {
                assert_eq!(held.ends(), "c");
            }
        }
        held.worker.want(vec![request("e")]);
        assert_eq!(held.begins(), "e", "neither a nor b again");
        held.go.send(()).unwrap();
    }

    #[test]
    fn a_panic_is_an_error_and_the_thread_goes_on() {
        let held = held();
        held.worker.want(["panic", "after"].map(request).to_vec());
        for _ in 0..2 {
            held.begins();
            held.go.send(()).unwrap();
        }
        assert_eq!(held.finished.recv_timeout(DEADLINE).unwrap().result, Err(Error::Panicked));
        assert_eq!(held.finished.recv_timeout(DEADLINE).unwrap().result, Err(Error::UnknownKind));
    }

    #[test]
    fn the_thread_ends_with_its_owner() {
        let (worker, finished) = Worker::start().unwrap();
        worker.want(vec![request("/nonexistent/picture.png")]);
        let done = finished.recv_timeout(DEADLINE).unwrap();
        assert_eq!(done.result, Err(Error::Unreadable(io::ErrorKind::NotFound)));
        drop(worker);
        assert_eq!(finished.recv_timeout(DEADLINE), Err(RecvTimeoutError::Disconnected));
    }
}
