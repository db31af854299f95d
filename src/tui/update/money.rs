//! The way to a confirmation: every box that names a price is opened here, and every consent is made here.

use jiff::Timestamp;

use super::super::app::App;
use super::super::availability;
use super::super::dialogs::{AddDialog, AddField, Dialog, PriceDialog, Purpose};
use super::super::keymap::Action;
use super::super::line_input::LineInput;
use super::super::notices::no_price;
use super::super::text_area::TextArea;
use super::super::undo::{Pending, Undo};
use super::Effects;
use crate::engine::{Command, Consent, Level, PauseReason};
use crate::job::{HoldReason, JobId, Model, Phase, PriceLines, Prices, Quote, State, Tag, check_lines, text};

impl App {
    pub(super) fn open_add(&mut self, pasted: Option<&str>) {
        let mut add = self.dialogs.take_draft().unwrap_or_else(|| {
            Box::new(AddDialog {
                lines: TextArea::new(),
                tag: LineInput::new(""),
                at: AddField::Lines,
                checked: Vec::new(),
                said: None,
                skip_wrong: false,
            })
        });
        add.at = AddField::Lines;
        if let Some(text) = pasted {
            add.lines.insert(text);
        }
        self.check(&mut add);
        self.dialogs.open(Dialog::Add(add));
    }

    /// Looks at every line anew.
    pub(super) fn check(&self, add: &mut AddDialog) {
        add.said = None;
        add.skip_wrong = false;
        add.checked = check_lines(&add.lines.text(), self.jobs.drafts(), |spec| self.jobs.has_duplicate(spec));
    }

    /// From the add box to the price box; says what is in the way.
    pub(super) fn finish_add(&mut self, now: Timestamp, mut add: Box<AddDialog>) {
        let (ok, double, wrong) = add.counts();
        let tag = if add.tag.is_empty() { Ok(None) } else { Tag::new(add.tag.line()).map(Some) };
        let skip = std::mem::take(&mut add.skip_wrong);
        let said = match &tag {
            Err(why) => Some(why.to_string()),
            _ if wrong > 0 && !(skip && ok > 0) => {
                let first = add.first_wrong().unwrap_or(1);
                add.skip_wrong = true;
                let good = text::count(ok, "picture");
                Some(if ok > 0 {
                    format!(
                        "fix line {first} first; nothing is queued yet · Ctrl+d again: go on with the {good} that can be read"
                    )
                } else {
                    format!("fix line {first} first; nothing is queued yet")
                })
            }
            _ if ok == 0 && double > 0 => {
                Some(format!("already in the list · {} reruns finished jobs", self.options.keymap.named(Action::RunAgain)))
            }
            _ if ok == 0 => Some("write or paste the ids of drafts first, one per line".to_owned()),
            _ => None,
        };
        if said.is_some() {
            add.said = said;
            self.dialogs.open(Dialog::Add(add));
            return;
        }
        let mut notes = Vec::new();
        if double > 0 {
            notes.push(format!("{} left out: in the list already, or given twice", text::count(double, "picture")));
        }
        if wrong > 0 {
            notes.push(format!("{} left out: cannot be read", text::count(wrong, "line")));
        }
        let purpose = Purpose::Add { specs: add.specs(), tag: tag.unwrap_or_default() };
        self.dialogs.keep_draft(add);
        self.open_price(purpose, vec![Model::Enhance; ok], format!("send {}", text::count(ok, "job")), notes, now);
    }

    pub(super) fn open_release(&mut self, jobs: Vec<JobId>, left_out: Option<String>, undoes_hold: bool, now: Timestamp) {
        let mut notes: Vec<String> = self.not_shown(&jobs).filter(|_| !undoes_hold).into_iter().chain(left_out).collect();
        let reasons = |why: fn(&HoldReason) -> bool| {
            let is =
                |id: &&JobId| self.jobs.job(**id).is_some_and(|job| matches!(&job.phase, Phase::Held(reason) if why(reason)));
            jobs.iter().filter(is).count()
        };
        let source = reasons(|why| matches!(why, HoldReason::Source { .. }));
        if source > 0 {
            notes.push(format!("{source} held because the draft check failed; y sends anyway"));
        }
        let capped = reasons(|why| matches!(why, HoldReason::Cap { .. }));
        if capped > 0 {
            let key = self.options.keymap.named(Action::Spending);
            notes.push(format!("{capped} held by a cap, which still counts; {key} changes it"));
        }
        let count = jobs.len();
        let what = text::count(count, "held job");
        let title = if undoes_hold { format!("undo the hold: send {what}") } else { format!("release and send {what}") };
        let models = self.models(&jobs);
        self.open_price(Purpose::Release { jobs }, models, title, notes, now);
    }

