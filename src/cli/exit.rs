//! Exit codes: part of the promise to scripts.

/// How the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Some job failed.
    JobFailed = 1,
    /// Bad input: an argument, a line, the configuration, an unusable folder, a newer or damaged store.
    BadInput = 2,
    /// It was not confirmed, or a cap or limit was in the way.
    NoConsent = 3,
    /// Jobs are left whose paid request got no answer.
    Unsure = 4,
    /// The service could not be reached.
    Network = 5,
    /// The key is missing, unreadable or refused.
    Login = 6,
    /// Another process is the engine of this store.
    Locked = 7,
    /// `wait --timeout` passed.
    TimedOut = 8,
    /// Ctrl+c or a signal.
    Interrupted = 130,
}

impl Exit {
    /// Which code wins when several fit. [`Exit::TimedOut`] stands alone there; it is placed behind an interruption.
    const ORDER: [Self; 10] = [
        Self::Interrupted,
        Self::TimedOut,
        Self::Login,
        Self::Locked,
        Self::BadInput,
        Self::NoConsent,
        Self::Unsure,
        Self::Network,
        Self::JobFailed,
        Self::Ok,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The one of several that is used; [`Exit::Ok`] for none.
    #[must_use]
    pub fn first(codes: impl IntoIterator<Item = Self>) -> Self {
        codes.into_iter().min_by_key(|code| Self::ORDER.iter().position(|known| known == code)).unwrap_or(Self::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_codes_is_used() {
        use Exit::{BadInput, Interrupted, JobFailed, Locked, Login, Network, NoConsent, Ok, Unsure};
        let order = [Interrupted, Login, Locked, BadInput, NoConsent, Unsure, Network, JobFailed, Ok];
        for (index, first) in order.iter().enumerate() {
            for second in &order[index..] {
                assert_eq!(Exit::first([*first, *second]), *first);
                assert_eq!(Exit::first([*second, *first]), *first);
            }
        }
        assert_eq!(Exit::first([]), Ok);
    }

    #[test]
    fn the_documents_list_every_code() {
        let scripts = include_str!("../../docs/scripts.md");
        for exit in Exit::ORDER {
            assert!(scripts.contains(&format!("\n| {} | ", exit.code())), "{exit:?}");
        }
    }

    #[test]
    fn the_numbers_are_the_promised_ones() {
        let numbers: Vec<u8> = Exit::ORDER.iter().map(|exit| exit.code()).collect();
        assert_eq!(numbers, [130, 8, 6, 7, 2, 3, 4, 5, 1, 0]);
    }
}
