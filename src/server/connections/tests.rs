//! What clients that are idle, slow or many can do to the server.

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(20);
const BOUNDS: Bounds = Bounds {
    connections: 8,
    head_within: Duration::from_millis(300),
    lifetime: Duration::from_millis(600),
    farewell: Duration::from_millis(100),
};

struct Served {
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn served(bounds: Bounds) -> Served {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    let large = || async { "x".repeat(64 << 20) };
    let app = Router::new().route("/livez", get(|| async { "ok" })).route("/large", get(large));
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, app, bounds, stop.clone()));
    Served { address, stop, task }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn assert_alive(&self) {
        let mut stream =
            self.send("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(rest(&mut stream).await.ends_with("ok"));
    }
}

/// What comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = vec![];
    // A reset is an end, too.
    let _ = timeout(SOON, stream.read_to_end(&mut text)).await.expect("the connection ends");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn idle_connections_by_the_thousand_keep_nobody_out() {
    let served = served(Bounds { connections: 32, ..Bounds::default() }).await;
    let mut idle = vec![];
    for _ in 0..300 {
        idle.push(served.connect().await);
    }
    served.assert_alive().await;
    let mut open = 0;
    for stream in &mut idle {
        let mut byte = [0];
        let read = timeout(Duration::from_millis(5), stream.read(&mut byte)).await;
        open += usize::from(read.is_err());
    }
    assert!((1..=32).contains(&open), "{open} are open");
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let served = served(BOUNDS).await;
    let mut silent = served.connect().await;
    let mut partial = served.send("GET /livez HTTP/1.1\r\nhost: x\r\nx-a: ").await;
    let mut kept = served.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(rest(&mut silent).await, "");
    rest(&mut partial).await;
    assert!(rest(&mut kept).await.ends_with("ok"), "it is answered, and then ends");
    served.assert_alive().await;
}

#[tokio::test]
async fn a_head_beyond_all_measure_is_refused() {
    let served = served(Bounds::default()).await;
    let long = format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-a: {}", "a".repeat(HEAD_BYTES));
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "x-a: b\r\n".repeat(HEADERS + 1));
    for head in [long, many] {
        let answer = rest(&mut served.send(&head).await).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    served.assert_alive().await;
}

#[tokio::test]
async fn http_2_is_not_spoken() {
    let served = served(BOUNDS).await;
    let mut stream = served.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!rest(&mut stream).await.contains("200 OK"));
    served.assert_alive().await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_in_ends_with_its_connection() {
    let served = served(BOUNDS).await;
    let mut lazy = served.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(BOUNDS.lifetime + BOUNDS.farewell * 3).await;
    let came = rest(&mut lazy).await.len();
    assert!(came < 64 << 20, "{came}");
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_a_stop() {
    let served = served(Bounds::default()).await;
    let silent = served.connect().await;
    let partial = served.send("GET /liv").await;
    let mut kept = served.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut answer = [0; 8];
    kept.read_exact(&mut answer).await.unwrap();
    served.stop.cancel();
    let Served { task, .. } = served;
    timeout(Duration::from_secs(4), task).await.expect("the stop comes to its end").unwrap();
    drop((silent, partial, kept));
}
