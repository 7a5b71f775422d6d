//! What people keep beside a token: it survives as it is, or what would overwrite it is refused before a token is made.

use std::fs;

use serde_json::{Map, Value, json};

use crate::manager::Manager;
use crate::place::{Kind, Place};
use crate::scene::{ETL, Scene};

const KINDS: [Kind; 3] = [Kind::File, Kind::Vault, Kind::Aws];

/// A token that somebody makes at MotherDuck by hand: its text and its ID.
fn made_by_hand(scene: &Scene) -> (String, String) {
    let admin = fs::read_to_string(&scene.admin_token_file).unwrap();
    let url = format!("{}/v1/users/{ETL}/tokens", scene.api_url);
    let body = json!({"name": "made by hand"}).to_string();
    let (_, made) = crate::http::ask_as(&admin, "POST", &url, &body);
    let made: Value = serde_json::from_str(&made).unwrap();
    (made["token"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

/// The secret in `place` as it stands there; in files it may be without a token yet.
fn kept(scene: &Scene, place: &Place) -> Map<String, Value> {
    place.read(&scene.clients, ETL).unwrap_or_else(|| {
        let record = fs::read_to_string(place.directory(ETL).join("record.json")).unwrap();
        serde_json::from_str(&record).unwrap()
    })
}

/// Every verb that leads to a write refuses it with all of `words`, creates nothing, and leaves the secret as it is.
fn refused(scene: &Scene, place: &Place, adopted: Option<&str>, words: &[&str]) {
    let before = kept(scene, place);
    let created = scene.sandbox.count("token_create");
    for verb in [
        &["check"][..],
        &["plan"],
        &["rotate-now", ETL, "--dry-run"],
        &["rotate-now", ETL],
        &["rotate-now", "--due"],
    ] {
        scene.pintail(verb).complains(1, words);
    }
    let unknown = uuid::Uuid::new_v4().to_string();
    let adopt = ["adopt", ETL, "--token-id", adopted.unwrap_or(&unknown)];
    if adopted.is_some() {
        scene.pintail(&adopt).complains(1, words);
        scene.pintail(&[&adopt[..], &["--dry-run"]].concat()).complains(1, words);
    } else {
        assert_eq!(scene.pintail(&adopt).code, Some(1));
    }
    assert_eq!(scene.sandbox.count("token_create"), created, "a token was created");
    assert_eq!(kept(scene, place), before);
}

#[test]
fn a_key_of_the_users_under_a_name_of_ours_is_refused_before_anything_is_created() {
    for kind in KINDS {
        for (key, word) in [("pintail", "rename"), ("token_id", "token_id_field")] {
            let scene = Scene::new(kind);
            let mut theirs = json!({"engine": "postgres", key: {"theirs": true}});
            let words = [scene.place.path(ETL), format!("`{key}`"), word.to_owned()];
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            scene.place.write(&scene.clients, ETL, &theirs);
            refused(&scene, &scene.place, None, &words);
            let (token, id) = made_by_hand(&scene);
            theirs["motherduck_token"] = token.into();
            scene.place.write(&scene.clients, ETL, &theirs);
            refused(&scene, &scene.place, Some(&id), &words);
        }
    }
}

#[test]
fn a_key_of_the_users_in_a_mirror_is_refused_before_anything_is_created() {
    for (kind, copy) in
        [(Kind::File, Kind::Vault), (Kind::Vault, Kind::Aws), (Kind::Aws, Kind::File)]
    {
        for key in ["pintail", "token_id"] {
            let mut scene = Scene::new(kind);
            let copy = Place::new(copy, scene.dir());
            let path = copy.path("{credential}");
            scene.defaults =
                format!("gate = \"none\"\nmirrors = [{{ store = \"copy\", path = \"{path}\" }}]");
            let table = copy.table().replace("stores.main", "stores.copy");
            scene.more = table.replace("/secrets\"", "/copies\"");
            let copy_dir = scene.dir().join("copies").join(copy.path(ETL));
            let theirs = json!({"dsn": "md:x", key: "theirs"});
            if copy.kind == Kind::File {
                fs::create_dir_all(&copy_dir).unwrap();
                fs::write(copy_dir.join("record.json"), theirs.to_string()).unwrap();
            } else {
                copy.write(&scene.clients, ETL, &theirs);
            }
            let (token, id) = made_by_hand(&scene);
            let words = ["mirror", &copy.path(ETL), &format!("`{key}`"), "rename"];
            let created = scene.sandbox.count("token_create");
            for verb in [&["check"][..], &["plan"], &["rotate-now", ETL]] {
                scene.pintail(verb).complains(1, &words);
            }
            scene.place.write(&scene.clients, ETL, &json!({"motherduck_token": token}));
            scene.pintail(&["check"]).complains(1, &words);
            for more in [&["--dry-run"][..], &[]] {
                let adopt = [&["adopt", ETL, "--token-id", &id][..], more].concat();
                scene.pintail(&adopt).complains(1, &words);
            }
            let secret = scene.secret();
            assert_eq!(
                secret.keys().collect::<Vec<_>>(),
                ["motherduck_token"],
                "nothing was written"
            );
            assert_eq!(scene.sandbox.count("token_create"), created, "a token was created");
        }
    }
}

#[test]
fn a_key_of_the_users_that_comes_into_a_mirror_later_stops_the_next_rotation_before_it_begins() {
    let mut scene = Scene::new(Kind::File);
    let copy = Place::new(Kind::Vault, scene.dir());
    let path = copy.path("{credential}");
    scene.defaults =
        format!("gate = \"none\"\nmirrors = [{{ store = \"copy\", path = \"{path}\" }}]");
    scene.more = copy.table().replace("stores.main", "stores.copy");
    let first = scene.first_token();
    let mut theirs = copy.read(&scene.clients, ETL).unwrap();
    theirs.insert("pintail".to_owned(), "theirs".into());
    copy.write(&scene.clients, ETL, &Value::Object(theirs.clone()));
    for verb in [&["check"][..], &["plan"], &["rotate-now", ETL]] {
        scene.pintail(verb).complains(1, &["mirror", &copy.path(ETL), "`pintail`", "rename"]);
    }
    assert_eq!(scene.served_id(), first);
    assert_eq!(scene.sandbox.count("token_create"), 1);
    assert_eq!(copy.read(&scene.clients, ETL).unwrap(), theirs);
}

#[test]
fn the_daemon_says_whose_key_is_in_the_way_and_creates_nothing() {
    let mut scene = Scene::new(Kind::Vault);
    scene.place.write(&scene.clients, ETL, &json!({"token_id": "theirs"}));
    scene.more = "[daemon]\nsweep = \"1s\"\n".into();
    let mut manager = Manager::new(scene.dir());
    scene.variables.extend(manager.variables(None));
    let daemon = scene.start(&["run"]);
    manager.hear("1 blocked", 1);
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("`token_id` is in use"), "{run}");
    assert_eq!(scene.sandbox.count("token_create"), 0);
}

#[test]
fn keys_with_the_names_of_the_records_fields_survive_rotation_and_adoption() {
    let theirs = json!({
        "engine": "postgres", "host": "db.internal", "username": "reporting_rw", "owner": "team-data",
        "created_at": "2019-01-01", "expires_at": "on request", "phase": "prod",
    });
    let assert_kept = |scene: &Scene| {
        for (key, value) in theirs.as_object().unwrap() {
            assert_eq!(&scene.secret()[key], value, "{key}");
        }
    };
    for kind in KINDS {
        let scene = Scene::new(kind);
        scene.place.write(&scene.clients, ETL, &theirs);
        scene.first_token();
        assert_kept(&scene);
        scene.rotate(&[ETL]).came_to(0, "rotated");
        assert_kept(&scene);

        let scene = Scene::new(kind);
        let (token, id) = made_by_hand(&scene);
        let mut secret = theirs.clone();
        secret["motherduck_token"] = token.into();
        scene.place.write(&scene.clients, ETL, &secret);
        assert_eq!(scene.pintail(&["adopt", ETL, "--token-id", &id]).code, Some(0));
        assert_kept(&scene);
        scene.rotate(&[ETL]).came_to(0, "rotated");
        assert_kept(&scene);
        scene.assert_at_rest();
    }
}

#[test]
fn the_key_of_the_tokens_id_can_be_renamed_and_switched_off() {
    for kind in KINDS {
        let mut scene = Scene::new(kind);
        scene.place.write(&scene.clients, ETL, &json!({"token_id": "theirs"}));
        scene.defaults = "gate = \"none\"\ntoken_id_field = false".into();
        let created = |run: crate::program::Run| run.came_to(0, "rotated")["token_id"].clone();
        created(scene.rotate(&[ETL]));
        assert_eq!(
            scene.secret().keys().collect::<Vec<_>>(),
            ["motherduck_token", "pintail", "token_id"]
        );
        assert_eq!(scene.secret()["token_id"], "theirs");
        scene.defaults = "gate = \"none\"\ntoken_id_field = \"md_token_id\"".into();
        let id = created(scene.rotate(&[ETL]));
        assert_eq!(
            (&scene.secret()["token_id"], &scene.secret()["md_token_id"]),
            (&json!("theirs"), &id)
        );
        // Back to the usual name, which is theirs.
        scene.defaults = "gate = \"none\"".into();
        let before = scene.secret();
        scene.rotate(&[ETL]).complains(1, &["`token_id`", "token_id_field"]);
        assert_eq!(scene.secret(), before);
    }
}

#[test]
fn the_flat_record_of_an_earlier_version_is_read_and_moves_with_the_next_write() {
    for kind in KINDS {
        let scene = Scene::new(kind);
        scene.place.write(&scene.clients, ETL, &json!({"database": "sales"}));
        let first = scene.first_token();
        let mut flat = scene.secret();
        let Some(Value::Object(record)) = flat.remove("pintail") else { panic!("{flat:?}") };
        flat.extend(record.clone());
        scene.place.write(&scene.clients, ETL, &Value::Object(flat.clone()));
        for verb in [&["check"][..], &["plan"], &["status"], &["rotate-now", "--due"]] {
            let run = scene.pintail(verb);
            assert_eq!(run.code, Some(0), "{run}");
        }
        assert_eq!(scene.secret(), flat, "nothing is written to move it");

        let mut both = flat.clone();
        both.insert("pintail".to_owned(), Value::Object(record));
        scene.place.write(&scene.clients, ETL, &Value::Object(both.clone()));
        for verb in [&["check"][..], &["plan"], &["rotate-now", ETL]] {
            scene.pintail(verb).complains(1, &["two records", "`pintail`", "`managed_by`"]);
        }
        assert_eq!(scene.secret(), both);

        scene.place.write(&scene.clients, ETL, &Value::Object(flat));
        let second = scene.rotate(&[ETL]).came_to(0, "rotated");
        assert_eq!(second["revoked"], json!([first]));
        let keys: Vec<_> = scene.secret().keys().cloned().collect();
        assert_eq!(keys, ["database", "motherduck_token", "pintail", "token_id"]);
        scene.assert_at_rest();
    }
}

#[test]
fn not_a_byte_of_what_people_keep_is_changed() {
    let theirs = r#""zeta": 1, "account": 123456789012345678901234567890, "version": 2.50,
        "limit": 1e5, "no_double": 1e400, "list": [1.10, -0], "text": "\u00e9\/""#;
    for kind in [Kind::File, Kind::Aws] {
        let scene = Scene::new(kind);
        let text = || match kind {
            Kind::File => {
                fs::read_to_string(scene.place.directory(ETL).join("record.json")).unwrap()
            }
            Kind::Vault | Kind::Aws => {
                scene.clients.secret(&scene.place.address, &scene.place.path(ETL))
            }
        };
        let before = format!("{{{theirs}}}");
        if kind == Kind::File {
            fs::create_dir_all(scene.place.directory(ETL)).unwrap();
            fs::write(scene.place.directory(ETL).join("record.json"), &before).unwrap();
        } else {
            scene.clients.write_secret(&scene.place.address, &scene.place.path(ETL), &before);
        }
        for _ in 0..2 {
            scene.rotate(&[ETL]).came_to(0, "rotated");
            // White space between keys and values is nobody's.
            let without = |text: &str| text.replace([' ', '\n'], "");
            let written = text();
            assert!(without(&written).starts_with(&format!("{{{},", without(theirs))), "{written}");
            assert!(written.contains("[1.10, -0]"), "{written}");
        }
    }
}
