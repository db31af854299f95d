//! Replays the recorded examples of `docs/commands.md`, and holds the keys of `docs/keys.md` to the program.
//!
//! `EXAMPLES=write cargo test --test it examples` records them anew; read the difference before you keep it.
//!
//! The file is Markdown. Each `## ` heading begins a section with a home folder and a simulator of its own; sections run
//! side by side, the blocks of one in order:
//!
//! - A fence `console` holds commands, each on a line that begins with `$ `, run by `sh` in the home folder. What follows
//!   is recorded: stdout as it is, stderr with `2> ` before each line, then `exit N`.
//! - `$ COMMAND &` starts a command beside the others and goes on when its first line is there; nothing is recorded.
//!   `$ wait %1` and `$ kill -INT %1; wait %1` end the first of them and record it whole.
//! - Any other fence with a name after its language, like `text drafts.txt`, is a file that is put into the home folder.
//! - `<!-- scenario` to `-->` is a scenario (TOML) for the section's simulator, in place of [`SCENARIO`].
//! - `<!-- bare -->`: no key, no address and no configuration. `<!-- offline -->`: the simulator is not there.
//! - `<!-- until STATE -->` waits until a job is in that state, `<!-- finish -->` ends every running task.
//!
//! What differs from run to run stands as a placeholder: `<job-01>`, `<task-01>` and its short form `<short-01>` (ids in the order in which the section
//! met them; commands may use them), `<time>`, `<date>`, `<port>`, `<pid>`, `<sha256>`, `<n>` and others. The home folder is `~`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use mj_enhance::simulator::{Running, Scenario, Simulator};
use mj_enhance::store::{Access, Store};

/// What the simulator serves where a section says nothing else: quick tasks, small pictures, two drafts.
const SCENARIO: &str = r#"
run_seconds = 0.2
picture_size = 64
billing = "honest"
[[drafts]]
id = "task-unified-1790000100-k3v9q2ad"
[[drafts]]
id = "task-unified-1790000460-h8m4t7xe"
"#;

/// The user's configuration: nothing waits for manners towards a real service.
const CONFIG: &str = "submit_gap = \"0s\"\nreads_per_minute = 6000\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn is_writing() -> bool {
    std::env::var("EXAMPLES").is_ok_and(|value| value == "write")
}

/// The text of a file of the repository against what it should be; written where that was asked for.
fn compare(name: &str, wanted: &str) {
    let found = std::fs::read_to_string(path(name)).unwrap();
    if found == wanted {
        return;
    }
    if is_writing() {
        std::fs::write(path(name), wanted).unwrap();
        return;
    }
    panic!("{name} does not show what the program does (-: {name}, +: the program)\n{}", difference(&found, wanted));
}

/// Lines that differ, with three lines around them.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // The longest common subsequence, from the end.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let mut lines = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    let mut out = String::new();
    for (index, (sign, line)) in lines.iter().enumerate() {
        let around = &lines[index.saturating_sub(3)..lines.len().min(index + 4)];
        if around.iter().any(|(sign, _)| *sign != ' ') {
            let _ = writeln!(out, "{sign} {line}");
        }
    }
    out
}

/// A command that runs beside the others.
struct Beside {
    child: Child,
    stdout: std::thread::JoinHandle<String>,
    stderr: std::thread::JoinHandle<String>,
}

impl Beside {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, first) = mpsc::channel();
        let stdout = collect(child.stdout.take().unwrap(), send.clone());
        let stderr = collect(child.stderr.take().unwrap(), send);
        // Its first line says that it is there; an end without a word is seen when it is waited for.
        let _ = first.recv();
        Self { child, stdout, stderr }
    }

    fn signal(&self, name: &str) {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = match name {
            "INT" => Signal::INT,
            "TERM" => Signal::TERM,
            "KILL" => Signal::KILL,
            other => panic!("the signal {other} is not known here"),
        };
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self) -> (String, String, i32) {
        let status = self.child.wait().unwrap();
        (self.stdout.join().unwrap(), self.stderr.join().unwrap(), status.code().unwrap_or(-1))
    }
}

fn collect(from: impl Read + Send + 'static, first: mpsc::Sender<()>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut all = String::new();
        while from.read_line(&mut all).unwrap() > 0 {
            let _ = first.send(());
        }
        all
    })
}

