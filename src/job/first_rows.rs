//! Which rows a screen shows first, so that they are read before all others.

use super::State;
use super::query::Query;

/// By what rows are ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    /// What needs a person or may be lost first.
    #[default]
    Urgency,
    /// Place in the queue.
    Queue,
    /// The order of a job's life.
    State,
    /// Oldest first.
    Added,
    /// Oldest send first.
    Sent,
    /// Least progress first.
    Progress,
    /// Cheapest first.
    Cost,
    /// By the alphabet.
    Tag,
    /// Pictures of a draft together.
    Draft,
}

/// What a screen shows, and in which order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FirstRows {
    /// Only jobs at these states; none: at any.
    pub states: Vec<State>,
    /// By what they are ordered,
    pub order: Sort,
    /// or the other way round.
    pub reverse: bool,
    /// Only jobs that fit this.
    pub query: Query,
}
