//! What the server answers to whom: names that are not ours, readers who take packed answers, probes.

use super::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_name_is_shown_nothing_and_probes_are_answered_by_any() {
    let bench = Bench::new().await;
    let mut server = bench.config("").server.clone().unwrap();
    server.hosts.insert("pintail.internal".to_owned());
    let shown = bench.run(std::sync::Arc::new(pintail::config::Config {
        server: Some(server),
        ..(*bench.config("")).clone()
    }));
    let shown = shown.await;
    let ask = async |path: &str, host: &str| {
        let request = shown.client.get(format!("{}{path}", shown.url)).header("host", host);
        request.send().await.unwrap().status().as_u16()
    };
    for path in ["/", "/status.json", "/?state=held"] {
        assert_eq!(ask(path, "rebound.example:80").await, 421, "{path}");
        for name in ["localhost", "127.0.0.1:9187", "pintail.internal"] {
            assert_eq!(ask(path, name).await, 200, "{path} {name}");
        }
    }
    for path in ["/livez", "/metrics"] {
        assert_eq!(ask(path, "pintail.monitoring.svc:9187").await, 200, "{path}");
    }
    shown.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_packed_for_those_who_take_it() {
    let bench = Bench::new().await;
    let shown = bench.run(bench.config("")).await;
    for path in ["/", "/metrics"] {
        let request = shown.client.get(format!("{}{path}", shown.url));
        let packed = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{path}");
        assert_eq!(packed.headers()["cache-control"], "no-store", "{path}");
    }
    shown.stop().await;
}
