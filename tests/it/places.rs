//! What stands where the program's files belong, and where those places are.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::house::{House, QUICK};
use crate::program::{Program, Ran};
use crate::pty::Pty;

/// Puts something that is no ordinary file under this name: a link to `victim`, a pipe, a folder.
const ODD: [fn(&Path, &Path); 3] = [
    |place, victim| symlink(victim, place).unwrap(),
    |place, _| {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, place, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    },
    |place, _| std::fs::create_dir(place).unwrap(),
];

/// A file of somebody else's, open to everybody.
fn victim(house: &House) -> std::path::PathBuf {
    let victim = house.program.file("victim", "mine");
    std::fs::set_permissions(&victim, std::fs::Permissions::from_mode(0o644)).unwrap();
    victim
}

fn is_untouched(victim: &Path) -> bool {
    let mode = std::fs::metadata(victim).unwrap().permissions().mode() & 0o777;
    std::fs::read_to_string(victim).unwrap() == "mine" && mode == 0o644
}

#[test]
fn what_stands_in_the_place_of_lock_log_or_store_is_named_and_neither_followed_nor_waited_for() {
    for put in ODD {
        for name in ["engine.lock", "mj-enhance.log", "mj-enhance.db", "mj-enhance.db-wal"] {
            let house = House::new(QUICK);
            std::fs::create_dir(house.program.data()).unwrap();
            let victim = victim(&house);
            put(&house.program.data().join(name), &victim);
            let ran = house.run(&["run", "--until-idle", "--patience", "1s"]).expect(2);
            assert!(ran.stderr.contains(name) && ran.stderr.contains("move it away"), "{name}: {}", ran.stderr);
            assert!(!ran.stderr.contains("damaged") && !ran.stderr.contains("permissions"), "{name}: {}", ran.stderr);
            assert!(is_untouched(&victim), "{name}");
            // Who only reads says the same of a store, and needs no lock and no log.
            let is_store = name.starts_with("mj-enhance.db");
            let list = house.run(&["list"]);
            assert!(list.code == 0 || is_store && list.stderr.contains("move it away"), "{name}: {}", list.stderr);
            let doctor = house.run(&["doctor"]);
            assert!(!is_store || doctor.stdout.contains("move it away") || name.ends_with("-wal"), "{name}: {}", doctor.stdout);
            assert!(is_untouched(&victim), "{name}");
        }
        // The mark of those that look on, and all others at a dashboard.
        for name in ["screens.lock", "mj-enhance.log"] {
            let house = House::new(QUICK);
            std::fs::create_dir(house.program.data()).unwrap();
            let victim = victim(&house);
            put(&house.program.data().join(name), &victim);
            let ended = Pty::dashboard(&house).ended();
            assert_eq!(ended.code, 2, "{name}: {}", ended.screen);
            assert!(ended.screen.contains("move it away"), "{name}: {}", ended.screen);
            assert!(is_untouched(&victim), "{name}");
        }
    }
}

#[test]
fn a_link_to_a_store_makes_no_second_store_with_an_engine_of_its_own() {
    let house = House::new(QUICK);
    house.run(&["add", &house.specs(1)[0].replace(' ', ":"), "--hold"]).expect(0);
    let second = house.home().join("second");
    std::fs::create_dir(&second).unwrap();
    symlink(house.program.data().join("mj-enhance.db"), second.join("mj-enhance.db")).unwrap();
    for args in [&["list"][..], &["run", "--until-idle"]] {
        let ran = house.run(&[args, &["--data-dir", second.to_str().unwrap()]].concat()).expect(2);
        assert!(ran.stderr.contains("symbolic link"), "{args:?}: {}", ran.stderr);
    }
    // A folder that is a link is the user's own way to name a place.
    let folder = house.home().join("third");
    symlink(house.program.data(), &folder).unwrap();
    let ran = house.run(&["list", "-q", "--data-dir", folder.to_str().unwrap()]).expect(0);
    assert_eq!(ran.stdout.lines().count(), 1);
}

#[test]
fn a_configuration_may_come_through_a_pipe_and_one_that_nobody_writes_to_is_given_up() {
    let program = Program::new();
    let through = |writer: &str| {
        let script = format!("exec \"$0\" --config <({writer}) list");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin("mj-enhance")).env_clear();
        command.env("HOME", program.home()).env("MJ_ENHANCE_DATA_DIR", program.data()).env("PATH", "/usr/bin:/bin");
        Ran::from(command.stdin(Stdio::null()).output().unwrap())
    };
    let ran = through("echo 'nonsense = 1'").expect(2);
    assert!(ran.stderr.contains("nonsense: is not an option"), "{}", ran.stderr);
    through("echo 'cap_day = 5'").expect(0);
    let pipe = program.home().join("pipe");
    ODD[1](&pipe, Path::new(""));
    for args in [&["list"][..], &["config", "set", "cap_day", "5"]] {
        let ran = Ran::from(program.command().env("MJ_ENHANCE_CONFIG", &pipe).args(args).output().unwrap()).expect(2);
        assert!(ran.stderr.contains("no ordinary file, and nothing came from it"), "{args:?}: {}", ran.stderr);
    }
    let ran = Ran::from(program.command().env("MJ_ENHANCE_CONFIG", "/dev/zero").arg("list").output().unwrap()).expect(2);
    assert!(ran.stderr.contains("longer than 1 MiB"), "{}", ran.stderr);
}

