//! One tenant's consumers that never answer do not keep another's credential from being rotated.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_hundred_hanging_gates_a_healthy_credential_keeps_its_pace() {
    let bench = Bench::new().await;
    // It accepts, and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let (accepted, mut count) = tokio::sync::watch::channel(0);
    let held = tokio::spawn(async move {
        let mut connections = vec![];
        while let Ok((connection, _)) = silent.accept().await {
            connections.push(connection);
            accepted.send_replace(connections.len());
        }
    });
    let hanging = |name: usize, lines: &str| {
        format!("[credentials.hangs{name}]\nusername = \"other_prod\"\n{lines}")
    };
    let fleet = |lines: &str| (0..100).map(|name| hanging(name, lines)).collect::<String>();
    let healthy = "[credentials.well]\nusername = \"etl_prod\"\nschedule = \"*/4 * * * * *\"\n";
    let first = bench.run(bench.config(&fleet("every = \"30m\"\n"))).await;
    let fresh = ["pintail_credential_state", "state=\"fresh\""];
    first.until("all have their first token", &fresh, |n| n > 99.5).await;
    first.stop().await;

    // All of them are due, and nobody answers for any.
    let due = format!("every = \"30m\"\nrenew_before = \"59m\"\ngate.http.url = \"{url}\"\n");
    let due = due.replace("every = \"30m\"\n", "every = \"1s\"\n").replace("59m", "5m");
    let shown = bench.run(bench.config(&format!("{healthy}{}", fleet(&due)))).await;
    tokio::time::timeout(PATIENCE, count.wait_for(|count| *count >= 100)).await.unwrap().unwrap();
    let rotated = ["pintail_rotations_total", "\"well\"", "outcome=\"rotated\""];
    shown.until("it rotates", &rotated, |n| n >= 1.0).await;
    let before = shown.metric(&rotated).await.unwrap();
    let begun = Instant::now();
    shown.until("it rotates on", &rotated, |n| n >= before + 3.0).await;
    assert!(begun.elapsed() < Duration::from_secs(17), "{:?}", begun.elapsed());
    let hang = ["pintail_credential_state", "state=\"rotating\""];
    assert!(shown.metric(&hang).await.unwrap() >= 100.0, "while a hundred wait at their gates");
    shown.stop().await;
    held.abort();
}
