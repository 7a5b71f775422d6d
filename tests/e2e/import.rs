//! Hand-made secrets that are imported: by what their tokens open, and never by guess.

use std::fs;

use serde_json::{Value, json};

use crate::place::Kind;
use crate::program::Run;
use crate::scene::{ETL, Scene};

const SALES: &str = "sales";
const CROWDED: &str = "crowded";

/// A token that somebody made for the account; its text and its ID.
fn made(scene: &Scene, account: &str) -> (String, String) {
    let admin = fs::read_to_string(&scene.admin_token_file).unwrap();
    let url = format!("{}/v1/users/{account}/tokens", scene.api_url);
    let name = format!("made by hand {}", uuid::Uuid::new_v4());
    let body = json!({ "name": name }).to_string();
    let (_, made) = crate::http::ask_as(&admin, "POST", &url, &body);
    let made: Value = serde_json::from_str(&made).unwrap();
    (made["token"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

/// What was found of the secret at the end of `path`.
fn of<'d>(document: &'d Value, path: &str) -> &'d Value {
    let rows = document["secrets"].as_array().unwrap();
    let is_it = |row: &&Value| row["path"].as_str().unwrap().ends_with(path);
    rows.iter().find(is_it).unwrap_or_else(|| panic!("nothing of {path} in {document:#}"))
}

fn import(scene: &Scene, arguments: &[&str]) -> Run {
    let all: Vec<_> = ["--output", "json", "import"].iter().chain(arguments).copied().collect();
    scene.pintail(&all)
}

fn imports_and_adopts(kind: Kind) {
    let mut scene = Scene::with(kind, &[ETL, SALES, CROWDED], &[]);
    scene.credentials = vec![];
    let admin = fs::read_to_string(&scene.admin_token_file).unwrap();
    let mut texts = vec![admin.trim().to_owned()];
    let mut put = |name: &str, text: &str| {
        texts.push(text.to_owned());
        let secret = json!({"motherduck_token": text, "database": "kept"});
        scene.place.write(&scene.clients, &format!("{name}/motherduck"), &secret);
    };
    let (etl, etl_id) = made(&scene, ETL);
    let (sales, sales_id) = made(&scene, SALES);
    let (crowded, _) = made(&scene, CROWDED);
    made(&scene, CROWDED);
    put("team-a", &etl);
    put("team-b", &sales);
    put("copy", &sales);
    put("crowd", &crowded);
    put("boss", admin.trim());
    put("stale", "a-token-that-was-revoked-long-ago");
    let changes =
        |scene: &Scene| scene.sandbox.count("create_token") + scene.sandbox.count("revoke_token");
    let before = changes(&scene);

    let pattern = scene.place.path("*/motherduck");
    let (tables, adoptions) = (scene.dir().join("imported.toml"), scene.dir().join("adopt.txt"));
    let (tables, adoptions) = (tables.to_str().unwrap(), adoptions.to_str().unwrap());
    let wanted =
        ["--store", "main", "--path", &pattern, "--tables", tables, "--adoptions", adoptions];
    let run = import(&scene, &wanted);
    assert_eq!(run.code, Some(1), "something is left out: {run}");
    let document = run.document();
    let found = |path: &str| of(&document, path).clone();
    // Of the two copies the first by its path is the credential's.
    for (path, name, id) in
        [("team-a/motherduck", ETL, &etl_id), ("copy/motherduck", SALES, &sales_id)]
    {
        let row = found(path);
        assert_eq!(
            (&row["outcome"], &row["name"], &row["token_id"]),
            (&json!("imported"), &json!(name), &json!(id)),
            "{row}"
        );
    }
    for (path, why) in [
        ("team-b/motherduck", "the same token"),
        ("boss/motherduck", "service account"),
        ("stale/motherduck", "does not connect"),
    ] {
        let row = found(path);
        assert_eq!(row["outcome"], "left_out", "{row}");
        assert!(row["why"].as_str().unwrap().contains(why), "{row}");
    }
    let crowd = found("crowd/motherduck");
    assert_eq!((&crowd["outcome"], &crowd["token_id"]), (&json!("imported"), &Value::Null));
    assert_eq!(crowd["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(changes(&scene), before, "nothing was changed at MotherDuck");
    let files = [fs::read_to_string(tables).unwrap(), fs::read_to_string(adoptions).unwrap()];
    for text in texts.iter().filter(|text| !text.is_empty()) {
        assert!(
            !run.to_string().contains(text.as_str()) && !files.concat().contains(text.as_str())
        );
    }

    let again = import(&scene, &wanted);
    again.complains(2, &["is there already"]);
    let with = |words: &[&str]| {
        let all: Vec<_> = ["--config", tables].iter().chain(words).copied().collect();
        scene.pintail(&all)
    };
    assert_eq!(with(&["check", "--offline"]).code, Some(0));
    let some = with(&["--output", "json", "adopt", "etl*", "--from", adoptions]);
    assert_eq!(some.code, Some(0), "{some}");
    assert_eq!(some.document()["adoptions"].as_array().unwrap().len(), 1);
    let all = with(&["--output", "json", "adopt", "--from", adoptions]);
    let outcomes: Vec<_> = all.document()["adoptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"].clone())
        .collect();
    assert_eq!(outcomes.len(), 2, "{all}");
    assert!(outcomes.contains(&json!("adopted")) && outcomes.contains(&json!("already_managed")));
    let rotated = with(&["--output", "json", "rotate-now", ETL]);
    assert_eq!(rotated.of(ETL)["revoked"], json!([etl_id]), "{rotated}");
}

#[test]
fn hand_made_secrets_in_files_become_tables_and_adoptions_by_what_their_tokens_open() {
    imports_and_adopts(Kind::File);
}

#[test]
fn hand_made_secrets_in_openbao_become_tables_and_adoptions_by_what_their_tokens_open() {
    imports_and_adopts(Kind::Vault);
}

#[test]
fn what_is_configured_and_not_managed_yet_is_imported_without_naming_a_path() {
    let scene = Scene::with(Kind::File, &[ETL, SALES], &[]);
    let (etl, id) = made(&scene, ETL);
    let (sales, _) = made(&scene, SALES);
    scene.place.write(&scene.clients, ETL, &json!({"motherduck_token": etl}));
    let file = scene.dir().join("adopt.txt");
    let file = file.to_str().unwrap();
    let run = import(&scene, &["--adoptions", file]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(
        fs::read_to_string(file).unwrap().lines().last(),
        Some(format!("{ETL} {id}").as_str())
    );
    // Another account's token in the place of a credential is nobody's to adopt.
    scene.place.write(&scene.clients, ETL, &json!({"motherduck_token": sales}));
    let other = scene.dir().join("other.txt");
    let wrong = import(&scene, &["--adoptions", other.to_str().unwrap()]);
    assert_eq!(wrong.code, Some(1), "{wrong}");
    assert!(!other.exists(), "there is nothing to adopt");
    assert_eq!(
        import(&scene, &["--path", "x", "--adoptions", "y"]).code,
        Some(2),
        "in which store?"
    );
}
