//! What a life may meet beyond the everyday faults. Each can be switched on alone, for a search or a replay.
//!
//! `LIFE_HARDNESS` is a list of names and the words `none`, `all` and `default`, taken in order; a name adds to what is on,
//! `-name` takes away: `LIFE_HARDNESS=none,sleeps`, `LIFE_HARDNESS=-prunes`. A failing seed is replayed with the list it was found with.

/// Makes the switches, with their names and what is on by default.
macro_rules! hardness {
    ($($(#[$about:meta])* $name:ident: $default:literal,)*) => {
        /// Which hardness a life has.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct Hardness {
            $($(#[$about])* pub $name: bool,)*
        }

        impl Hardness {
            /// Nothing but the everyday faults.
            pub const NONE: Self = Self { $($name: false,)* };
            const ALL: Self = Self { $($name: true,)* };
            /// What the gate runs.
            const DEFAULT: Self = Self { $($name: $default,)* };

            fn set(&mut self, word: &str) {
                let (word, on) = word.strip_prefix('-').map_or((word, true), |word| (word, false));
                match word {
                    "none" => *self = Self::NONE,
                    "all" => *self = Self::ALL,
                    "default" => *self = Self::DEFAULT,
                    $(stringify!($name) => self.$name = on,)*
                    _ => panic!("LIFE_HARDNESS knows no {word}; it knows none, all, default, {}", [$(stringify!($name)),*].join(", ")),
                }
            }

            /// What this life has of it: each with one chance in three. What is off does not change what the others draw.
            pub fn drawn(self, rng: &mut fastrand::Rng) -> Self {
                Self { $($name: (rng.u8(0..3) == 0) & self.$name,)* }
            }

            /// The names of what is on.
            pub fn names(self) -> Vec<&'static str> {
                [$((stringify!($name), self.$name)),*].into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
            }
        }
    };
}

// What is off by default would be what the program does not hold yet.
hardness! {
    // The user.
    /// Adds without a confirmation, names too few jobs or an old price, and does not say yes after every start.
    unconfirmed: true,
    /// Takes a confirmation back in its grace period.
    withdraws: true,
    /// Gives up unsure jobs.
    gives_up: true,
    /// Chooses the task of an unsure job.
    adopts: true,
    /// Another process forgets old jobs.
    prunes: true,
    /// Another process changes the caps, down to nothing.
    caps_elsewhere: true,
    /// Does things by another process, as a script does.
    scripts: true,
    /// Some processes are runs with a limit that binds.
    limited_runs: true,
    /// A second dashboard looks on and goes on when the first process dies.
    takeovers: true,
    /// The second dashboard goes on although the first process died before it was ready.
    early_deaths: true,
    /// Leaves in order and starts again before the old process is gone.
    quick_restarts: true,
    /// Takes in jobs of another store as `export` wrote them.
    honest_imports: true,
    /// Takes in jobs that somebody made up.
    forged_imports: true,
    /// Puts an older copy of the data folder back within a day.
    copies_back: true,
    /// A command that says it changed nothing has changed nothing, also where the store refused one of its writes.
    half_done: true,
    // The world.
    /// The machine sleeps for hours or days: the wall clocks go on, the monotonic one stands still, open calls time out.
    sleeps: true,
    /// For minutes every route is answered by something that is not the service.
    web_pages: true,
    /// Ends with another charge than was reserved, or says nothing of a reserve.
    other_charges: true,
    /// The published price changes at any time.
    other_prices: true,
    /// A process is to have asked for the price before its first paid request.
    price_first: true,
    /// The account's task list cannot be read any more, for good.
    list_lost: true,
    /// A paid answer names the task of the source, of another job, or of a job that is gone.
    wrong_ids: true,
    /// A task completes and never shows a link.
    without_links: true,
    /// `completed` comes up to two minutes before its links.
    slow_links: true,
    /// A status word of its own stays for minutes after the end.
    odd_words: true,
    /// Now and then the service says for minutes that it does not know a task that it knows.
    early_misses: true,
    /// A key that was refused for want of balance is refused for ever.
    refusals_stay: true,
}

impl Hardness {
    /// What `LIFE_HARDNESS` says, or what the gate runs.
    pub fn from_environment() -> Self {
        let mut hardness = Self::DEFAULT;
        if let Ok(words) = std::env::var("LIFE_HARDNESS") {
            words.split(',').map(str::trim).filter(|word| !word.is_empty()).for_each(|word| hardness.set(word));
        }
        hardness
    }
}

#[test]
fn each_hardness_is_switched_alone() {
    let mut hardness = Hardness::ALL;
    hardness.set("none");
    hardness.set("sleeps");
    assert_eq!(hardness.names(), ["sleeps"]);
    hardness.set("-sleeps");
    assert_eq!(hardness, Hardness::NONE);
    // A seed draws the same for what is on, whatever else is on.
    let drawn = |hardness: Hardness, seed| hardness.drawn(&mut fastrand::Rng::with_seed(seed));
    for seed in 0..20 {
        hardness = Hardness { sleeps: true, ..Hardness::NONE };
        assert_eq!(drawn(hardness, seed).sleeps, drawn(Hardness::ALL, seed).sleeps);
    }
}
