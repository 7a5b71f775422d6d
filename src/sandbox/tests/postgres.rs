//! The Postgres endpoint: who gets in, and how.

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::*;
use crate::tls::client_config;

impl Bench {
    fn postgres(&self, token: &str) -> tokio_postgres::Config {
        self.postgres_as("127.0.0.1", token)
    }

    fn postgres_as(&self, host: &str, token: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host(host)
            .hostaddr("127.0.0.1".parse().unwrap())
            .port(self.sandbox.ready().postgres_port)
            .user("postgres")
            .dbname("md:")
            .password(token)
            .ssl_mode(SslMode::Require);
        config
    }

    async fn connect_with(
        &self,
        config: &tokio_postgres::Config,
    ) -> Result<Client, tokio_postgres::Error> {
        let roots = Roots::Only(&self.sandbox.ready().ca_file);
        let tls = MakeRustlsConnect::new(client_config(roots, None).unwrap());
        let (client, connection) = config.connect(tls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    pub(super) async fn connect(&self, token: &str) -> Result<Client, tokio_postgres::Error> {
        self.connect_with(&self.postgres(token)).await
    }

    pub(super) async fn refusal(&self, token: &str) -> String {
        let Err(error) = self.connect(token).await else { panic!("the token was let in") };
        error.code().map(|code| code.code().to_owned()).unwrap_or_default()
    }
}

#[tokio::test]
async fn a_token_opens_a_session_in_both_protocols() {
    let bench = Bench::new(Options::default()).await;
    let (id, token) = bench.token(json!({ "name": "n" })).await;
    for host in ["127.0.0.1", "localhost"] {
        let mut client = bench.connect_with(&bench.postgres_as(host, &token)).await.unwrap();
        client.simple_query("SELECT 1; SET a = 1").await.unwrap();
        assert_eq!(client.query_one("SELECT 42", &[]).await.unwrap().get::<_, i32>(0), 42);
        let transaction = client.transaction().await.unwrap();
        transaction.query_one("SELECT 1", &[]).await.unwrap();
        transaction.commit().await.unwrap();
        let error = client.simple_query("SELECT * FROM t").await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "0A000");
        client.simple_query("SELECT 1").await.unwrap();
    }
    let connected = bench.events("connected").await;
    assert_eq!(connected.len(), 2);
    assert_eq!(connected[0]["token_id"], json!(id));
    assert_eq!(connected[0]["username"], "etl_prod");
    assert_eq!(bench.get("/_sandbox/requests").await.json()["postgres"], 2);
}

#[tokio::test]
async fn a_refused_token_reads_28p01_and_is_named_in_the_events_if_known() {
    let bench = Bench::new(Options::default()).await;
    let (id, token) = bench.token(json!({ "name": "n" })).await;
    bench.revoke(&id).await;
    assert_eq!(bench.refusal(&token).await, "28P01");
    assert_eq!(bench.refusal("nonsense").await, "28P01");
    let refused = bench.events("refused").await;
    assert_eq!(refused[0]["token_id"], json!(id));
    assert_eq!(refused[0]["detail"], "the token was revoked");
    assert_eq!(refused[1]["token_id"], Value::Null);
}

#[tokio::test]
async fn a_revoked_token_connects_on_during_the_revocation_delay_and_open_sessions_live_on() {
    let bench = Bench::new(Options::default()).await;
    bench.change(json!({ "revocation_delay": "1h" })).await;
    let (id, token) = bench.token(json!({ "name": "n" })).await;
    bench.revoke(&id).await;
    let client = bench.connect(&token).await.unwrap();
    bench.ask(Method::DELETE, "/v1/users/etl_prod", None).await;
    assert_eq!(bench.refusal(&token).await, "28P01", "an account's end is the end of its tokens");
    client.simple_query("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn nobody_gets_in_without_tls() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    let mut config = bench.postgres(&token);
    config.ssl_mode(SslMode::Disable);
    let error = config.connect(NoTls).await.err().unwrap();
    assert_eq!(error.code().unwrap().code(), "28000");
    assert_eq!(bench.events("refused").await.len(), 1);
}

#[tokio::test]
async fn a_client_that_believes_other_authorities_stays_away() {
    let bench = Bench::new(Options::default()).await;
    let other = Bench::new(Options::default()).await;
    let tls = client_config(Roots::Only(&other.sandbox.ready().ca_file), None).unwrap();
    let connect = bench.postgres("token").connect(MakeRustlsConnect::new(tls)).await;
    assert!(connect.err().unwrap().code().is_none());
    assert!(bench.events("refused").await.is_empty(), "no password was sent");
}

#[tokio::test]
async fn a_read_scaling_token_works_only_after_a_read_write_token_did() {
    let bench = Bench::new(Options::default()).await;
    bench.post("/v1/users", json!({ "username": "fresh" })).await;
    let token = async |token_type: &str| {
        let body = json!({ "name": token_type, "token_type": token_type });
        let reply = bench.post("/v1/users/fresh/tokens", body).await.json();
        reply["token"].as_str().unwrap().to_owned()
    };
    let (scaling, writing) = (token("read_scaling").await, token("read_write").await);
    assert_eq!(bench.refusal(&scaling).await, "28P01");
    bench.connect(&writing).await.unwrap();
    bench.connect(&scaling).await.unwrap();
}

#[tokio::test]
async fn a_session_wakes_a_duckling() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    assert_eq!(bench.get("/v1/active_accounts").await.json(), json!({ "accounts": [] }));
    let client = bench.connect(&token).await.unwrap();
    let active = |status: &str| {
        let duckling = json!({ "id": "rw", "type": "read_write", "status": status });
        json!({ "accounts": [{ "username": "etl_prod", "ducklings": [duckling] }] })
    };
    assert_eq!(bench.get("/v1/active_accounts").await.json(), active("active"));
    drop(client);
    let cooled = async {
        while bench.get("/v1/active_accounts").await.json() != active("cooldown") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), cooled).await.unwrap();
}