/// A section's environment.
struct Stage {
    home: tempfile::TempDir,
    simulator: Option<Running>,
    url: String,
    key: String,
    is_bare: bool,
    jobs: Vec<String>,
    tasks: Vec<Option<String>>,
    beside: Vec<Option<Beside>>,
}

impl Stage {
    fn new(section: &str) -> Self {
        let scenario = section.split_once("<!-- scenario\n").map_or(SCENARIO, |(_, rest)| rest.split_once("-->").unwrap().0);
        let simulator = Simulator::start_in_background(Scenario::from_toml(scenario).unwrap(), 0).unwrap();
        let (url, key) = (simulator.base_url(), simulator.key());
        let stage = Self {
            home: tempfile::tempdir().unwrap(),
            simulator: (!section.contains("<!-- offline -->")).then_some(simulator),
            url,
            key,
            is_bare: section.contains("<!-- bare -->"),
            jobs: Vec::new(),
            tasks: Vec::new(),
            beside: Vec::new(),
        };
        if !stage.is_bare {
            let folder = stage.home.path().join(".config/mj-enhance");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("config.toml"), CONFIG).unwrap();
        }
        stage
    }

    fn command(&self, line: &str) -> Command {
        let program = assert_cmd::cargo::cargo_bin("mj-enhance");
        let mut command = Command::new("sh");
        command
            .args(["-c", &self.with_names(line)])
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display()))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        if !self.is_bare {
            command.env("EVOLINK_BASE_URL", &self.url).env("EVOLINK_API_KEY", &self.key);
        }
        command
    }

    /// Runs a line and gives what is recorded of it.
    fn run(&mut self, line: &str) -> String {
        if let Some(line) = line.strip_suffix(" &") {
            // The shell makes way, so that a signal reaches the program itself.
            self.beside.push(Some(Beside::start(self.command(&format!("exec {line}")))));
            return String::new();
        }
        let (stdout, stderr, code) = if let Some((signal, number)) = beside(line) {
            let beside = self.beside[number - 1].take().unwrap();
            if let Some(signal) = signal {
                beside.signal(signal);
            }
            beside.end()
        } else {
            let ran = self.command(line).output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (text(ran.stdout), text(ran.stderr), ran.status.code().unwrap_or(-1))
        };
        self.learn();
        let mut out = self.without_names(&stdout);
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        for line in self.without_names(&stderr).lines() {
            let _ = writeln!(out, "{}", format!("2> {line}").trim_end());
        }
        let _ = writeln!(out, "exit {code}");
        out
    }

    fn store(&self) -> Option<Store> {
        let folder = self.home.path().join(".local/share/mj-enhance");
        folder.join("mj-enhance.db").exists().then(|| Store::open(&folder, Access::ReadOnly).unwrap())
    }

    /// Gives numbers to jobs and tasks that are new.
    fn learn(&mut self) {
        let Some(store) = self.store() else { return };
        let mut jobs = store.jobs().unwrap();
        jobs.sort_by_key(|job| (job.place, job.id));
        for job in jobs {
            let id = job.id.to_string();
            let index = self.jobs.iter().position(|known| *known == id).unwrap_or_else(|| {
                self.jobs.push(id);
                self.tasks.push(None);
                self.jobs.len() - 1
            });
            self.tasks[index] = job.task.map(|task| task.to_string());
        }
    }

    fn until(&self, state: &str) {
        while !self.store().is_some_and(|store| store.jobs().unwrap().iter().any(|job| job.state().word() == state)) {
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    fn with_names(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (index, id) in self.jobs.iter().enumerate() {
            line = line.replace(&format!("<job-{:02}>", index + 1), id);
            if let Some(task) = &self.tasks[index] {
                line = line.replace(&format!("<task-{:02}>", index + 1), task);
            }
        }
        line
    }

    fn without_names(&self, text: &str) -> String {
        let mut text = text.replace(self.home.path().to_str().unwrap(), "~");
        for (index, id) in self.jobs.iter().enumerate() {
            if let Some(task) = &self.tasks[index] {
                text = text.replace(task, &format!("<task-{:02}>", index + 1));
                let short = task.rsplit('-').next().unwrap_or(task);
                text = with_columns_kept(&text, short, &format!("<short-{:02}>", index + 1));
            }
            text = text.replace(id, &format!("<job-{:02}>", index + 1));
        }
        // Of two questions that are refused at the same time, one is told the code.
        without_figures(&text.replace("(HTTP 401, unauthorized, ", "(HTTP 401, "))
    }
}

/// Puts `new` for `old`; where the longer of them stood in a column of a table, blanks behind it are taken or given, so that
/// what follows keeps its place.
fn with_columns_kept(text: &str, old: &str, new: &str) -> String {
    let mut parts = text.split(old);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let blanks = part.len() - part.trim_start_matches(' ').len();
        out.push_str(new);
        // One blank parts words; only a table has more.
        let taken = if blanks > 1 { new.len().saturating_sub(old.len()).min(blanks - 1) } else { 0 };
        out.push_str(&part[taken..]);
    }
    out
}

