//! Why a picture is not shown.

use std::io;

use super::Pixels;

/// Why a picture is not shown: a fragment that reads well after `not shown: `.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// A side or the number of pixels is over the limit.
    #[error("{size} is too large")]
    TooLarge {
        /// What the header claims.
        size: Pixels,
    },
    /// The file is over the limit.
    #[error("a file of {} MB is too large", bytes / 1_000_000)]
    FileTooLarge {
        /// Its length in bytes.
        bytes: u64,
    },
    /// Decoding would take more memory than is allowed.
    #[error("{size} takes too much memory ({} MB)", bytes / 1_000_000)]
    TooMuchMemory {
        /// What the header claims.
        size: Pixels,
        /// Bytes that decoding would take.
        bytes: u64,
    },
    /// Neither PNG nor JPEG nor WebP.
    #[error("not a PNG, JPEG or WebP picture")]
    UnknownKind,
    /// Cut off, or not what its header says.
    #[error("the file is cut off or damaged")]
    Damaged,
    /// A folder, a device, a pipe.
    #[error("not a file")]
    NotAFile,
    /// The file cannot be read.
    #[error("the file cannot be read ({0})")]
    Unreadable(io::ErrorKind),
    /// A decoder or encoder panicked.
    #[error("the picture cannot be decoded")]
    Panicked,
    /// Not even the smallest form keeps the budget.
    #[error("it does not fit into {budget} bytes")]
    OverBudget {
        /// The budget in bytes.
        budget: usize,
    },
}

impl From<io::Error> for Error {
    /// A file that ends early is damaged; everything else is the system's word.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged,
            kind => Self::Unreadable(kind),
        }
    }
}
