//! The JSON beside a result that tells what it is. All functions here block.

use std::io;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::disk::local;
use super::folder::Folder;
use super::part::NAMES_MOST;
use super::{FILES_MOST, FetchError, FetchRequest};
use crate::failpoint;
use crate::job::SavedFile;

/// The longest sidecar that is read.
const SIDECAR_MOST: u64 = 256 * 1024;

fn name_of(file: &SavedFile) -> String {
    file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The name of a picture's sidecar.
fn sidecar_name(picture: &str, count: u32) -> String {
    if count == 1 { format!("{picture}.json") } else { format!("{picture}-{count}.json") }
}

/// Writes the sidecar beside the first picture, whole or not at all. One that tells of the same picture stays as it is.
pub(super) fn write(folder: &Folder, request: &FetchRequest, hosts: &[String], files: &[SavedFile]) -> Result<(), FetchError> {
    let Some(first) = files.first() else { return Ok(()) };
    let listed: Vec<Value> = files
        .iter()
        .zip(hosts)
        .map(|(file, host)| json!({"file": name_of(file), "sha256": file.sha256, "bytes": file.bytes, "link_host": host}))
        .collect();
    let mut sidecar: Map<String, Value> = request.sidecar.clone();
    for (field, value) in [
        ("schema", json!(1)),
        ("task", json!(request.task)),
        ("image", json!(request.image)),
        ("job", json!(request.job)),
        ("tag", json!(request.tag)),
        ("date", json!(request.date)),
        ("file", json!(name_of(first))),
        ("sha256", json!(first.sha256)),
        ("bytes", json!(first.bytes)),
        ("link_host", json!(hosts.first())),
        ("files", json!(listed)),
    ] {
        sidecar.insert(field.to_owned(), value);
    }
    let picture = name_of(first);
    let unfinished = format!(".{picture}.json.part");
    let fault = |error: &io::Error| local(error, &folder.path().join(sidecar_name(&picture, 1)));
    let mut bytes = serde_json::to_vec_pretty(&sidecar).unwrap_or_default();
    bytes.push(b'\n');
    // What a run that was killed left there.
    folder.remove(&unfinished);
    let written = folder.create_new(&unfinished).and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
    if let Err(error) = written {
        folder.remove(&unfinished);
        return Err(fault(&error));
    }
    failpoint::hit("before the sidecar gets its name");
    for count in 1..=NAMES_MOST {
        let name = sidecar_name(&picture, count);
        match folder.rename_new(&unfinished, &name) {
            Ok(()) => {
                folder.sync();
                failpoint::hit("after the sidecar got its name");
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if read(folder, &name).is_some_and(|old| old.get("sha256") == sidecar.get("sha256")) {
                    folder.remove(&unfinished);
                    return Ok(());
                }
            }
            Err(error) => return Err(fault(&error)),
        }
    }
    folder.remove(&unfinished);
    Err(FetchError::Local(format!("{} holds too many sidecars of one name; move some away", folder.path().display())))
}

fn read(folder: &Folder, name: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&folder.bytes(name, SIDECAR_MOST).ok()?).ok()
}

/// The files of a request that an earlier run brought home completely and did not live to record: a sidecar under one
/// of the possible `stems` (with extension) tells of the same task and picture, and all files it lists are there.
pub(super) fn find_saved(request: &FetchRequest, folder: &Folder, stems: &[(String, &str)]) -> Option<Vec<SavedFile>> {
    for (stem, ext) in stems {
        for count in 1..=3 {
            let name = if count == 1 { format!("{stem}.{ext}") } else { format!("{stem}-{count}.{ext}") };
            let Some(sidecar) = read(folder, &sidecar_name(&name, 1)) else { continue };
            if sidecar.get("task") != Some(&json!(request.task)) || sidecar.get("image") != Some(&json!(request.image)) {
                continue;
            }
            let files: Option<Vec<SavedFile>> = sidecar
                .get("files")
                .and_then(Value::as_array)?
                .iter()
                .map(|file| {
                    let name = file.get("file")?.as_str()?;
                    let file = SavedFile {
                        path: folder.path().join(name),
                        sha256: file.get("sha256")?.as_str()?.to_owned(),
                        bytes: file.get("bytes")?.as_u64()?,
                    };
                    let plain = Path::new(name).file_name().is_some_and(|only| only == name);
                    (plain && file.bytes > 0 && folder.holds(name, file.bytes, &file.sha256)).then_some(file)
                })
                .collect();
            if let Some(files) = files.filter(|files| files.len() == request.links.len().min(FILES_MOST)) {
                return Some(files);
            }
        }
    }
    None
}
