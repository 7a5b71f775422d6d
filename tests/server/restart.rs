//! A daemon that is started anew in the middle of a gate knows at once what it serves.

use super::*;

fn at_its_gate(gate: &str) -> String {
    format!(
        "[credentials.etl]\nusername = \"etl_prod\"\nevery = \"30m\"\n\
         gate.command = {{ command = [{gate}], interval = \"1s\", successes = 1, deadline = \"20m\", timeout = \"10m\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_at_a_gate_the_served_token_is_known_before_the_gate_answers() {
    let bench = Bench::new().await;
    let open = bench.dir.join("open");
    let gate = format!("\"/usr/bin/test\", \"-e\", \"{}\"", open.display());
    std::fs::write(&open, "").unwrap();
    let shown = bench.run(bench.config(&at_its_gate(&gate))).await;
    let fresh = ["pintail_credential_state", "\"etl\"", "state=\"fresh\""];
    shown.until("it is at rest", &fresh, |n| n > 0.0).await;
    shown.stop().await;
    std::fs::remove_file(&open).unwrap();
    // A second token, whose rotation waits at the gate.
    let due = format!("{}renew_before = \"61m\"\nttl = \"3h\"\n", at_its_gate(&gate));
    let shown =
        bench.run(bench.config(&due.replace("deadline = \"20m\"", "deadline = \"1s\""))).await;
    shown.until("its replacement is served", &["pintail_predecessors"], |n| n > 0.0).await;
    shown.stop().await;
    let record = bench.dir.join("secrets/etl/record.json");
    let published = Timestamp::now() - SignedDuration::from_mins(20);
    age(&record, published);

    // The gate does not even answer.
    let shown = bench.run(bench.config(&at_its_gate("\"/bin/sleep\", \"600\""))).await;
    let expiry = ["pintail_token_expiry_timestamp_seconds"];
    shown.until("its expiry is known", &expiry, |at| at > now()).await;
    let created = ["pintail_token_created_timestamp_seconds"];
    assert!(shown.metric(&created).await.is_some());
    assert_eq!(shown.metric(&["pintail_predecessors"]).await, Some(1.0));
    let status: Value = serde_json::from_str(&shown.get("/status.json").await.1).unwrap();
    let one = &status["credentials"][0];
    for known in ["token_id", "rotation_id", "created_at", "expires_at", "published_at"] {
        assert!(one[known].is_string(), "{known}: {one:#}");
    }
    // It has waited since the publication, not since the start.
    let published: Value = published.to_string().into();
    assert_eq!(one["state"], "rotating", "{one:#}");
    assert_eq!((&one["since"], &one["unfinished_since"]), (&published, &published), "{one:#}");
    let at: Timestamp = one["deadline"].as_str().unwrap().parse().unwrap();
    assert!(at < Timestamp::now() + SignedDuration::from_mins(6), "{one:#}");
    assert!(shown.get("/").await.1.contains("replaced and alive"));
    shown.stop.cancel();
    shown.daemon.abort();
}

/// As if the record had been published then.
fn age(path: &Path, then: Timestamp) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut record: Value = serde_json::from_str(&text).unwrap();
    let place = if record["pintail"].is_object() { &mut record["pintail"] } else { &mut record };
    place["published_at"] = then.to_string().into();
    std::fs::write(path, record.to_string()).unwrap();
}