/// The signal and number of a line that ends a command which runs beside the others.
fn beside(line: &str) -> Option<(Option<&str>, usize)> {
    let (signal, rest) = match line.strip_prefix("kill -") {
        Some(rest) => {
            let (signal, rest) = rest.split_once(' ')?;
            (Some(signal), rest.split_once("; ")?.1)
        }
        None => (None, line),
    };
    Some((signal, rest.strip_prefix("wait %")?.parse().ok()?))
}

/// Puts placeholders for times, ports, checksums and whatever else comes from a clock or from rng.
fn without_figures(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let begins_word = !out.ends_with(|c: char| c.is_ascii_alphanumeric());
        let (taken, placeholder) = if begins_word { figure(&out, rest) } else { (0, "") };
        if taken == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.push_str(placeholder);
            rest = &rest[taken..];
            // Columns of a table keep their places.
            if placeholder == "<time>" && rest.starts_with("  ") {
                out.push_str(&" ".repeat(taken.saturating_sub(placeholder.len())));
            }
        }
    }
    out
}

/// How many bytes a changing figure at the beginning of `rest` has, and what stands for it.
fn figure(before: &str, rest: &str) -> (usize, &'static str) {
    let while_of = |from: usize, set: &dyn Fn(char) -> bool| rest[from..].find(|c| !set(c)).unwrap_or(rest.len() - from);
    let digits = while_of(0, &|c| c.is_ascii_digit());
    let hex = while_of(0, &|c| c.is_ascii_hexdigit());
    if let Some(length) = stamp(rest, "dddd-dd-ddTdd:dd:dd") {
        let fraction = if rest[length..].starts_with('.') { 1 + while_of(length + 1, &|c| c.is_ascii_digit()) } else { 0 };
        if rest[length + fraction..].starts_with('Z') {
            return (length + fraction + 1, "<time>");
        }
    }
    if let Some(length) = stamp(rest, "dddd-dd-dd").or_else(|| stamp(rest, "dddd/dd/dd")) {
        return (length, "<date>");
    }
    if hex == 64 {
        return (hex, "<sha256>");
    }
    for (beginning, placeholder) in [("req-", "<request>"), ("mj-enhance-", "<key>"), ("file_", "<file>")] {
        if let Some(tail) = rest.strip_prefix(beginning) {
            let length = tail.find(|c: char| !(c.is_ascii_hexdigit() || c == '-')).unwrap_or(tail.len());
            if length >= 16 {
                return (beginning.len() + length, placeholder);
            }
        }
    }
    // A task that no job here has; the scenarios' own are older and stay.
    if let Some(tail) = rest.strip_prefix("task-unified-")
        && let Some(length) = stamp(tail, "dddddddddd-")
        && !tail.starts_with("17900")
    {
        let word = tail[length..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tail.len() - length);
        return (rest.len() - tail.len() + length + word, "<task>");
    }
    if digits > 0 {
        let after = &rest[digits..];
        // When the account was last asked is up to the engine.
        if before.ends_with("balance after ") {
            let decimals = after.strip_prefix('.').map_or(0, |_| while_of(digits + 1, &|c| c.is_ascii_digit()));
            return (digits + if decimals > 0 { decimals + 1 } else { 0 }, "<credits>");
        }
        for (left, right, placeholder) in [
            ("127.0.0.1:", "", "<port>"),
            ("process ", "", "<pid>"),
            ("", " MB free", "<n>"),
            ("(", " bytes)", "<n>"),
            ("\"bytes\":", "", "<n>"),
            ("\"created\":", "", "<n>"),
        ] {
            if before.ends_with(left) && after.starts_with(right) {
                return (digits, placeholder);
            }
        }
    }
    (0, "")
}

