//! Named moments at which a test kills the process, as the system would: at once, and with nothing tidied up.
//!
//! With `MJ_ENHANCE_TEST_KILL=n`, the n-th moment of the process sends SIGKILL to itself. Release builds know neither the
//! variable nor the moments: all of it is `cfg(debug_assertions)`.

/// A moment before or after something becomes durable, with its name for whoever reads the code.
#[inline]
pub fn hit(name: &'static str) {
    #[cfg(debug_assertions)]
    kill_if_it_is_time(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
fn kill_if_it_is_time(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: OnceLock<Option<u64>> = OnceLock::new();
    static SEEN: AtomicU64 = AtomicU64::new(0);

    let at = AT.get_or_init(|| std::env::var("MJ_ENHANCE_TEST_KILL").ok().and_then(|n| n.parse().ok()));
    if let Some(at) = *at
        && SEEN.fetch_add(1, Ordering::SeqCst) + 1 == at
    {
        // The last words of the process; a test reads them.
        eprintln!("killed at moment {at}: {name}");
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The signal needs an instant to arrive, and nothing may happen in it.
        loop {
            std::thread::park();
        }
    }
}
