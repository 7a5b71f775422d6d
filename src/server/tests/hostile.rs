//! What strangers may send to the server, drawn by chance, byte for byte over real connections.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

use crate::drawn::each;
use crate::server::{Door, Server, settings};

const WORDS: &[&str] = &[
    "GET",
    "POST",
    "HEAD",
    "OPTIONS",
    "CONNECT",
    "/",
    "/livez",
    "/readyz",
    "/metrics",
    "/status.json",
    "*",
    "//",
    "/..",
    "?q=",
    "&state=",
    "held",
    "&sort=",
    "&rows=",
    "%00",
    "%ff",
    "%",
    "%3Cimg%20src=x%3E",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2.0",
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "Host: localhost",
    "Host: evil.example",
    "Content-Length: 5",
    "Content-Length: -1",
    "Content-Length: 18446744073709551616",
    "Transfer-Encoding: chunked",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "Expect: 100-continue",
    "Connection: close",
    "Connection: upgrade",
    "Upgrade: h2c",
    "Accept-Encoding: gzip",
    "Accept: application/openmetrics-text",
    "http://evil.example/",
    "http://localhost/",
];
const SOON: Duration = Duration::from_secs(15);

/// What is answered to these bytes, of somebody who sends nothing more. Who hangs up at once is answered nothing.
async fn answered(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let mut answer = vec![];
    // What is too much is not read to its end.
    let _ = stream.write_all(bytes).await;
    if is_whole(bytes) {
        let first = stream.read_buf(&mut answer);
        let _ = tokio::time::timeout(SOON, first).await.expect("there is an answer");
    }
    let _ = stream.shutdown().await;
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(SOON, read).await.expect("the connection ends");
    answer
}

/// Whether these bytes begin with a request whose head is whole.
fn is_whole(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let rest = start.map_or(&[][..], |start| &bytes[start..]);
    rest.windows(4).any(|four| four == b"\r\n\r\n") && !rest.starts_with(b"PRI ")
}

#[test]
fn whatever_is_sent_is_answered_in_http_or_not_at_all_and_the_next_is_served() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, fleet) = fleet();
    let settings = settings::Server {
        listen: "127.0.0.1:0".parse().unwrap(),
        is_asked_for: true,
        hosts: std::collections::BTreeSet::new(),
        credential_label: Some(true),
        unreachable_after: LONG,
    };
    let server =
        runtime.block_on(async { Door::open(&settings).await.unwrap().serve(Arc::new(fleet)) });
    each("request", WORDS, |bytes| {
        let answer = runtime.block_on(answered(&server, bytes));
        let text = String::from_utf8_lossy(&answer);
        let status =
            text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
        if status.is_none() {
            assert!(answer.is_empty() && !is_whole(bytes), "{text}");
        }
        assert!(status != Some(500) && !text.contains("<img"), "{text}");
        let probe = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let alive = runtime.block_on(answered(&server, probe));
        assert!(alive.starts_with(b"HTTP/1.1 "), "{}", alive.escape_ascii());
    });
    runtime.block_on(server.stop());
}
