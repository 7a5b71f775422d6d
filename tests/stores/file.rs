//! The file store: its layout, its modes, and what it refuses.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pintail::fault::{Diagnostic, FaultKind};
use pintail::record::{Phase, SecretContent};
use pintail::stores::settings::{FileStore, StoreSettings};
use pintail::stores::{PublishError, Store, Template};
use serde_json::Value;

use crate::contract::{Fixture, Made, contract, made, publish, somewhere, text};
use crate::keys::keys;

struct Files {
    dir: tempfile::TempDir,
}

impl Fixture for Files {
    async fn start() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn settings(&self) -> StoreSettings {
        settings(self.dir.path(), 3, None)
    }

    async fn write_by_hand(&self, path: &str, value: &Value) {
        let dir = self.dir.path().join(path);
        fs::create_dir_all(&dir).unwrap();
        let mut value = value.clone();
        if let Some(token) = value.get("motherduck_token").and_then(Value::as_str) {
            put(&dir, "token", &format!("{token}\n"));
        }
        value.as_object_mut().map(|object| object.remove("motherduck_token"));
        put(&dir, "record.json", &value.to_string());
    }

    async fn write_text_by_hand(&self, path: &str, text: &str) {
        let dir = self.dir.path().join(path);
        fs::create_dir_all(&dir).unwrap();
        put(&dir, "record.json", text);
    }

    async fn text(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path).join("record.json")).unwrap()
    }

    async fn delete(&self, path: &str) {
        fs::remove_dir_all(self.dir.path().join(path)).unwrap();
    }
}

contract!(Files);
keys!(Files);
keys!(Files: what_no_double_holds_is_an_object_all_the_same);

fn settings(dir: &Path, keep_versions: usize, group: Option<&str>) -> StoreSettings {
    let group = group.map(str::to_owned);
    StoreSettings::File(FileStore { dir: dir.to_owned(), group, keep_versions, templates: vec![] })
}

fn with_templates(dir: &Path, texts: &[(&str, &str)]) -> StoreSettings {
    let templates = texts.iter().map(|(name, text)| Template::parse(name, text).unwrap()).collect();
    StoreSettings::File(FileStore { dir: dir.to_owned(), group: None, keep_versions: 3, templates })
}

/// As an editor does it: a new file, renamed over the old name.
fn put(dir: &Path, name: &str, content: &str) {
    fs::write(dir.join("edited"), content).unwrap();
    fs::rename(dir.join("edited"), dir.join(name)).unwrap();
}

fn versions(dir: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("..0"))
        .collect();
    versions.sort();
    versions
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

async fn published(store: &Store) -> (pintail::stores::SecretRef, Made) {
    let (at, made) = (somewhere(), made());
    publish(store, &at, &made, Phase::Published, &[]).await;
    (at, made)
}

#[tokio::test]
async fn consumers_find_the_three_files_by_stable_names() {
    let files = Files::start().await;
    let (at, made) = published(&files.store().await).await;
    let dir = files.dir.path().join(&at.path);
    let token = made.token.lend(str::to_owned);
    assert_eq!(fs::read_to_string(dir.join("token")).unwrap(), token);
    let environment = fs::read_to_string(dir.join("motherduck.env")).unwrap();
    assert_eq!(environment, format!("motherduck_token={token}\n"));
    let record: Value =
        serde_json::from_slice(&fs::read(dir.join("record.json")).unwrap()).unwrap();
    assert_eq!(record["token_id"], made.id.to_string());
    assert!(!record.to_string().contains(&token), "the record has no token");
    assert_eq!(fs::read_link(dir.join("token")).unwrap(), Path::new("..data/token"));
    let served = fs::read_link(dir.join("..data")).unwrap();
    assert_eq!(dir.join(served), versions(&dir)[0]);
}

#[tokio::test]
async fn nobody_else_may_read_unless_a_group_is_named() {
    for (group, directories, plain) in [(None, 0o700, 0o600), (Some("4242"), 0o750, 0o640)] {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("made/by/pintail");
        let store = Store::open("main", &settings(&root, 3, group)).await.unwrap();
        let at = somewhere();
        let over = store.read(&at).await.unwrap();
        if group.is_some() && !nix::unistd::geteuid().is_root() {
            // Only root may give files to any group; others are refused, with nothing left behind.
            let error = store.ensure_writable(&at, &over).await.unwrap_err();
            assert_eq!(error.kind(), FaultKind::Permanent);
            continue;
        }
        publish(&store, &at, &made(), Phase::Published, &[]).await;
        let dir = root.join(&at.path);
        for directory in [root.clone(), dir.clone(), dir.join("..data"), dir.join("..")] {
            assert_eq!(mode(&directory), directories, "{}", directory.display());
        }
        for name in ["token", "motherduck.env", "record.json"] {
            assert_eq!(mode(&dir.join(name)), plain, "{name}");
            if group.is_some() {
                assert_eq!(fs::metadata(dir.join(name)).unwrap().gid(), 4242);
            }
        }
    }
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let error =
        Store::open("main", &settings(dir.path(), 3, Some("no-such-group"))).await.unwrap_err();
    assert!(error.to_string().contains("no-such-group"), "{error}");
}