    pub(super) fn run_again(&mut self, now: Timestamp) {
        let alone = self.jobs.marks().is_empty();
        let sorted = self.sort_out(|job| {
            availability::again(job, alone)?;
            if !alone && self.jobs.is_on_its_way_elsewhere(job) { Err("run again already") } else { Ok(()) }
        });
        let count = sorted.jobs.len();
        if count == 0 {
            self.say(Level::Info, sorted.left_out().unwrap_or_default());
            return;
        }
        let mut notes: Vec<String> = self.not_shown(&sorted.jobs).into_iter().chain(sorted.left_out()).collect();
        notes.push("each is a new paid job; earlier charges stay".to_owned());
        if alone && let Some(job) = self.jobs.selected_job() {
            if self.jobs.is_on_its_way_elsewhere(job) {
                let what = if job.kind.prompt().is_some() { "prompt" } else { "picture" };
                notes.push(format!("another job for this {what} is in the list already"));
            }
            if job.state() == State::Saved {
                let saved =
                    if job.kind.prompt().is_some() { "its pictures are saved already" } else { "its picture is saved already" };
                notes.push(saved.to_owned());
            }
            if let Some(failure) = job.failure().filter(|failure| !failure.may_pass()) {
                notes.push(format!("{}: it will probably fail again", failure.meaning_for(job.kind.model())));
            }
        }
        let title = format!("run {} again", text::count(count, "job"));
        let models = self.models(&sorted.jobs);
        self.open_price(Purpose::RunAgain { jobs: sorted.jobs }, models, title, notes, now);
    }

    pub(super) fn pause_or_resume(&mut self, now: Timestamp, effects: &mut Effects) {
        let Some(status) = self.status.clone() else { return };
        let mut jobs = status.waiting_for_go.clone();
        if status.paused.is_none() && jobs.is_empty() {
            self.send(Command::Pause, Pending::local(Undo::Pause), effects);
            return;
        }
        if status.paused.is_some() {
            let more = self
                .jobs
                .all()
                .map(|entry| &entry.job)
                .filter(|job| !job.removed && (job.state() == State::Waiting || availability::held_for_price(job)));
            jobs.extend(more.map(|job| job.id));
        }
        jobs.sort_unstable();
        jobs.dedup();
        jobs.retain(|id| self.jobs.job(*id).is_some_and(|job| matches!(job.state(), State::Waiting | State::Held)));
        jobs.sort_by_key(|id| self.jobs.job(*id).map(|job| job.place));
        if jobs.is_empty() {
            self.send(Command::Resume { jobs, consent: None }, Pending::local(Undo::Resume), effects);
            return;
        }
        let mut notes = Vec::new();
        if !status.waiting_for_go.is_empty() {
            notes.push(format!("{} approved earlier", status.waiting_for_go.len()));
        }
        match &status.paused {
            Some(PauseReason::Price { agreed, now }) => notes.push(format!("the price is {now} now, confirmed were {agreed}")),
            Some(PauseReason::Login { reply } | PauseReason::Balance { reply } | PauseReason::Access { reply }) => {
                notes.push(format!("paused because: {}", text::clean(&reply.words())));
            }
            Some(PauseReason::NoPrice { reply }) => {
                notes.push(format!("no price can be named: {}", text::clean(&no_price(reply))));
            }
            Some(PauseReason::Failures { code, count }) => {
                notes.push(format!("{count} jobs in a row failed with {}", text::clean(code)));
            }
            Some(PauseReason::You) | None => {}
        }
        let count = jobs.len();
        let models = self.models(&jobs);
        self.open_price(Purpose::Resume { jobs }, models, format!("resume sending {}", text::count(count, "job")), notes, now);
    }

    pub(super) fn open_price(
        &mut self,
        purpose: Purpose,
        models: Vec<Model>,
        title: String,
        mut notes: Vec<String>,
        now: Timestamp,
    ) {
        let Some(status) = &self.status else {
            self.say(Level::Info, "the engine has not answered yet; try again in a moment");
            return;
        };
        let lines = PriceLines::of_jobs(&status.prices, models.iter().copied());
        let quote = Quote { lines, balance: status.balance.map(|seen| seen.amount) };
        if lines.iter().any(|line| !status.reported_prices.contains(&line.model)) {
            notes.push("list price; the service has not confirmed it".to_owned());
        }
        let before = PriceLines::new(&status.prices, |_| 0);
        let mut price = PriceDialog { purpose, quote, models, before, covered: None, cap_room: None, title, notes, opened: now };
        price.follow(self.approved_besides(&price.purpose, &price.quote.lines.prices()), status);
        self.dialogs.open(Dialog::Price(price));
    }

