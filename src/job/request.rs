//! The paid request of a job: what is posted, and under which key.

use serde::{Deserialize, Serialize};

use super::id::IdempotencyKey;

/// A paid request as it is made when its job is approved: from then on every attempt, of this store and of any copy of it,
/// is this one, so that the gateway knows a second attempt as such.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PaidRequest {
    /// One key for one paid job.
    pub key: IdempotencyKey,
    /// The request body, byte for byte.
    pub body: String,
}