#[tokio::test]
async fn symbolic_links_on_the_way_are_refused() {
    let files = Files::start().await;
    let store = files.store().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let at = somewhere();
    symlink(elsewhere.path(), files.dir.path().join("motherduck")).unwrap();
    let error = store.read(&at).await.unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    let made = made();
    let over = Files::start().await.store().await.read(&at).await.unwrap();
    let outcome = store.publish(&at, &over, &made.record(Phase::Published, &[]), &made.token).await;
    assert!(matches!(outcome, Err(PublishError::Refused(_))), "{outcome:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing was written there");
}

#[tokio::test]
async fn links_that_pintail_did_not_make_are_refused() {
    let files = Files::start().await;
    let store = files.store().await;
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("token"), "s3cret-of-another").unwrap();
    for name in ["token", "record.json", "..data"] {
        let (at, _) = published(&store).await;
        let link = files.dir.path().join(&at.path).join(name);
        fs::remove_file(&link).unwrap();
        symlink(elsewhere.path().join(name), &link).unwrap();
        let error = store.read(&at).await.unwrap_err();
        assert_eq!(error.kind(), FaultKind::Permanent, "{error}");
        assert!(error.hint().is_some());
    }
    let (at, _) = published(&store).await;
    let dir = files.dir.path().join(&at.path);
    let inner = versions(&dir)[0].join("token");
    fs::remove_file(&inner).unwrap();
    symlink(elsewhere.path().join("token"), &inner).unwrap();
    let error = store.read(&at).await.unwrap_err();
    assert!(error.to_string().contains("is a symbolic link"), "{error}");
}

#[tokio::test]
async fn what_others_can_change_is_refused() {
    let files = Files::start().await;
    let store = files.store().await;
    let (at, _) = published(&store).await;
    let dir = files.dir.path().join(&at.path);
    for (path, was) in [(dir.clone(), 0o700), (dir.join("token"), 0o600)] {
        for bit in [0o020, 0o002] {
            fs::set_permissions(&path, fs::Permissions::from_mode(was | bit)).unwrap();
            let error = store.read(&at).await.unwrap_err();
            assert!(error.to_string().contains("is writable"), "{error}");
            fs::set_permissions(&path, fs::Permissions::from_mode(was)).unwrap();
        }
    }
    store.read(&at).await.unwrap();
}

#[tokio::test]
async fn a_path_that_leads_out_of_the_store_is_refused() {
    let store = Files::start().await.store().await;
    for path in ["", "/etc", "../x", "a//b", "a/./b", "a/..data", "a/"] {
        let mut at = somewhere();
        path.clone_into(&mut at.path);
        assert!(store.read(&at).await.is_err(), "{path}");
    }
}