    /// The box on top follows the balance, the caps and what is approved.
    pub(super) fn refresh_price(&mut self) {
        let (Some(status), Some(Dialog::Price(price))) = (self.status.clone(), self.dialogs.top()) else { return };
        let before = self.approved_besides(&price.purpose, &price.quote.lines.prices());
        if let Some(Dialog::Price(price)) = self.dialogs.top_mut() {
            price.follow(before, &status);
        }
    }

    /// The models of jobs, in their order.
    fn models(&self, jobs: &[JobId]) -> Vec<Model> {
        jobs.iter().map(|id| self.jobs.job(*id).map_or(Model::Enhance, |job| job.kind.model())).collect()
    }

    /// The jobs that are approved, not sent, and none of those that the box is about. What was approved before this start is
    /// none of them: it needs a confirmation of its own.
    fn approved_besides(&self, purpose: &Purpose, prices: &Prices) -> PriceLines {
        let waits = |id: &&JobId| self.jobs.job(**id).is_some_and(|job| job.state() == State::Waiting);
        let own: std::collections::HashSet<&JobId> = match purpose {
            Purpose::Add { .. } | Purpose::Draft { .. } | Purpose::Chosen { .. } => std::collections::HashSet::new(),
            Purpose::Release { jobs }
            | Purpose::RunAgain { jobs }
            | Purpose::MakeAgain { jobs, .. }
            | Purpose::Resume { jobs } => jobs.iter().filter(waits).collect(),
        };
        let earlier = self.status.iter().flat_map(|status| &status.waiting_for_go);
        let earlier = earlier.filter(waits).filter(|id| !own.contains(id));
        let mut others = Model::ALL.map(|model| self.jobs.waiting(model));
        for id in own.iter().copied().chain(earlier) {
            if let Some(job) = self.jobs.job(*id) {
                let count = &mut others[job.kind.model() as usize];
                *count = count.saturating_sub(1);
            }
        }
        PriceLines::new(prices, |model| others[model as usize])
    }

    /// The confirmation: the only place where a consent is made.
    pub(super) fn agree(&mut self, price: PriceDialog, effects: &mut Effects) {
        let consent = Consent { lines: price.quote.lines, grace: self.options.grace };
        let makes = price.purpose.records() || matches!(price.purpose, Purpose::RunAgain { .. } | Purpose::MakeAgain { .. });
        let command = match price.purpose {
            Purpose::Add { specs, tag } => {
                self.dialogs.set_draft_aside();
                Command::Add { specs, tag, front: false, again: false, consent: Some(consent) }
            }
            Purpose::Draft { prompts, tag, again } => {
                self.dialogs.set_prompts_aside();
                Command::Draft { prompts, tag, front: false, again, consent: Some(consent) }
            }
            Purpose::Release { jobs } => {
                self.stay_behind(&jobs);
                Command::Approve { jobs, consent }
            }
            Purpose::Chosen { draft, specs, tag } => {
                self.drafts.set_aside(&draft);
                Command::Add { specs, tag, front: false, again: false, consent: Some(consent) }
            }
            Purpose::MakeAgain { jobs, alone } => {
                Command::RunAgain { jobs, front: false, deliberate: alone, again: alone, consent }
            }
            Purpose::RunAgain { jobs } => {
                let deliberate = self.jobs.marks().is_empty();
                Command::RunAgain { jobs, front: false, deliberate, again: false, consent }
            }
            Purpose::Resume { jobs } => Command::Resume { jobs, consent: Some(consent) },
        };
        self.send(command, Pending::Consent { withdraw: false, makes }, effects);
    }

    /// Adds without a confirmation: the jobs are held.
    pub(super) fn add_held(&mut self, price: PriceDialog, effects: &mut Effects) {
        let command = match price.purpose {
            Purpose::Add { specs, tag } => {
                self.dialogs.take_draft();
                Command::Add { specs, tag, front: false, again: false, consent: None }
            }
            Purpose::Chosen { draft, specs, tag } => {
                self.drafts.set_aside(&draft);
                Command::Add { specs, tag, front: false, again: false, consent: None }
            }
            Purpose::Draft { prompts, tag, again } => {
                self.dialogs.take_prompts();
                Command::Draft { prompts, tag, front: false, again, consent: None }
            }
            _ => return,
        };
        self.send(command, Pending::Added, effects);
    }
}