/// The length of a form in which `d` is any digit, where the text begins with it.
fn stamp(text: &str, form: &str) -> Option<usize> {
    let fits = |(is, wanted): (u8, u8)| if wanted == b'd' { is.is_ascii_digit() } else { is == wanted };
    (text.len() >= form.len() && text.bytes().zip(form.bytes()).all(fits)).then_some(form.len())
}

/// A section as it should be.
fn replay(section: &str) -> String {
    let mut stage = Stage::new(section);
    let mut out = String::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(out, "{line}");
        if let Some(state) = line.strip_prefix("<!-- until ").and_then(|rest| rest.strip_suffix(" -->")) {
            stage.until(state);
        } else if line == "<!-- finish -->" {
            stage.simulator.as_ref().unwrap().finish_all();
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if info == "console" {
            for command in body.iter().filter_map(|line| line.strip_prefix("$ ")) {
                let _ = write!(out, "$ {command}\n{}", stage.run(command));
            }
        } else {
            if let Some((_, name)) = info.split_once(' ') {
                std::fs::write(stage.home.path().join(name), format!("{}\n", body.join("\n"))).unwrap();
            }
            for line in body {
                let _ = writeln!(out, "{line}");
            }
        }
        out.push_str("```\n");
    }
    assert!(stage.beside.iter().all(Option::is_none), "a command still runs at the end of:\n{section}");
    out
}

/// The file's sections; the first one is what stands before the first heading.
fn sections(text: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    for line in text.lines() {
        if line.starts_with("## ") {
            sections.push(String::new());
        }
        let _ = writeln!(sections.last_mut().unwrap(), "{line}");
    }
    sections
}

#[test]
fn examples_in_the_docs_are_what_the_program_does() {
    let text = std::fs::read_to_string(path("docs/commands.md")).unwrap();
    let replayed: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = sections(&text).into_iter().map(|section| scope.spawn(move || replay(&section))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    compare("docs/commands.md", &replayed.concat());
}

#[test]
fn examples_show_every_command_in_words_and_in_json_and_every_exit_code() {
    let text = std::fs::read_to_string(path("docs/commands.md")).unwrap();
    let shown: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    let help = crate::program::Program::new().run(&["--help"]).expect(0).stdout;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| *name != "help" && *name != "config")
        .chain(["config init", "config check", "config path"])
        .collect();
    assert!(commands.len() >= 20, "{commands:?}");
    for command in commands {
        let of_it = |json: bool| {
            shown.iter().any(|line| {
                let is_it = line.contains(&format!("mj-enhance {command}"));
                is_it && line.contains(" --json") == json
            })
        };
        assert!(of_it(false), "{command} has no example");
        // These have one form only.
        assert!(of_it(true) || ["completions", "man", "simulate"].contains(&command), "{command} has no example with --json");
    }
    let codes: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("exit ")).collect();
    assert_eq!(codes, BTreeSet::from(["0", "1", "130", "2", "3", "4", "5", "6", "7", "8"]));
}

#[test]
fn examples_of_keys_come_from_the_keymap() {
    let page = std::fs::read_to_string(path("docs/keys.md")).unwrap();
    let (before, rest) = page.split_once("<!-- keys -->\n").expect("a place for the keys");
    let (_, after) = rest.split_once("<!-- /keys -->").expect("its end");
    let table = mj_enhance::tui::keys_table_markdown();
    compare("docs/keys.md", &format!("{before}<!-- keys -->\n{table}<!-- /keys -->{after}"));
}

#[test]
fn examples_have_no_figure_that_changes() {
    let text =
        "\"at\":\"2026-11-22T14:56:17.285Z\" ~/2026-11-22/a http://127.0.0.1:40639/x 3990 (3990 bytes) req-c4869d656bffabeb";
    assert_eq!(without_figures(text), "\"at\":\"<time>\" ~/<date>/a http://127.0.0.1:<port>/x 3990 (<n> bytes) <request>");
    assert_eq!(without_figures("2026-11-22T14:56:17Z  held"), "<time>                held");
    assert_eq!(without_figures("balance after 407.35."), "balance after <credits>.");
    assert_eq!(without_figures("balance after 12. Next"), "balance after <credits>. Next");
    assert_eq!(beside("kill -INT %1; wait %2"), Some((Some("INT"), 2)));
    assert_eq!(beside("wait %1"), Some((None, 1)));
    assert_eq!(beside("mj-enhance wait"), None);
}