#[tokio::test]
async fn old_versions_and_crashed_writers_leftovers_are_pruned() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open("main", &settings(dir.path(), 2, None)).await.unwrap();
    let (at, first) = published(&store).await;
    let secret = dir.path().join(&at.path);
    let leftover = secret.join(format!("..000000000002-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join("token"), "half a version").unwrap();
    fs::write(secret.join("notes.txt"), "the user's").unwrap();
    let mut last = first.id;
    for _ in 0..5 {
        let next = made();
        publish(&store, &at, &next, Phase::Published, &[last]).await;
        last = next.id;
    }
    assert_eq!(versions(&secret).len(), 3, "the one served, and two before it");
    assert!(!leftover.exists());
    assert_eq!(fs::read_to_string(secret.join("notes.txt")).unwrap(), "the user's");
    assert!(store.recall(&at, first.id).await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_person_writes_over_it_does_not_hide_what_was_served() {
    let files = Files::start().await;
    let store = files.store().await;
    let (at, first) = published(&store).await;
    assert!(store.recall(&at, first.id).await.unwrap().is_none(), "it is served, not older");
    let dir = files.dir.path().join(&at.path);
    fs::write(dir.join("token.new"), "by-hand").unwrap();
    fs::rename(dir.join("token.new"), dir.join("token")).unwrap();
    let (record, token) = store.recall(&at, first.id).await.unwrap().unwrap();
    assert_eq!((record.token_id, token.sha256()), (first.id, first.token.sha256()));
}

#[tokio::test]
async fn a_leftover_with_the_next_number_does_not_make_two_versions_equal() {
    let files = Files::start().await;
    let store = files.store().await;
    let (at, first) = published(&store).await;
    let dir = files.dir.path().join(&at.path);
    let stale = publish(&store, &at, &first, Phase::Retiring, &[]).await;
    // The machine lost the last switch: the version that was read is a leftover now.
    let older = versions(&dir)[0].file_name().unwrap().to_owned();
    fs::remove_file(dir.join("..data")).unwrap();
    symlink(older, dir.join("..data")).unwrap();
    let second = made();
    let now = publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    assert_ne!(now.version, stale.version);
    let late = made();
    let record = late.record(Phase::Published, &[first.id]);
    let outcome = store.publish(&at, &stale, &record, &late.token).await;
    assert!(matches!(outcome, Err(PublishError::Conflict)), "{outcome:?}");
}

#[tokio::test]
async fn a_failure_before_the_switch_changes_nothing_and_leaves_nothing() {
    let files = Files::start().await;
    let store = files.store().await;
    let (at, first) = published(&store).await;
    let dir = files.dir.path().join(&at.path);
    fs::remove_file(dir.join("motherduck.env")).unwrap();
    fs::create_dir(dir.join("motherduck.env")).unwrap();
    let over = store.read(&at).await.unwrap();
    let second = made();
    let record = second.record(Phase::Published, &[first.id]);
    let outcome = store.publish(&at, &over, &record, &second.token).await;
    let Err(PublishError::Refused(error)) = outcome else { panic!("{outcome:?}") };
    assert!(text(&error).contains("motherduck.env"), "{error}");
    assert!(!text(&error).contains("s3cret"));
    assert_eq!(store.read(&at).await.unwrap().version, over.version);
    assert_eq!(versions(&dir).len(), 1);
    assert!(fs::symlink_metadata(dir.join("..link_tmp")).is_err());
    fs::remove_dir(dir.join("motherduck.env")).unwrap();
    publish(&store, &at, &second, Phase::Published, &[first.id]).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_known_before_a_token_exists() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("plain-file");
    fs::write(&blocked, "").unwrap();
    let store = Store::open("main", &settings(&blocked, 3, None)).await.unwrap();
    let over = Files::start().await.store().await.read(&somewhere()).await.unwrap();
    let error = store.ensure_writable(&somewhere(), &over).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Permanent, "{error}");
}

#[tokio::test]
async fn a_token_written_over_in_place_is_seen_as_an_edit() {
    let files = Files::start().await;
    let store = files.store().await;
    let (at, _) = published(&store).await;
    fs::write(files.dir.path().join(&at.path).join("token"), "pasted").unwrap();
    let reading = store.read(&at).await.unwrap();
    assert!(matches!(reading.content, SecretContent::Edited { token: Some(_), .. }), "{reading:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_consumer_never_sees_a_torn_or_missing_secret() {
    let files = Files::start().await;
    let store = files.store().await;
    let (at, first) = published(&store).await;
    let dir = files.dir.path().join(&at.path);
    let done = Arc::new(AtomicBool::new(false));
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let (dir, done) = (dir.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut seen = 0_u32;
                while !done.load(Ordering::Relaxed) {
                    let token = fs::read_to_string(dir.join("token")).unwrap();
                    assert_eq!(token.len(), "s3cret.".len() + 36, "torn: {token}");
                    // One directory opened once is one version.
                    let version = dir.join(fs::read_link(dir.join("..data")).unwrap());
                    let token = fs::read_to_string(version.join("token"));
                    let environment = fs::read_to_string(version.join("motherduck.env"));
                    if let (Ok(token), Ok(environment)) = (token, environment) {
                        assert_eq!(environment, format!("motherduck_token={token}\n"));
                        seen += 1;
                    }
                }
                seen
            })
        })
        .collect();
    let mut last = first.id;
    for _ in 0..60 {
        let next = made();
        publish(&store, &at, &next, Phase::Published, &[last]).await;
        last = next.id;
    }
    done.store(true, Ordering::Relaxed);
    for consumer in consumers {
        assert!(consumer.join().unwrap() > 0);
    }
}

