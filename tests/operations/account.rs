//! `pintail account`.

use std::process::Stdio;

use serde_json::json;

use super::bench::Bench;

fn usernames(document: &serde_json::Value) -> Vec<&str> {
    let accounts = document["accounts"].as_array().unwrap();
    accounts.iter().map(|account| account["username"].as_str().unwrap()).collect()
}

#[test]
fn an_account_is_created_listed_and_deleted() {
    let bench = Bench::new();
    let created = bench.json("account create importer");
    assert_eq!(created, json!({ "username": "importer", "outcome": "created" }));
    let listed = bench.json("account list");
    assert_eq!(listed["source"], "users");
    assert_eq!(usernames(&listed), ["etl_prod", "importer"]);
    assert_eq!(listed["accounts"][0]["kind"], "service_account");
    let deleted = bench.json("account delete importer --yes");
    assert_eq!(deleted, json!({ "username": "importer", "outcome": "deleted" }));
    assert_eq!(usernames(&bench.json("account list")), ["etl_prod"]);
}

#[test]
fn every_verb_speaks_to_people_too() {
    let bench = Bench::new();
    bench.configure_credential();
    assert_eq!(bench.run("account create importer").text(), "account importer was created\n");
    assert_eq!(bench.run("account ensure importer").text(), "account importer exists\n");
    let list = bench.run("account list");
    let rows: Vec<Vec<&str>> =
        list.text().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["USERNAME", "KIND", "ROLES", "CREDENTIALS"]);
    assert_eq!(rows[1], ["etl_prod", "service", "account", "Member", "etl"]);
    assert_eq!(bench.run("account active").text().trim(), "USERNAME  DUCKLING  TYPE  STATUS");
    assert_eq!(bench.run("account delete importer --yes").text(), "account importer was deleted\n");
}

#[test]
fn people_are_listed_only_if_asked_for() {
    let bench = Bench::new();
    assert_eq!(usernames(&bench.json("account list")), ["etl_prod"]);
    let all = bench.json("account list --all");
    assert_eq!(usernames(&all), ["etl_prod", "sandbox_admin", "sandbox_member"]);
    assert_eq!(all["accounts"][1]["kind"], "person");
    assert_eq!(all["accounts"][1]["roles"], json!(["Admin"]));
}

#[test]
fn a_list_of_more_than_a_page_is_whole() {
    let names: Vec<_> = (0..1005).map(|n| format!("acc{n:04}")).collect();
    let bench = Bench::with(&[&format!("--accounts={}", names.join(","))]);
    let before = bench.requests();
    assert_eq!(usernames(&bench.json("account list")), names);
    assert_eq!(bench.requests() - before, 2);
}

#[test]
fn without_a_list_of_users_the_configured_accounts_are_shown_which_is_said() {
    let bench = Bench::new();
    bench.configure_credential();
    for fault in [
        json!({ "operation": "user_list", "how": "not_found_text" }),
        json!({ "operation": "user_list", "how": "fail", "status": 404 }),
        json!({ "operation": "user_list", "how": "fail", "status": 403 }),
    ] {
        bench.plan(&fault);
        let run = bench.run("account list --output json");
        let expected = json!({
            "source": "configuration",
            "accounts": [{ "username": "ETL_prod", "credentials": ["etl"] }],
        });
        assert_eq!(run.json(), expected);
        assert!(run.stderr.contains("these are the configured accounts: cannot list the users"));
        bench.plan(&fault);
        assert!(bench.run("account list").text().contains("ETL_prod"));
    }
}

#[test]
fn a_list_that_failed_is_not_replaced_by_the_configuration() {
    let bench = Bench::new();
    bench.plan(&json!({ "operation": "user_list", "how": "fail", "status": 500 }));
    bench.run("account list").refusal(1);
}

#[test]
fn active_accounts_are_told_with_their_ducklings() {
    let bench = Bench::new();
    bench.configure_credential();
    bench.run("rotate-now etl").text();
    let active = bench.json("account active");
    assert_eq!(active["accounts"][0]["username"], "etl_prod");
    assert_eq!(active["accounts"][0]["ducklings"][0]["id"], "rw");
    assert_eq!(active["accounts"][0]["ducklings"][0]["type"], "read_write");
}

#[test]
fn nothing_is_deleted_unless_somebody_confirms_it() {
    let bench = Bench::new();
    let before = bench.requests();
    let refused = bench.run("account delete etl_prod");
    assert!(refused.refusal(2).contains("hint: add --yes"), "{refused:?}");
    // A pipe is nobody, whatever it says.
    let mut piped = bench.command("account delete etl_prod");
    let mut child = piped.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"etl_prod\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert_eq!(bench.requests(), before, "nothing was contacted");
}

