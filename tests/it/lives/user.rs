//! The user of a life: what somebody at a dashboard, with a second terminal beside it, does at bad moments.

use std::time::Duration;

use jiff::SignedDuration;
use mj_enhance::engine::{Command, Consent, SessionMessage};
use mj_enhance::job::{
    Caps, Credits, ImageNumber, JobId, JobKind, Model, Phase, PriceLines, Prices, Prompt, Spec, State, TaskId,
};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::books::Portal;
use super::elsewhere;
use super::life::Life;
use super::screen::Meant;

/// One thing to do: the command and what it means for the book of confirmations.
pub type Act = (Command, Meant);

fn some(rng: &mut fastrand::Rng, mut ids: Vec<JobId>) -> Vec<JobId> {
    let most = rng.usize(1..=5);
    rng.shuffle(&mut ids);
    ids.truncate(most);
    ids
}

impl Life {
    /// The prices that the screen shows.
    fn prices(&self) -> Prices {
        self.screen.lock().unwrap().status.as_ref().map_or(Prices::PUBLISHED, |status| status.prices)
    }

    /// A yes for jobs of these models at the prices of the screen; now and then one that names fewer jobs or a price of
    /// yesterday.
    fn consent(&mut self, models: &[Model]) -> Consent {
        let (mut prices, mut fewer) = (self.prices(), 0);
        if self.hardness.unconfirmed {
            match self.rng.u8(0..20) {
                0 => fewer = 1,
                1 => prices = Prices::each(|model| prices.of(model) + Credits::from_uc(1_000)),
                _ => {}
            }
        }
        let count = |model| models.iter().filter(|other| **other == model).count();
        let lines = PriceLines::new(&prices, |model| usize::saturating_sub(count(model), fewer));
        Consent { lines, grace: Duration::from_secs(5) }
    }

    /// The same for jobs that are there.
    fn consent_for(&mut self, jobs: &[JobId]) -> Consent {
        let models: Vec<Model> = {
            let screen = self.screen.lock().unwrap();
            jobs.iter().filter_map(|id| screen.jobs.get(id)).map(|job| job.kind.model()).collect()
        };
        self.consent(&models)
    }

    fn confirm(&self, consent: Consent, jobs: &[JobId], goes_on: bool) -> Meant {
        let bodies = self.screen.lock().unwrap().bodies(jobs);
        Meant::Confirm { lines: consent.lines, bodies, goes_on }
    }

    pub fn new_specs(&mut self, count: usize) -> Vec<Spec> {
        (0..count)
            .map(|_| {
                self.drafts += 1;
                let source = TaskId::new(&format!("task-unified-1-{:08}", self.drafts / 4)).unwrap();
                let image = ImageNumber::ALL[usize::try_from(self.drafts % 4).unwrap()];
                Spec { source, image, tag: None }
            })
            .collect()
    }

    /// Adds jobs of one kind with a yes.
    pub fn add(&mut self, model: Model, count: usize, consent: Option<Consent>) -> Act {
        let front = self.rng.bool();
        let (command, bodies): (Command, Vec<String>) = match model {
            Model::Enhance => {
                let specs = self.new_specs(count);
                let bodies = specs.iter().map(|spec| spec.kind().body(None)).collect();
                (Command::Add { specs, tag: None, front, again: false, consent }, bodies)
            }
            Model::Draft => {
                let prompts: Vec<_> = (0..count)
                    .map(|_| {
                        self.drafts += 1;
                        elsewhere::prompt(self.drafts, "here")
                    })
                    .collect();
                let kind = |prompt: &Prompt| JobKind::Draft { prompt: prompt.clone(), template: None };
                let bodies = prompts.iter().map(|prompt| kind(prompt).body(None)).collect();
                let prompts = prompts.into_iter().map(|prompt| (prompt, None)).collect();
                (Command::Draft { prompts, tag: None, front, again: false, consent }, bodies)
            }
        };
        let meant = consent.map_or(Meant::Other, |consent| Meant::Confirm { lines: consent.lines, bodies, goes_on: false });
        (command, meant)
    }