#[tokio::test]
async fn a_connection_can_be_made_to_fail() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    bench.plan(json!({ "operation": "connect", "how": "fail" })).await;
    assert_eq!(bench.refusal(&token).await, "57P03");
    bench.plan(json!({ "operation": "connect", "how": "lose_reply" })).await;
    assert_eq!(bench.refusal(&token).await, "");
    bench.connect(&token).await.unwrap();
}

#[tokio::test]
async fn an_unknown_kind_of_database_is_refused() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    let mut config = bench.postgres(&token);
    config.dbname("a b");
    let error = bench.connect_with(&config).await.err().unwrap();
    assert_eq!(error.code().unwrap().code(), "3D000");
}

#[tokio::test]
async fn stopping_closes_open_sessions_and_ends_hanging_requests() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    let client = bench.connect(&token).await.unwrap();
    bench.plan(json!({ "operation": "token_list", "how": "hang" })).await;
    let url = format!("{}/v1/users/etl_prod/tokens", bench.sandbox.ready().api_url);
    let hanging = tokio::spawn(bench.client.get(url).send());
    while bench.events("request_failed").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let address = bench.sandbox.ready().api_url.trim_start_matches("http://").to_owned();
    let stop = tokio::time::timeout(Duration::from_secs(3), bench.sandbox.stop());
    stop.await.expect("nothing holds a stop up");
    assert!(hanging.await.unwrap().is_err());
    assert!(client.simple_query("SELECT 1").await.is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn who_asks_which_account_was_opened_is_answered_as_the_switch_says() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    for (identity, answer) in [
        ("username", Some("etl_prod")),
        ("constant", Some("postgres")),
        ("email", Some("etl_prod@sandbox.invalid")),
        ("none", None),
    ] {
        bench.change(json!({ "identity": identity })).await;
        let client = bench.connect(&token).await.unwrap();
        let asked = client.simple_query("SELECT current_user").await;
        let named = asked.ok().map(|messages| {
            let row = messages.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0)),
                _ => None,
            });
            row.flatten().unwrap().to_owned()
        });
        assert_eq!(named.as_deref(), answer, "{identity}");
        let prepared = client.query_one("SELECT current_user", &[]).await;
        assert_eq!(prepared.ok().map(|row| row.get::<_, String>(0)).as_deref(), answer);
        client.simple_query("SELECT 1").await.unwrap();
    }
}

#[tokio::test]
async fn everybody_gets_in_where_nobody_is_asked_for_a_password() {
    let bench = Bench::new(Options { no_password: true, ..Options::default() }).await;
    let client = bench.connect("nonsense").await.unwrap();
    client.simple_query("SELECT 1").await.unwrap();
    let connected = bench.events("connected").await;
    assert_eq!((connected.len(), &connected[0]["token_id"]), (1, &Value::Null));
    drop(client);
    bench.change(json!({ "no_password": false })).await;
    assert_eq!(bench.refusal("nonsense").await, "28P01");
}

#[tokio::test]
async fn what_drivers_ask_by_themselves_is_answered_in_both_protocols() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    let client = bench.connect(&token).await.unwrap();
    // JDBC's driver at its start, in `isValid`, `getSchema` and `getTransactionIsolation`; pgx's ping; node-postgres
    // and its pool; SQLAlchemy; asyncpg's pool.
    for sql in [
        "SET extra_float_digits = 3",
        "SET application_name = 'PostgreSQL JDBC Driver'",
        "",
        "select current_schema()",
        "SHOW TRANSACTION ISOLATION LEVEL",
        "BEGIN READ ONLY",
        "ROLLBACK",
        "-- ping",
        "SELECT 1",
        "select pg_catalog.version()",
        "show standard_conforming_strings",
        "SELECT pg_advisory_unlock_all()",
        "CLOSE ALL",
        "UNLISTEN *",
        "RESET ALL",
    ] {
        client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        client.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let version: String = client.query_one("SELECT version()", &[]).await.unwrap().get(0);
    assert!(version.starts_with("PostgreSQL 1"), "{version}");
}

/// The messages of the server after a startup message over a plain connection, by their first letters.
async fn answers_to(bench: &Bench, startup: &[u8]) -> Vec<char> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = ("127.0.0.1", bench.sandbox.ready().postgres_port);
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(startup).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let (mut letters, mut rest) = (Vec::new(), answer.as_slice());
    while let [letter, a, b, c, d, ..] = *rest {
        letters.push(char::from(letter));
        rest = &rest[1 + usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap()..];
    }
    letters
}

#[tokio::test]
async fn after_a_fatal_error_nothing_more_is_said() {
    let bench = Bench::new(Options::default()).await;
    let parameters = b"user\0postgres\0database\0md:\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap().to_be_bytes();
    let startup = [&length[..], &196_608_u32.to_be_bytes(), parameters].concat();
    assert_eq!(answers_to(&bench, &startup).await, ['E'], "an error, and not that it is ready");
}
