//! A copy of the store that is put back in the middle of a batch: what was paid meanwhile is not paid again.

use std::path::Path;

use rustix::process::Signal;

use crate::house::{House, QUICK, signal, until};

const JOBS: usize = 12;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_copy_put_back_in_the_middle_of_a_batch_and_confirmed_again_pays_for_nothing_twice() {
    let house = House::with(QUICK, "submit_gap = \"50ms\"\nmax_in_flight = 2\n");
    house.program.add(&house.specs(JOBS).iter().map(String::as_str).collect::<Vec<_>>());
    let run = ["run", "--until-idle", "--yes", "--max-credits", "1000"];
    let mut engine = house.spawn(&run);
    until(|| house.paid() >= 3);
    // As a backup takes it: while the engine is at work.
    let backup = house.home().join("backup");
    copy(&house.program.data(), &backup);
    until(|| house.paid() >= 8);
    signal(engine.id(), Signal::TERM);
    engine.wait().unwrap();
    let after = house.paid();
    assert!(after >= 8);
    std::fs::remove_dir_all(house.program.data()).unwrap();
    copy(&backup, &house.program.data());
    // Restored, so nothing goes out by itself; confirmed again, every request goes out with the key it had.
    house.run(&["run", "--until-idle"]);
    assert_eq!(house.paid(), after, "a restored copy spends nothing by itself");
    for _ in 0..3 {
        house.run(&run);
    }
    assert_eq!(house.paid(), JOBS);
    house.assert_all_saved(JOBS);
}