    /// One thing a user might do.
    fn user_act(&mut self) -> Option<Act> {
        let ids = |state| self.screen.lock().unwrap().ids(state);
        let plain = |command| Some((command, Meant::Other));
        match self.rng.u8(0..20) {
            0..=2 => {
                let count = self.rng.usize(1..6);
                let model = *self.rng.choice(&Model::ALL).unwrap();
                let consent = self.consent(&vec![model; count]);
                let holds = self.hardness.unconfirmed && self.rng.bool();
                Some(self.add(model, count, (!holds).then_some(consent)))
            }
            3 => {
                let jobs = some(&mut self.rng, [ids(State::Waiting), ids(State::Held)].concat());
                Some((Command::Cancel { jobs }, Meant::Stop))
            }
            4 => {
                let jobs = ids(State::Sending);
                plain(Command::Cancel { jobs: some(&mut self.rng, jobs) })
            }
            5 => {
                let jobs = ids(State::Running);
                plain(Command::Unwatch { jobs: some(&mut self.rng, jobs) })
            }
            6 => plain(Command::Watch { jobs: ids(State::Unwatched) }),
            7 => {
                let jobs = ids(State::Waiting);
                Some((Command::Hold { jobs: some(&mut self.rng, jobs) }, Meant::Stop))
            }
            8 | 9 => {
                let jobs = ids(State::Held);
                let jobs = some(&mut self.rng, jobs);
                let consent = self.consent_for(&jobs);
                let meant = self.confirm(consent, &jobs, false);
                Some((Command::Approve { consent, jobs }, meant))
            }
            10 => plain(Command::AskNow { jobs: Vec::new() }),
            11 => plain(Command::FetchNow { jobs: [ids(State::ToFetch), ids(State::Failed)].concat() }),
            12 => {
                let jobs = ids(State::Failed);
                let jobs = some(&mut self.rng, jobs);
                let consent = self.consent_for(&jobs);
                let meant = self.confirm(consent, &jobs, false);
                Some((Command::RunAgain { consent, jobs, front: false, deliberate: false, again: false }, meant))
            }
            13 => plain(Command::Pause),
            14 => self.go_on(),
            15 if self.hardness.withdraws => self.withdraw(),
            16 if self.hardness.gives_up => {
                let jobs = ids(State::Unsure);
                Some((Command::GiveUp { jobs: some(&mut self.rng, jobs) }, Meant::GiveUp))
            }
            17 if self.hardness.adopts => self.adopt(),
            18 if self.hardness.caps_elsewhere && self.rng.bool() => {
                let caps = Caps { session: None, day: Some(Credits::from_uc(54_000 * self.rng.i64(0..60))) };
                Some((Command::Caps(caps), Meant::Caps(caps)))
            }
            18 if self.hardness.prunes => plain(Command::Remove { jobs: ids(State::Saved), removed: self.rng.bool() }),
            _ => plain(Command::MaxInFlight(self.rng.u32(1..12))),
        }
    }

    /// `P` and `y`.
    pub fn go_on(&mut self) -> Option<Act> {
        let jobs = {
            let screen = self.screen.lock().unwrap();
            let mut jobs = screen.status.as_ref()?.waiting_for_go.clone();
            jobs.extend(screen.jobs.values().filter(|job| job.state() == State::Held).map(|job| job.id));
            jobs
        };
        if jobs.is_empty() {
            return Some((Command::Resume { jobs, consent: None }, Meant::GoOn));
        }
        let consent = self.consent_for(&jobs);
        let meant = self.confirm(consent, &jobs, true);
        Some((Command::Resume { jobs, consent: Some(consent) }, meant))
    }

    /// `u` in a grace period.
    fn withdraw(&mut self) -> Option<Act> {
        let approval = self.screen.lock().unwrap().approvals.pop()?.0;
        Some((Command::Withdraw { approval }, Meant::Stop))
    }

    /// The task of an unsure job is chosen; the user knows it by its picture.
    fn adopt(&self) -> Option<Act> {
        let screen = self.screen.lock().unwrap();
        let books = self.world.books.lock().unwrap();
        screen.jobs.values().find_map(|job| {
            let (Phase::Unsure(doubt), Some(send)) = (&job.phase, &job.send) else { return None };
            let own = |task: &&TaskId| books.tasks.get(*task).is_some_and(|known| known.key == send.key.as_str());
            let task = doubt.candidates.iter().find(own)?.clone();
            Some((Command::Adopt { job: job.id, task }, Meant::Other))
        })
    }

