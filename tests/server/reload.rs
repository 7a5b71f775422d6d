//! A changed configuration, taken or refused, as the page, the metrics and `/status.json` tell of it.

use pintail::config::Files;
use pintail::daemon::reload_signal;

use super::*;

const ONE: &str = "[credentials.etl]\nusername = \"etl_prod\"\nevery = \"30m\"\n";
const TWO: &str = "[credentials.other]\nusername = \"other_prod\"\nevery = \"30m\"\n";

async fn status(shown: &Shown) -> Value {
    serde_json::from_str(&shown.get("/status.json").await.1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_is_taken_or_refused_and_either_is_shown() {
    let bench = Bench::new().await;
    let file = bench.dir.join("pintail.toml");
    drop(bench.config(ONE));
    let write = |from: &str, to: &str, more: &str| {
        let text = std::fs::read_to_string(&file).unwrap().replace(from, to) + more;
        std::fs::write(&file, text).unwrap();
    };
    write("[daemon]", "[daemon]\nwatch = \"1s\"", "");
    let files = Files::new(vec![file.clone()], []);
    let as_of = files.fingerprint();
    let config = Arc::new(files.load().unwrap());
    let daemon = Daemon::open(config.clone()).await.unwrap();
    let daemon = daemon.following(files, as_of, reload_signal().unwrap());
    let shown = bench.show(daemon, &config).await;
    let successful = ["pintail_config_last_reload_successful"];
    let failures = ["pintail_config_reload_failures_total"];
    let at = ["pintail_config_last_reload_success_timestamp_seconds"];
    let fresh = ["pintail_credential_state", "\"etl\"", "state=\"fresh\""];
    shown.until("the first is fresh", &fresh, |n| n > 0.0).await;
    assert_eq!(shown.metric(&successful).await, Some(1.0));
    assert_eq!(shown.metric(&failures).await, Some(0.0));
    let started = shown.metric(&at).await.unwrap();

    write("", "", "\n[credentials.broken]\nusername = \"<b>\"\n");
    shown.until("it is refused", &successful, |n| n < 0.5).await;
    assert_eq!(shown.metric(&failures).await, Some(1.0));
    assert_eq!(shown.metric(&at).await, Some(started));
    assert_eq!(shown.reasons().await, Vec::<String>::new(), "it is as ready as before");
    let refused = status(&shown).await["configuration"]["refused"].clone();
    assert!(refused["message"].as_str().unwrap().contains("credentials.broken"), "{refused}");
    let page = shown.get("/").await.1;
    assert!(page.contains("the changed configuration is refused") && !page.contains("<b>\""));

    write("\n[credentials.broken]\nusername = \"<b>\"\n", TWO, "");
    shown.until("it is taken", &successful, |n| n > 0.5).await;
    let other = ["pintail_credential_state", "\"other\"", "state=\"fresh\""];
    shown.until("the second is fresh", &other, |n| n > 0.0).await;
    assert!(shown.metric(&at).await.unwrap() > started);
    assert!(!shown.get("/").await.1.contains("is refused"));
    let asked =
        ["pintail_store_requests_total", "store=\"main\",operation=\"publish\",result=\"ok\""];
    assert!(shown.metric(&asked).await.unwrap() >= 2.0, "what was counted is counted on");

    write(TWO, "", "");
    write("unreachable_after = \"1s\"", "unreachable_after = \"2s\"", "");
    let begun = Instant::now();
    while status(&shown).await["credentials"].as_array().unwrap().len() > 1 {
        assert!(begun.elapsed() < PATIENCE, "it is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begun = Instant::now();
    while status(&shown).await["configuration"]["needs_restart"]
        != json!(["server.unreachable_after"])
    {
        assert!(begun.elapsed() < PATIENCE, "{}", status(&shown).await["configuration"]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(shown.get("/").await.1.contains("in force, but for server.unreachable_after"));
    assert_eq!(shown.metric(&["pintail_credential_state", "\"other\""]).await, None);
    shown.stop().await;
    bench.sandbox.stop().await;
}