#[test]
fn on_a_terminal_the_name_must_be_typed() {
    let bench = Bench::new();
    for wrong in ["yes", "", "etl_pro"] {
        let run = bench.type_into("account delete etl_prod", wrong);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stdout.contains("not confirmed; nothing was changed"), "{run:?}");
    }
    assert!(bench.events("account_deleted").is_empty());
    let run = bench.type_into("account delete etl_prod", "etl_prod");
    assert!(run.text().contains("Type its name to go on"), "{run:?}");
    assert_eq!(bench.events("account_deleted").len(), 1);
}

#[test]
fn a_configured_account_is_deleted_only_by_an_explicit_word() {
    let bench = Bench::new();
    bench.configure_credential();
    let before = bench.requests();
    let refused = bench.run("account delete etl_prod --yes");
    assert!(refused.refusal(2).contains("account etl_prod is used by etl"), "{refused:?}");
    assert_eq!(bench.requests(), before, "nothing was contacted");
    bench.json("account delete etl_prod --yes --even-if-configured");
    assert_eq!(bench.events("account_deleted").len(), 1);
}

#[test]
fn deleting_what_is_not_there_is_an_error_but_a_lost_reply_is_not() {
    let bench = Bench::new();
    let refused = bench.run("account delete etl_prdo --yes");
    assert!(refused.refusal(1).contains("MotherDuck knows no account etl_prdo"), "{refused:?}");
    bench.plan(&json!({ "operation": "user_delete", "how": "lose_reply" }));
    assert_eq!(bench.json("account delete etl_prod --yes")["outcome"], "already_gone");
}

#[test]
fn an_account_that_exists_cannot_be_created_but_ensured() {
    let bench = Bench::new();
    let refused = bench.run("account create Etl_Prod");
    assert!(refused.refusal(1).contains("409 CONFLICT"), "{refused:?}");
    for _ in 0..2 {
        let ensured = bench.json("account ensure importer");
        assert_eq!(ensured["ducklings"], json!(null));
    }
    assert_eq!(bench.events("account_created").len(), 1);
}

#[test]
fn a_creation_whose_reply_was_lost_is_found_out_by_ensuring() {
    let bench = Bench::new();
    let lost = || json!({ "operation": "user_create", "how": "lose_reply" });
    bench.plan(&lost());
    let run = bench.run("account create importer");
    assert!(run.refusal(1).contains("`pintail account ensure importer` finds out"), "{run:?}");
    assert_eq!(bench.json("account ensure importer")["outcome"], "exists");
    bench.plan(&lost());
    assert_eq!(bench.json("account ensure other")["outcome"], "exists");
    bench.plan(&json!({ "operation": "user_create", "how": "fail", "status": 400 }));
    assert!(bench.run("account ensure third").refusal(1).contains("400 BAD_REQUEST"));
    assert_eq!(bench.events("account_created").len(), 2);
}

#[test]
fn an_account_is_ensured_with_its_ducklings() {
    let bench = Bench::new();
    let line =
        "account ensure importer --read-write-size jumbo --read-write-cooldown 5m --flock-size 8";
    let ensured = bench.json(line);
    assert_eq!(
        (&ensured["outcome"], &ensured["ducklings_changed"]),
        (&json!("created"), &json!(true))
    );
    assert_eq!(
        ensured["ducklings"]["read_write"],
        json!({ "instance_size": "jumbo", "cooldown_seconds": 300 })
    );
    let again = bench.json(line);
    assert_eq!((&again["outcome"], &again["ducklings_changed"]), (&json!("exists"), &json!(false)));
    assert_eq!(bench.events("ducklings_set").len(), 1, "what is as it should be is not written");
}

#[test]
fn an_admin_token_that_is_no_admins_is_told_with_motherducks_own_words() {
    let bench = Bench::new();
    let token = bench.json("token create etl_prod --name n")["token"].as_str().unwrap().to_owned();
    std::fs::write(bench.path("member"), token).unwrap();
    let run =
        bench.shell("PINTAIL__MOTHERDUCK__ADMIN_TOKEN__FILE=$PWD/member $PINTAIL account active");
    assert!(run.refusal(1).contains("403 FORBIDDEN: the user does not have the minimum role"));
    assert!(run.stderr.contains("hint: the token in file"), "{run:?}");
}

#[test]
fn a_configuration_without_credentials_is_enough_and_draws_no_warning() {
    let bench = Bench::new();
    let run = bench.run("account list");
    run.text();
    assert_eq!(run.stderr, "");
}

#[test]
fn without_an_admin_token_the_end_is_a_usage_error() {
    let bench = Bench::new();
    let run =
        bench.shell("PINTAIL__MOTHERDUCK__ADMIN_TOKEN__FILE=/nonexistent/x $PINTAIL account list");
    run.refusal(2);
}