    /// What goes on around the dashboard: a second terminal, the machine, the network.
    fn event_around(&mut self) {
        let hardness = self.hardness;
        match self.rng.u8(0..24) {
            0 if self.turned_clock => self.world.turn_clock(self.rng.i64(-86_400..86_400)),
            1 if hardness.sleeps => {
                let hours = if self.rng.bool() { self.rng.i64(1..20) } else { self.rng.i64(24..72) };
                self.world.sleep(SignedDuration::from_hours(hours));
            }
            2 if hardness.web_pages => self.portal(30),
            3 if hardness.other_prices => {
                let model = *self.rng.choice(&Model::ALL).unwrap();
                let percent = *self.rng.choice(&[100, 111, 150]).unwrap();
                self.world.books.lock().unwrap().set_price(model, percent);
                self.world.count("the published price changed");
            }
            4 | 5 if hardness.caps_elsewhere => {
                let cap = Some(Credits::from_uc(54_000 * self.rng.i64(0..30)));
                let caps = if self.rng.bool() { Caps { session: None, day: cap } } else { Caps { session: cap, day: None } };
                self.script((Command::Caps(caps), Meant::Caps(caps)));
                self.world.count("another process changed the caps");
            }
            6 if hardness.prunes => {
                let age = SignedDuration::from_secs(self.rng.i64(0..600));
                let (before, only_removed) = (self.world.true_now() - age, self.rng.bool());
                let gone = elsewhere::prune(self.other_process(), before, only_removed);
                self.pruned |= !gone.is_empty();
                self.world.count("another process pruned");
            }
            7 if hardness.honest_imports || hardness.forged_imports => {
                let forged = hardness.forged_imports && (!hardness.honest_imports || self.rng.bool());
                self.drafts += 1;
                let kind = elsewhere::foreign_kind(*self.rng.choice(&Model::ALL).unwrap(), self.drafts);
                let now = self.world.true_now() - SignedDuration::from_mins(self.rng.i64(0..20));
                let job = elsewhere::foreign_job(&mut self.rng, &kind, now, forged);
                self.script((Command::Import(vec![(1, job)]), Meant::Other));
                self.world.count(if forged { "a forged job was imported" } else { "a job was imported" });
            }
            8 if hardness.copies_back && self.copy.is_none() => self.copy_store(),
            _ => {}
        }
    }

    /// Something else answers on every route for up to so many minutes.
    pub fn portal(&mut self, minutes: u64) {
        let until = Instant::now() + Duration::from_secs(self.rng.u64(60..=minutes * 60));
        let portal = *self.rng.choice(&[Portal::Page, Portal::NotFound, Portal::Forbidden]).unwrap();
        self.world.books.lock().unwrap().portal = Some((until, portal));
        self.world.count("something else answers on every route");
    }

    /// Sends a command to a dashboard, and remembers what it means.
    pub fn send(&mut self, commands: &UnboundedSender<SessionMessage>, act: Option<Act>) {
        let Some((command, meant)) = act else { return };
        self.tickets += 1;
        self.screen.lock().unwrap().meant.insert(self.tickets, meant);
        let _ = commands.send(SessionMessage::Command { ticket: self.tickets, command });
    }

    /// The user acts at random times, for ever; without a dashboard only around it.
    pub async fn act(&mut self, dashboard: Option<&UnboundedSender<SessionMessage>>) {
        for turn in 0_u32.. {
            tokio::time::sleep(Duration::from_millis(self.rng.u64(10..8_000))).await;
            self.event_around();
            let act = if turn % 5 == 0 && !self.reluctant { self.go_on() } else { self.user_act() };
            let by_script = self.hardness.scripts && self.rng.u8(0..4) == 0;
            match (dashboard, act) {
                (None, Some(act)) => self.script(act),
                (Some(_), Some(act)) if by_script => self.script(act),
                (Some(dashboard), act) => self.send(dashboard, act),
                (None, None) => {}
            }
        }
    }
}
