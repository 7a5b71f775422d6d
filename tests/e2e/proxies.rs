//! Where only a proxy leads out: it is used where the configuration says so, and nowhere else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::http::Consumer;
use crate::place::Kind;
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene};

/// A proxy that passes on everything, to `only` whatever was asked for, and notes what it was asked for.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || {
                    // A client that hangs up is no failure of the proxy.
                    let _ = client.and_then(|client| pass(&client, &noted));
                });
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Whether it was asked for something at `url`.
    fn has_seen(&self, url: &str) -> bool {
        self.asked().iter().any(|line| line.contains(url))
    }
}

/// One request in the form for proxies, `GET http://host/path`, and its reply.
fn pass(mut client: &TcpStream, noted: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    noted.lock().unwrap().push(head.lines().next().unwrap().to_owned());
    let target = head.split(' ').nth(1).unwrap();
    let host = target.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    if head.starts_with("CONNECT") {
        return write!(client, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    }
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut server = TcpStream::connect(host)?;
    for line in
        head.trim_end().lines().filter(|line| !line.to_lowercase().starts_with("connection:"))
    {
        write!(server, "{line}\r\n")?;
    }
    write!(server, "Connection: close\r\n\r\n")?;
    server.write_all(&body)?;
    let mut reply = Vec::new();
    server.read_to_end(&mut reply)?;
    client.write_all(&reply)?;
    client.shutdown(Shutdown::Both)
}

/// A relay that counts what comes to a server, from the proxy or directly.
fn counted(url: &str) -> Relay {
    Relay::start(url, |_| Fate::Pass)
}

#[test]
fn each_client_uses_the_proxy_that_it_is_told_of() {
    for kind in [Kind::Vault, Kind::Aws] {
        let proxy = Proxy::start();
        let consumer = Consumer::healthy();
        let sink = Consumer::healthy();
        let mut scene = Scene::new(kind);
        let url = &proxy.url;
        scene.proxies = Some(url.clone());
        let (gate, hook) =
            (format!("{}/healthz", consumer.url), format!("{}/reload", consumer.url));
        scene.defaults = format!(
            "gate.http = {{ url = \"{gate}\", interval = \"100ms\", successes = 1, proxy = \"{url}\" }}\n\
             deploy.http = {{ url = \"{hook}\", proxy = \"{url}\" }}"
        );
        scene.more = format!(
            "[notifications.bus]\nwebhook = {{ url = \"{}\", proxy = \"{url}\" }}\n[telemetry]\notlp_endpoint = \"{}\"\n\
             proxy = \"{url}\"\n",
            sink.url, sink.url
        );
        scene.first_token();
        scene.rotate(&[ETL]).came_to(0, "rotated");
        assert_eq!(scene.pintail(&["notify", "test"]).code, Some(0));
        let gateway = format!("{}/metrics/job/proxied", sink.url);
        let push = ["--due", "--metrics-push", &gateway, "--metrics-push-proxy", url];
        let pushed = scene.rotate(&push);
        assert!(!pushed.stderr.contains("not pushed"), "{pushed}");
        let store = scene.place.address.clone();
        for seen in [&scene.api_url, &store, &gate, &hook, &sink.url, &gateway] {
            assert!(proxy.has_seen(seen), "{kind:?} {seen}: {:#?}", proxy.asked());
        }
        scene.assert_at_rest();
    }
}

#[test]
fn the_environments_proxy_is_used_where_the_configuration_says_so_and_no_proxy_is_obeyed() {
    let proxy = Proxy::start();
    let mut scene = Scene::new(Kind::File);
    let relay = counted(&scene.api_url);
    scene.api_url.clone_from(&relay.url);
    scene.variables.push(("HTTP_PROXY".to_owned(), proxy.url.clone()));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert!(proxy.asked().is_empty(), "nobody asked for it: {:#?}", proxy.asked());

    scene.proxies = Some("environment".to_owned());
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert!(proxy.has_seen(&relay.url), "{:#?}", proxy.asked());

    let so_far = proxy.asked().len();
    scene.variables.push(("NO_PROXY".to_owned(), "127.0.0.1".to_owned()));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(proxy.asked().len(), so_far, "{:#?}", proxy.asked());
}

#[test]
fn the_api_server_of_kubernetes_is_reached_through_a_proxy_too() {
    let mut scene = Scene::new(Kind::File);
    let kubeconfig = scene.dir().join("kubeconfig");
    let by_url = |url: &str| format!("api_url = \"http://127.0.0.1:9\"\nproxy = \"{url}\"");
    let by_file = |url: &str| {
        let text = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {{server: 'http://127.0.0.1:9', proxy-url: '{url}'}}}}]\n\
             users: [{{name: u, user: {{}}}}]\n"
        );
        std::fs::write(&kubeconfig, text).unwrap();
        format!("kubeconfig = \"{}\"", kubeconfig.display())
    };
    let ways: [&dyn Fn(&str) -> String; 2] = [&by_url, &by_file];
    for way in ways {
        let proxy = Proxy::start();
        scene.more = format!(
            "[kubernetes]\n{}\n[stores.cluster.kubernetes]\nnamespace = \"data\"\n\
             [credentials.other]\nusername = \"other\"\nstore = \"cluster\"\npath = \"other\"\n",
            way(&proxy.url)
        );
        let plan = scene.pintail(&["plan", "other"]);
        let secret = "GET http://127.0.0.1:9/api/v1/namespaces/data/secrets/other";
        assert!(proxy.has_seen(secret), "{plan}: {:#?}", proxy.asked());
    }
    scene.more = "[kubernetes]\nproxy = \"environment\"\n".to_owned();
    scene.pintail(&["plan"]).complains(2, &["kubernetes.proxy"]);
}

