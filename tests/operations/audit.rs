//! `pintail audit` and `pintail adopt --from`, as a pipeline runs them.

use serde_json::json;

use super::bench::{Bench, Run};

fn document(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("not JSON: {run:?}"))
}

#[test]
fn an_audit_ends_with_0_until_there_is_something_to_remark_and_changes_nothing() {
    let bench = Bench::with(&["--accounts=etl_prod,spare_one"]);
    bench.configure_credential();
    bench.run("rotate-now etl").text();
    let run = bench.run("audit --output json");
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(document(&run)["uncovered_accounts"], json!(["spare_one"]));
    let allowed = bench.run("audit --allow uncovered --output json");
    assert_eq!(allowed.code, 0, "{allowed:?}");
    let found = &document(&allowed)["findings"][0];
    assert_eq!((&found["finding"], &found["allowed"]), (&json!("uncovered"), &json!(true)));

    let hand = bench.token("by hand");
    let before = bench.tokens();
    let run = bench.run("audit --allow uncovered --output json");
    assert_eq!(run.code, 3, "{run:?}");
    let tokens = document(&run)["accounts"][0]["tokens"].clone();
    let stray = tokens.as_array().unwrap().iter().find(|token| token["id"] == hand).unwrap();
    assert_eq!(
        (&stray["kind"], &stray["findings"], &stray["age_days"]),
        (&json!("unmanaged"), &json!(["unmanaged", "never_expires"]), &json!(0))
    );
    let text = bench.run("audit");
    let told = format!("nobody manages token {hand} \"by hand\"");
    assert!(text.stdout.contains(&told) && text.code == 3, "{text:?}");
    let all = "audit --allow uncovered,unmanaged --allow never_expires";
    assert_eq!(bench.run(all).code, 0);
    assert_eq!(bench.tokens(), before);
    assert!(bench.run("audit --allow everything").refusal(2).contains("never_expires"));
}

#[test]
fn an_audit_asks_for_each_account_once() {
    let bench = Bench::new();
    bench.configure_credential();
    let before = bench.requests();
    assert_eq!(bench.run("audit").code, 0);
    assert_eq!(bench.requests() - before, 2, "the users and one list of tokens");
}

#[test]
fn where_nobody_lists_users_the_active_accounts_are_told_and_that_they_are() {
    let bench = Bench::new();
    bench.configure_credential();
    bench.plan(&json!({ "operation": "user_list", "how": "fail", "status": 404 }));
    let run = bench.run("audit --output json");
    assert_eq!(document(&run)["accounts_source"], "active", "{run:?}");
}

#[test]
fn what_cannot_be_looked_at_is_a_failure() {
    let bench = Bench::new();
    bench.configure_credential();
    bench.plan(&json!({ "operation": "token_list", "how": "fail", "status": 403 }));
    let run = bench.run("audit --output json");
    assert_eq!(run.code, 1, "{run:?}");
    let document = document(&run);
    assert_eq!(document["accounts"][0]["tokens"], json!(null));
    assert_eq!(document["errors"][0]["subject"], "account ETL_prod");
}

#[test]
fn a_list_of_adoptions_is_checked_before_anybody_is_contacted_and_may_come_from_a_pipe() {
    let bench = Bench::new();
    bench.configure_credential();
    let (_, made) = bench.ask("POST", "/v1/users/etl_prod/tokens", &json!({ "name": "by hand" }));
    let (id, text) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    bench.shell("install -d -m 700 secrets secrets/motherduck secrets/motherduck/etl").text();
    std::fs::write(bench.path("secrets/motherduck/etl/token"), text).unwrap();

    let before = bench.requests();
    std::fs::write(bench.path("list"), format!("etl {id}\ngone {id}\n")).unwrap();
    let run = bench.shell("$PINTAIL adopt --from list");
    for part in ["line 2: there is no credential `gone`", "stands in line 1 already"] {
        assert!(run.refusal(2).contains(part), "{run:?}");
    }
    assert_eq!(bench.requests(), before);

    let dry = bench.shell(&format!("echo etl {id} | $PINTAIL adopt --from - --dry-run"));
    assert!(dry.text().contains("1 ready"), "{dry:?}");
    let run =
        bench.shell(&format!("echo 'etl {id} # old' | $PINTAIL adopt --from - --output json"));
    let adopted = &run.json()["adoptions"][0];
    assert_eq!((&adopted["outcome"], &adopted["line"]), (&json!("adopted"), &json!(1)));
    assert!(!run.stdout.contains(text));
    let again = bench.shell(&format!("echo etl {id} | $PINTAIL adopt --from -"));
    assert!(again.text().starts_with("line 1: etl: token"), "{again:?}");
    assert!(again.text().contains("0 adopted, 1 already managed"), "{again:?}");
}
