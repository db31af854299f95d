use std::path::Path;

use super::super::account::tests::options;
use super::super::base::tests::silent;
use super::*;
use crate::job::Credits;
use crate::store::Access;

fn engine(folder: &Path) -> Engine {
    let store = Store::open(folder, Access::ReadWrite).unwrap();
    let lock = Store::lock_engine(folder).unwrap().unwrap();
    Engine::new(store, lock, Options { data_dir: folder.to_owned(), ..options() }, silent(), Box::new(|_| ()))
}

#[tokio::test(start_paused = true)]
async fn what_pauses_sending_again_pauses_it_where_another_process_let_it_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(folder.path());
    let mut other = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let why = PauseReason::Price { agreed: Credits::PUBLISHED_PRICE, now: Credits::from_uc(60_000) };
    engine.pause(why.clone());
    assert_eq!(other.settings().unwrap().paused.as_ref(), Some(&why));
    other.change_settings(&mut |settings| settings.paused = None).unwrap();
    // The engine has not heard of it yet.
    engine.pause(why.clone());
    assert_eq!(other.settings().unwrap().paused, Some(why));
}