#[test]
fn a_proxy_of_the_environment_is_told_of_for_every_client_that_passes_it_over() {
    let mut scene = Scene::new(Kind::File);
    scene.variables.push(("HTTPS_PROXY".to_owned(), "http://127.0.0.1:9".to_owned()));
    let vault = |proxy: &str| {
        format!(
            "[stores.far.vault]\naddress = \"https://vault.invalid\"\nauth = {{ token_file = \"/t\" }}\n{proxy}\n\
             [notifications.bus]\nwebhook = {{ url = \"https://bus.invalid\" }}\n"
        )
    };
    scene.more = vault("");
    let plan = scene.pintail(&["plan"]).stderr;
    assert!(plan.contains("for stores.far.vault.proxy, notifications.bus.webhook.proxy"), "{plan}");
    scene.more = vault("proxy = \"none\"");
    let plan = scene.pintail(&["plan"]).stderr;
    assert!(plan.contains("for notifications.bus.webhook.proxy"), "{plan}");
}

#[test]
fn a_proxy_of_the_environment_that_is_not_used_is_told_of() {
    let mut scene = Scene::new(Kind::File);
    scene.api_url = "https://api.motherduck.invalid".to_owned();
    scene.variables.push(("HTTPS_PROXY".to_owned(), "http://127.0.0.1:9".to_owned()));
    let check = scene.pintail(&["check", "--offline"]);
    assert!(check.to_string().contains("HTTPS_PROXY is set"), "{check}");
    scene.proxies = Some("none".to_owned());
    let check = scene.pintail(&["check", "--offline"]);
    assert!(!check.to_string().contains("HTTPS_PROXY is set"), "{check}");
}

#[test]
fn a_proxy_is_a_plain_url_without_a_password() {
    let mut scene = Scene::new(Kind::File);
    for wrong in ["proxy:3128", "http://user:password@127.0.0.1:9", "http://127.0.0.1:9/path"] {
        scene.proxies = Some(wrong.to_owned());
        let run = scene.rotate(&[ETL]);
        run.complains(2, &["motherduck.proxy"]);
        assert!(!run.to_string().contains("password@"), "{run}");
    }
}

#[test]
fn a_check_does_not_ask_directly_for_what_only_a_proxy_reaches() {
    let mut scene = Scene::new(Kind::File);
    let proxy = Proxy::start();
    scene.api_url = "https://api.motherduck.invalid".to_owned();
    scene.proxies = Some(proxy.url.clone());
    let check = scene.pintail(&["check"]);
    assert!(proxy.has_seen("CONNECT api.motherduck.invalid:443"), "{:#?}", proxy.asked());
    assert!(!check.stdout.contains("failed to lookup"), "{check}");
}