const SHAPES: [(&str, &str); 2] = [
    ("airflow.env", "AIRFLOW_CONN_MD=duckdb://:{token:percent}@\n"),
    ("app.json", "{\"password\": {token:json}}\n"),
];

#[tokio::test]
async fn a_template_is_switched_with_the_token_and_as_private_as_that() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open("main", &with_templates(root.path(), &SHAPES)).await.unwrap();
    let (at, first) = published(&store).await;
    let dir = root.path().join(&at.path);
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    assert_eq!(json(read("app.json"))["password"], read("token"));
    assert_eq!(read("airflow.env"), format!("AIRFLOW_CONN_MD=duckdb://:{}@\n", read("token")));
    for (name, _) in SHAPES {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        assert_eq!(fs::read_link(dir.join(name)).unwrap(), Path::new("..data").join(name));
    }
    // What a reader opens before the switch stays what it was, and both of a version belong together.
    let before = fs::canonicalize(dir.join("app.json")).unwrap();
    let second = made();
    publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    assert_eq!(
        json(fs::read_to_string(before).unwrap())["password"],
        first.token.lend(str::to_owned)
    );
    assert_eq!(json(read("app.json"))["password"], second.token.lend(str::to_owned));
    let SecretContent::Managed { token, .. } = store.read(&at).await.unwrap().content else {
        panic!()
    };
    assert_eq!(token.lend(str::to_owned), read("token"), "read back");
}

#[tokio::test]
async fn a_template_that_is_added_comes_with_the_next_token_and_one_that_is_taken_away_goes_with_it()
 {
    let root = tempfile::tempdir().unwrap();
    let plain = Store::open("main", &settings(root.path(), 3, None)).await.unwrap();
    let (at, first) = published(&plain).await;
    let dir = root.path().join(&at.path);
    let shaped = Store::open("main", &with_templates(root.path(), &SHAPES)).await.unwrap();
    let second = made();
    publish(&shaped, &at, &second, Phase::Published, &[first.id]).await;
    assert!(dir.join("app.json").exists());
    fs::write(dir.join("mine.json"), "mine").unwrap();
    symlink("mine.json", dir.join("also-mine")).unwrap();
    publish(&plain, &at, &made(), Phase::Published, &[second.id]).await;
    for (name, _) in SHAPES {
        assert!(fs::symlink_metadata(dir.join(name)).is_err(), "{name} leads nowhere");
    }
    assert_eq!(fs::read_to_string(dir.join("also-mine")).unwrap(), "mine");
    assert!(dir.join("token").exists() && dir.join("motherduck.env").exists());
}

#[tokio::test]
async fn a_users_file_under_the_name_of_a_template_is_left_alone_and_told_before_a_token_exists() {
    let root = tempfile::tempdir().unwrap();
    let plain = Store::open("main", &settings(root.path(), 3, None)).await.unwrap();
    let (at, first) = published(&plain).await;
    let dir = root.path().join(&at.path);
    fs::write(dir.join("app.json"), "mine").unwrap();
    let shaped = Store::open("main", &with_templates(root.path(), &SHAPES)).await.unwrap();
    let over = shaped.read(&at).await.unwrap();
    let error = shaped.ensure_writable(&at, &over).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Permanent);
    assert!(error.to_string().contains("app.json"), "{error}");
    let second = made();
    let record = second.record(Phase::Published, &[first.id]);
    let outcome = shaped.publish(&at, &over, &record, &second.token).await;
    assert!(matches!(outcome, Err(PublishError::Refused(_))), "{outcome:?}");
    assert_eq!(fs::read_to_string(dir.join("app.json")).unwrap(), "mine");
    assert_eq!(versions(&dir).len(), 1);
}

#[tokio::test]
async fn a_token_that_a_person_put_there_by_hand_stays_readable_in_every_shape() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open("main", &with_templates(root.path(), &SHAPES)).await.unwrap();
    let (at, first) = published(&store).await;
    let dir = root.path().join(&at.path);
    put(&dir, "token", "by+hand\n");
    let second = made();
    publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    let kept = versions(&dir);
    let shapes: Vec<_> =
        kept.iter().map(|dir| fs::read_to_string(dir.join("airflow.env")).unwrap()).collect();
    assert_eq!(shapes.len(), 3);
    assert!(shapes.iter().any(|text| text.contains(":by%2Bhand@")), "{shapes:?}");
}