#[test]
fn a_home_that_is_no_whole_path_makes_no_store_that_depends_on_where_one_stands() {
    let program = Program::new();
    let ran = |args: &[&str], named: &[(&str, &Path)]| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("mj-enhance"));
        command.args(args).env_clear().env("HOME", "relative").current_dir(program.home()).stdin(Stdio::null());
        Ran::from(command.envs(named.iter().copied()).output().unwrap())
    };
    let add = ["add", "task-unified-1790000100-k3v9q2ad:0", "--hold"];
    for args in [&["list"][..], &add, &["config", "init"], &["config", "path"], &["config", "set", "cap_day", "5"], &["login"]] {
        let refused = ran(args, &[]).expect(2);
        assert!(refused.stderr.contains("HOME") && refused.stderr.contains("no home folder is known"), "{}", refused.stderr);
    }
    assert_eq!(program.home().read_dir().unwrap().count(), 0, "nothing was made");
    // With both places named it does not matter; with one, what is not read is said.
    let (data, config) = (program.data(), program.file("c.toml", ""));
    let noted = ran(&add, &[("MJ_ENHANCE_DATA_DIR", &data)]).expect(0);
    assert!(noted.stderr.contains("no configuration file was read"), "{}", noted.stderr);
    let quiet = ran(&["list", "-q"], &[("MJ_ENHANCE_DATA_DIR", &data), ("MJ_ENHANCE_CONFIG", &config)]).expect(0);
    assert_eq!((quiet.stdout.lines().count(), quiet.stderr.as_str()), (1, ""));
    // Relative folders of the XDG rules are none, as those rules want it.
    let mut command = program.command();
    command.args(["config", "path"]).env("XDG_CONFIG_HOME", "relative");
    let path = Ran::from(command.output().unwrap()).expect(0).stdout;
    assert!(path.starts_with(program.home().to_str().unwrap()), "{path}");
    // The demo needs no home.
    let house = House::new(QUICK);
    let mut demo = Pty::open(&house, (80, 24), &["--demo"], &[("HOME", "relative")]);
    demo.shows("nothing here costs anything");
    demo.keys("q");
    assert_eq!(demo.ended().code, 0);
}

#[test]
fn limits_of_the_shell_are_named_and_not_blamed_on_permissions() {
    let house = House::new(QUICK);
    house.run(&["add", &house.specs(1)[0].replace(' ', ":"), "--hold"]).expect(0);
    let limited = |limit: &str, args: &[&str]| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")]).arg(assert_cmd::cargo::cargo_bin("mj-enhance"));
        command.args(args).env_clear().envs(house.environment()).current_dir(house.home()).stdin(Stdio::null());
        Ran::from(command.output().unwrap())
    };
    for most in 5..16 {
        let ran = limited(&format!("-n {most}"), &["run", "--until-idle", "--patience", "1s"]);
        let said = &ran.stderr;
        assert!(!said.contains("panicked") && !said.contains("permissions") && !said.contains("damaged"), "{most}: {said}");
        assert!(
            ran.code != 2 || said.contains("Too many open files") || said.contains("cannot be loaded") || said.contains("shared"),
            "{most}: {said}"
        );
    }
    // In blocks of 512 or 1,024 bytes: less than a store.
    let refused = limited("-f 8", &["add", &house.specs(2)[1].replace(' ', ":"), "--hold"]).expect(2);
    assert!(refused.stderr.contains("ulimit -f"), "{}", refused.stderr);
    let config = house.home().join("new.toml");
    limited("-f 1", &["config", "init", "--config", config.to_str().unwrap()]).expect(2);
    assert!(!config.exists(), "a part of a configuration would count as the whole later");
}

#[test]
fn an_editor_is_started_by_its_bytes() {
    use std::os::unix::ffi::OsStringExt as _;
    let program = Program::new();
    let editor = program.home().join(std::ffi::OsString::from_vec(b"caf\xe9".to_vec()));
    std::fs::write(&editor, "#!/bin/sh\necho 'cap_day = 7' > \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = program.home().join("c.toml");
    let mut command = program.command();
    command.args(["config", "edit"]).env("MJ_ENHANCE_CONFIG", &config).env("EDITOR", &editor).env("PATH", "/usr/bin:/bin");
    let ran = Ran::from(command.output().unwrap()).expect(0);
    assert!(ran.stdout.contains("cap_day      7 credits"), "{}", ran.stdout);
}
