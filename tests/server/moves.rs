//! Ordinary edits of a live credential, by reload: what each of them does to the token that consumers read.

use super::followed::Followed;
use super::*;

const ETL: &str = "[credentials.etl]\nusername = \"etl_prod\"\n";
const OFTEN: &str = "schedule = \"*/2 * * * * *\"\n";
const SELDOM: &str = "every = \"30m\"\n";
const OTHER: &str = "[credentials.other]\nusername = \"other_prod\"\nevery = \"30m\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_place_is_not_taken_over_while_a_token_in_use_is_served_in_the_former_one() {
    let one = Followed::start(&format!("{ETL}{OFTEN}")).await;
    let rotations = ["pintail_rotations_total", "\"etl\"", "outcome=\"rotated\""];
    one.shown.until("it rotates", &rotations, |count| count >= 2.0).await;
    one.reload(&format!("{ETL}{OFTEN}path = \"teams/etl\"\n{OTHER}")).await;
    let blocked = one.until_state("etl", "blocked").await;
    assert_eq!(blocked["reason"], "PlaceChanged", "{blocked:#}");
    assert_eq!(blocked["path"], "etl", "where it is");
    let hint = blocked["hint"].as_str().unwrap();
    assert!(hint.contains(r#"mirrors = [{ store = "main", path = "etl" }]"#), "{hint}");
    let page = one.shown.get("/").await.1;
    assert!(page.contains("PlaceChanged") && page.contains("teams/etl in store main"), "{page}");
    // The rest of the configuration is in force.
    one.until_state("other", "fresh").await;
    // It goes on being rotated where it is, and what its consumers read works.
    let so_far = one.shown.metric(&rotations).await.unwrap();
    one.shown.until("it rotates on", &rotations, |count| count >= so_far + 2.0).await;
    assert!(one.connects("etl").await);
    assert_eq!(one.token("teams/etl"), None);
    let blocked = ["pintail_credential_state", "\"etl\"", "state=\"blocked\""];
    assert_eq!(one.shown.metric(&blocked).await, Some(1.0));

    // The recipe: the former place is a mirror until nobody reads there.
    let moved = "path = \"teams/etl\"\n";
    let mirror = "mirrors = [{ store = \"main\", path = \"etl\" }]\n";
    one.reload(&format!("{ETL}{SELDOM}{moved}{mirror}")).await;
    let fresh = one.until_state("etl", "fresh").await;
    assert_eq!((&fresh["path"], &fresh["reason"]), (&json!("teams/etl"), &Value::Null));
    assert_eq!(one.token("teams/etl"), one.token("etl"));
    assert!(one.connects("etl").await);
    one.reload(&format!("{ETL}{SELDOM}{moved}")).await;
    one.until_state("etl", "fresh").await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_taken_back_leaves_nothing_behind() {
    let one = Followed::start(&format!("{ETL}{SELDOM}")).await;
    one.until_state("etl", "fresh").await;
    let token = one.token("etl");
    one.reload(&format!("{ETL}{SELDOM}token_field = \"other_token\"\n")).await;
    let blocked = one.until_state("etl", "blocked").await;
    let hint = blocked["hint"].as_str().unwrap();
    assert!(hint.contains("give it another path as well"), "{hint}");
    // Nor does a second change make anybody forget where it is.
    one.reload(&format!("{ETL}{SELDOM}path = \"a/b\"\n")).await;
    let begun = Instant::now();
    while !one.shown.get("/").await.1.contains("a/b in store main") {
        assert!(begun.elapsed() < PATIENCE, "{}", one.until_state("etl", "blocked").await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    one.reload(&format!("{ETL}{SELDOM}")).await;
    one.until_state("etl", "fresh").await;
    assert_eq!(one.token("etl"), token);
    assert!(one.connects("etl").await && one.living("etl_prod").await.len() == 1);
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_place_that_nobody_can_read_keeps_the_credential_and_an_empty_one_lets_it_go() {
    let one = Followed::start(&format!("{ETL}{SELDOM}")).await;
    one.until_state("etl", "fresh").await;
    let secrets = one.bench.dir.join("secrets");
    std::fs::rename(&secrets, one.bench.dir.join("away")).unwrap();
    std::fs::write(&secrets, "no directory").unwrap();
    let elsewhere = format!("[stores.new.file]\ndir = \"{}/new\"\n", one.bench.dir.display());
    let moved = format!("{ETL}{SELDOM}store = \"new\"\n{elsewhere}");
    one.reload(&moved).await;
    let blocked = one.until_state("etl", "blocked").await;
    let message = blocked["message"].as_str().unwrap();
    assert!(message.contains("nobody can tell whether a token is served"), "{message}");
    std::fs::remove_file(&secrets).unwrap();
    std::fs::rename(one.bench.dir.join("away"), &secrets).unwrap();
    let begun = Instant::now();
    while one.shown.get("/").await.1.contains("nobody can tell") {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    one.until_state("etl", "blocked").await;
    assert!(one.connects("etl").await);
    assert!(!one.bench.dir.join("new/etl").exists());
    // Whoever takes the former secret away says that nobody reads it.
    std::fs::remove_dir_all(secrets.join("etl")).unwrap();
    let begun = Instant::now();
    while !one.bench.dir.join("new/etl/token").exists() {
        assert!(begun.elapsed() < PATIENCE, "{}", one.shown.get("/status.json").await.1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    one.stop().await;
}

/// What an edit of the credential's table does.
struct Row {
    edit: &'static str,
    becomes: (&'static str, &'static str),
    state: &'static str,
    says: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ordinary_edit_takes_a_token_in_use_away() {
    let before = "[credentials.etl]\nusername = \"etl_prod\"\nevery = \"30m\"\n";
    let mirrored = "mirrors = [{ store = \"main\", path = \"copy\" }]\n";
    let rows = [
        Row {
            edit: "it is called otherwise and keeps its place",
            becomes: ("renamed", "username = \"etl_prod\"\nevery = \"30m\"\npath = \"etl\"\n"),
            state: "fresh",
            says: "",
        },
        Row {
            edit: "it is called otherwise and so is its place",
            becomes: ("renamed", "username = \"etl_prod\"\nevery = \"30m\"\n"),
            state: "fresh",
            says: "",
        },
        Row {
            edit: "its account is another one",
            becomes: ("etl", "username = \"other_prod\"\nevery = \"30m\"\n"),
            state: "blocked",
            says: "account etl_prod",
        },
        Row {
            edit: "its account is spelled otherwise",
            becomes: (
                "etl",
                "username = \"ETL_Prod\"\nevery = \"30m\"\nmirrors = [{ store = \"main\", path = \"copy\" }]\n",
            ),
            state: "fresh",
            says: "",
        },
        Row {
            edit: "its tokens are of another type",
            becomes: (
                "etl",
                "username = \"etl_prod\"\nevery = \"30m\"\ntoken_type = \"read_scaling\"\n",
            ),
            state: "fresh",
            says: "",
        },
        Row {
            edit: "a mirror takes another place",
            becomes: (
                "etl",
                "username = \"etl_prod\"\nevery = \"30m\"\nmirrors = [{ store = \"main\", path = \"copy2\" }]\n",
            ),
            state: "blocked",
            says: "copy in store main",
        },
        Row {
            edit: "a mirror is let go of",
            becomes: ("etl", "username = \"etl_prod\"\nevery = \"30m\"\n"),
            state: "fresh",
            says: "",
        },
    ];
    for Row { edit, becomes: (name, lines), state, says } in rows {
        let one = Followed::start(&format!("{before}{mirrored}")).await;
        one.until_state("etl", "fresh").await;
        let (token, living) = (one.token("etl"), one.living("etl_prod").await);
        assert_eq!(token, one.token("copy"));
        one.reload(&format!("[credentials.{name}]\n{lines}")).await;
        let shown = one.until_state(name, state).await;
        let message = shown["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{edit}: {message}");
        assert_eq!((one.token("etl"), one.token("copy")), (token.clone(), token), "{edit}");
        assert!(one.connects("etl").await, "{edit}");
        assert!(one.living("etl_prod").await.is_superset(&living), "{edit}");
        one.stop().await;
    }
}
