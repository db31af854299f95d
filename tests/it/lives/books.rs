//! What "really" happened in a life, kept by the world: its tasks, its money, its broken promises.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use mj_enhance::job::{Credits, Model, Prices, TaskId, TaskStatus};
use tokio::time::Instant;

use super::faults::Faults;
use super::permissions::Permissions;

/// A task as the service has it. Times are true ones.
#[derive(Clone, Debug)]
pub struct Task {
    pub key: String,
    pub body: String,
    pub created: Timestamp,
    pub ends: Timestamp,
    pub end: TaskStatus,
    pub links: usize,
    /// When its links can be seen.
    pub links_from: Timestamp,
    /// Its record is gone at its end.
    pub vanished: bool,
    /// Until when it has a status word that nobody knows, if it has one.
    pub odd_until: Option<Timestamp>,
    /// The service says in this time that it does not know it.
    pub missing: Option<(Timestamp, Timestamp)>,
    /// Reserved when it was made; `None`: the answers do not say.
    pub reserve: Option<Credits>,
    /// Taken at its end.
    pub price: Credits,
}

impl Task {
    /// Whether whoever waits gets its pictures.
    pub fn completes(&self) -> bool {
        self.end == TaskStatus::Completed && self.links > 0 && !self.vanished
    }
}

/// What answers in the service's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Portal {
    /// A web page with status 200.
    Page,
    /// 404 with a web page.
    NotFound,
    /// 403 with a web page.
    Forbidden,
}

/// A paid request between the program and the service.
#[derive(Clone, Debug)]
pub struct OnTheWay {
    pub key: String,
    pub body: String,
    /// The machine slept meanwhile: the service has done with it what it did.
    pub slept: bool,
}

/// The world's own books.
#[derive(Debug)]
pub struct Books {
    pub tasks: BTreeMap<TaskId, Task>,
    pub by_key: BTreeMap<String, TaskId>,
    /// Paid requests whose caller waits, by key.
    pub keys_in_air: BTreeSet<String>,
    pub on_the_way: BTreeMap<u64, OnTheWay>,
    /// Paid requests that left, by key.
    pub requests: BTreeMap<String, u32>,
    pub next: u64,
    /// Broken promises, in words.
    pub broken: Vec<String>,
    pub counted: BTreeMap<&'static str, u64>,
    pub faults: Faults,
    pub permissions: Permissions,
    pub saved: BTreeMap<String, u64>,
    /// The published prices, at which tasks are made.
    pub prices: Prices,
    /// Something else answers on every route until then.
    pub portal: Option<(Instant, Portal)>,
    pub list_is_lost: bool,
    /// A key that was refused for want of balance is refused from then on, whatever the balance.
    pub remembers_refusals: bool,
    pub refused_keys: BTreeSet<String>,
    /// An older copy of the store was put back: what was done since is known to nobody but the service.
    pub copied_back: bool,
}

impl Books {
    pub fn new(faults: Faults) -> Self {
        Self {
            tasks: BTreeMap::new(),
            by_key: BTreeMap::new(),
            keys_in_air: BTreeSet::new(),
            on_the_way: BTreeMap::new(),
            requests: BTreeMap::new(),
            next: 0,
            broken: Vec::new(),
            counted: BTreeMap::new(),
            faults,
            permissions: Permissions::default(),
            saved: BTreeMap::new(),
            prices: Prices::PUBLISHED,
            portal: None,
            list_is_lost: false,
            remembers_refusals: false,
            refused_keys: BTreeSet::new(),
            copied_back: false,
        }
    }

    /// One model costs so much of what it costs at first.
    pub fn set_price(&mut self, model: Model, percent: i64) {
        let price = Credits::from_uc(model.published_price().uc() * percent / 100);
        self.prices = Prices::each(|other| if other == model { price } else { self.prices.of(other) });
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    /// What answers in the service's place now.
    pub fn portal(&self) -> Option<Portal> {
        self.portal.filter(|(until, _)| Instant::now() < *until).map(|(_, portal)| portal)
    }
}
