//! Files and folders that somebody meddles with.

use super::*;

#[tokio::test]
async fn a_part_that_is_removed_while_it_grows_is_fetched_again() {
    let bytes = picture(Kind::Png, 500);
    let whole = bytes.clone();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (base, _hear) = serve(move |_, stream| {
        say_part(stream, "200 OK", "", &whole, 600_000);
        may_go_on.recv_timeout(Duration::from_secs(30)).ok();
        stream.write_all(&whole[600_000..]).ok();
    });
    let place = place();
    let asked = request(&[&base]);
    {
        let mut download = place.downloader.fetch(&asked);
        while place.files().values().sum::<u64>() < 200_000 {
            assert!(tokio::time::timeout(Duration::from_millis(5), &mut download).await.is_err());
        }
        let part = place.names().into_iter().find(|name| name.contains("/.")).unwrap();
        fs::remove_file(place.folder.path().join(part)).unwrap();
        go_on.send(()).unwrap();
        let error = download.await.unwrap_err();
        assert!(matches!(&error, FetchError::Passing(text) if text.contains("removed")), "{error:?}");
    }
    assert!(!place.names().iter().any(|name| name.contains(".png")), "{:?}", place.names());
    go_on.send(()).unwrap();
    let saved = place.fetch(&[&base]).await.unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
    assert_eq!(place.names().len(), 2, "{:?}", place.names());
}

/// Makes something at a path.
type Making = fn(&std::path::Path);

#[tokio::test]
async fn what_stands_under_the_final_name_is_neither_followed_nor_taken_for_the_picture() {
    use std::os::unix::fs::symlink;
    let bytes = picture(Kind::Png, 20);
    let (base, _hear) = always("200 OK", "", bytes.clone());
    let makes: [(&str, Making); 4] = [
        ("an empty file", |at| fs::write(at, "").unwrap()),
        ("a short file", |at| fs::write(at, b"\x89PNG").unwrap()),
        ("a link", |at| symlink("/etc/hostname", at).unwrap()),
        ("a link to nowhere", |at| symlink(at.with_extension("elsewhere"), at).unwrap()),
    ];
    for (name, make) in makes {
        let place = place();
        let folder = place.folder.path().join("results/untagged");
        fs::create_dir_all(&folder).unwrap();
        make(&folder.join("task-unified-1-a-2.png"));
        make(&folder.join("task-unified-1-a-2.png.json"));
        make(&folder.join(".task-unified-1-a-2-0.part-source"));
        let saved = place.fetch(&[&base]).await.unwrap();
        assert_eq!(saved[0].path, folder.join("task-unified-1-a-2-2.png"), "{name}");
        assert_eq!(fs::read(&saved[0].path).unwrap(), bytes, "{name}");
        assert!(fs::symlink_metadata(&saved[0].path).unwrap().is_file(), "{name}");
        assert!(!folder.join("task-unified-1-a-2.elsewhere").exists(), "{name}");
    }
}

#[tokio::test]
async fn a_folder_that_is_a_link_is_not_followed() {
    let (base, hear) = always("200 OK", "", picture(Kind::Png, 20));
    let place = place();
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir_all(place.folder.path().join("results")).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.folder.path().join("results/untagged")).unwrap();
    let error = place.fetch(&[&base]).await.unwrap_err();
    assert!(matches!(&error, FetchError::Local(text) if text.contains("symbolic link")), "{error:?}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert!(hear.try_recv().is_err());
}
