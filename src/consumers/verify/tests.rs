//! What verifiers promise, against a small Postgres server behind TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::postgres::Endpoint;
use super::postgres::address::Addresses;
use super::settings::{Postgres, Verify};
use super::*;
use crate::consumers::command::sample;
use crate::consumers::command::settings::Command;
use crate::rotation::policy::IdentityRule;

const GOOD: &str = "the-g00d-token";

/// How the server greets who has given the right password.
#[derive(Clone, Copy)]
enum Manner {
    /// It names the account that was opened so.
    Names(&'static str),
    /// It does not say which account was opened.
    RefusesToSay,
    /// It is asked which account was opened, and is silent.
    FallsSilent,
    /// It is asked which account was opened, and hangs up.
    HangsUpOnThat,
    /// It is not to be asked which account was opened.
    Answers,
    /// It lets everybody in without a password.
    Trusts,
    Complains {
        state: &'static str,
        message: &'static str,
    },
    HangsUp,
    WithoutTls,
    /// Begins a message and does not come to its end.
    Endless(&'static [u8]),
}

struct Server {
    port: u16,
    dir: tempfile::TempDir,
    said_goodbye: tokio::sync::mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// A server for one connection, whose certificate is for `name`.
    async fn start(name: &str, manner: Manner) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf =
            CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (goodbye, said_goodbye) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that breaks off is what some tests are about.
            if serve(stream, TlsAcceptor::from(Arc::new(tls)), manner).await.is_ok() {
                let _ = goodbye.send(());
            }
        });
        Self { port, dir, said_goodbye }
    }

    fn settings(&self) -> Postgres {
        Postgres {
            host: Some("localhost".to_owned()),
            port: self.port,
            ca_file: Some(self.dir.path().join("ca.pem")),
        }
    }
}

async fn serve(mut stream: TcpStream, tls: TlsAcceptor, manner: Manner) -> std::io::Result<()> {
    let mut ssl_request = [0; 8];
    stream.read_exact(&mut ssl_request).await?;
    if matches!(manner, Manner::WithoutTls) {
        return stream.write_all(b"N").await;
    }
    stream.write_all(b"S").await?;
    let mut stream = tls.accept(stream).await?;
    let startup = body(&mut stream).await?;
    for expected in ["user\0postgres\0", "database\0md:\0"] {
        assert!(String::from_utf8_lossy(&startup).contains(expected), "{expected:?}");
    }
    if !matches!(manner, Manner::Trusts) {
        stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await?;
        assert_eq!(stream.read_u8().await?, b'p');
        let password = body(&mut stream).await?;
        if password != format!("{GOOD}\0").as_bytes() {
            return stream.write_all(&refusal("28P01", "no")).await;
        }
    }
    match manner {
        Manner::Names(_)
        | Manner::RefusesToSay
        | Manner::FallsSilent
        | Manner::HangsUpOnThat
        | Manner::Answers
        | Manner::Trusts => {}
        Manner::Complains { state, message } => {
            return stream.write_all(&refusal(state, message)).await;
        }
        Manner::HangsUp | Manner::WithoutTls => return stream.shutdown().await,
        Manner::Endless(head) => {
            stream.write_all(head).await?;
            for _ in 0..64 {
                stream.write_all(&vec![b'x'; 1 << 20]).await?;
            }
            return Ok(());
        }
    }
    stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await?;
    let mut next = stream.read_u8().await?;
    let mut asked = vec![];
    while next == b'Q' {
        let query = String::from_utf8(body(&mut stream).await?).unwrap();
        asked.push(query.trim_end_matches('\0').to_owned());
        match (asked.len(), manner) {
            (1, _) => stream.write_all(b"C\0\0\0\x0dSELECT 1\0").await?,
            (_, Manner::Names(name)) => stream.write_all(&row(name)).await?,
            (_, Manner::HangsUpOnThat) => return stream.shutdown().await,
            (_, Manner::FallsSilent) => return std::future::pending().await,
            (_, _) => stream.write_all(&refusal("42883", "no such function")).await?,
        }
        stream.write_all(b"Z\0\0\0\x05I").await?;
        next = stream.read_u8().await?;
    }
    assert_eq!(next, b'X');
    let expected: &[&str] = match manner {
        Manner::Trusts => &[],
        Manner::Answers => &["SELECT 1"],
        Manner::Names(_)
        | Manner::RefusesToSay
        | Manner::FallsSilent
        | Manner::HangsUpOnThat
        | Manner::Complains { .. }
        | Manner::HangsUp
        | Manner::Endless(_)
        | Manner::WithoutTls => &["SELECT 1", "SELECT current_user"],
    };
    assert_eq!(asked, expected);
    Ok(())
}

/// One row of one column, with its description.
fn row(text: &str) -> Vec<u8> {
    let mut bytes =
        b"T\0\0\0\x23\0\x01current_user\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
            .to_vec();
    let length = u32::try_from(bytes.len() - 1).unwrap();
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    bytes.push(b'D');
    bytes.extend(u32::try_from(text.len() + 10).unwrap().to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(b"C\0\0\0\x0dSELECT 1\0");
    bytes
}

async fn body(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

fn refusal(state: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{state}\0M{message}\0\0");
    let mut bytes = vec![b'E'];
    bytes.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    bytes.extend(fields.as_bytes());
    bytes
}

fn postgres(identity: IdentityRule) -> Verify {
    Verify::Postgres { database: "md:".to_owned(), identity }
}

async fn connect(settings: &Postgres, token: &str) -> Result<Verdict, PostgresError> {
    connect_by(IdentityRule::Off, settings, token).await
}

async fn connect_by(
    identity: IdentityRule,
    settings: &Postgres,
    token: &str,
) -> Result<Verdict, PostgresError> {
    let verifier = Verifier::new(&postgres(identity), settings).unwrap();
    match verifier.connect(&Token::new(token).unwrap(), &sample()).await {
        Ok(verdict) => Ok(verdict),
        Err(Error::Postgres(error)) => Err(error),
        Err(error @ Error::Command(_)) => panic!("{error}"),
    }
}

/// What a server of this manner is heard to say of whose the token is.
async fn account(manner: Manner) -> Option<String> {
    let mut server = Server::start("localhost", manner).await;
    let settings = server.settings();
    let verdict = connect_by(IdentityRule::IfAnswered, &settings, GOOD).await.unwrap();
    let Verdict::Works(answer) = verdict else { panic!("{verdict:?}") };
    if !matches!(manner, Manner::FallsSilent) {
        server.said_goodbye.recv().await.unwrap();
    }
    answer.map(|answer| {
        assert_eq!(answer.endpoint, format!("localhost:{}", server.port));
        answer.account
    })
}

#[tokio::test]
async fn a_token_that_connects_works_and_the_connection_is_closed_at_once() {
    let mut server = Server::start("localhost", Manner::Answers).await;
    assert_eq!(connect(&server.settings(), GOOD).await.unwrap(), Verdict::Works(None));
    server.said_goodbye.recv().await.unwrap();
}

#[tokio::test]
async fn the_server_is_asked_which_account_was_opened_on_the_same_connection() {
    assert_eq!(account(Manner::Names("etl_prod")).await.as_deref(), Some("etl_prod"));
    let random_looking = "Etl_prod_2024_0123456789_ABCDEFGHIJ_x";
    assert_eq!(account(Manner::Names(random_looking)).await.as_deref(), Some(random_looking));
}

#[tokio::test]
async fn a_server_that_does_not_say_which_account_was_opened_is_believed_that_the_token_works() {
    assert_eq!(account(Manner::RefusesToSay).await, None);
    assert_eq!(account(Manner::FallsSilent).await, None);
    assert_eq!(account(Manner::HangsUpOnThat).await, None);
    assert_eq!(account(Manner::Names("  ")).await, None);
}

#[tokio::test]
async fn a_server_that_names_the_password_or_a_part_of_it_is_not_repeated() {
    for named in [GOOD, "(the-g00d-token)", "the-g00d-tok"] {
        assert_eq!(account(Manner::Names(named)).await.as_deref(), Some("[redacted]"));
    }
    assert_eq!(account(Manner::Names("a\n\x1b[31mb")).await.as_deref(), Some("a [31mb"));
}

#[tokio::test]
async fn a_server_that_asks_for_no_password_proves_nothing() {
    for identity in [IdentityRule::Off, IdentityRule::IfAnswered, IdentityRule::Required] {
        let mut server = Server::start("localhost", Manner::Trusts).await;
        let error = connect_by(identity, &server.settings(), GOOD).await.unwrap_err();
        assert!(matches!(error, PostgresError::NoPassword { .. }), "{error}");
        assert_eq!(error.kind(), FaultKind::Permanent);
        assert!(error.hint().unwrap().contains("trust"));
        server.said_goodbye.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_password_is_the_servers_word_on_the_token() {
    let server = Server::start("localhost", Manner::Answers).await;
    let Verdict::Refused(text) = connect(&server.settings(), "another-token").await.unwrap() else {
        panic!()
    };
    assert_eq!(text, format!("localhost:{} refused it with SQLSTATE 28P01", server.port));
}

/// The verdict of a name with these addresses, the last of which may be the server's.
async fn search(server: &Server, found: Vec<SocketAddr>, token: &str) -> Verdict {
    let endpoint = Endpoint::new(&server.settings(), "md:", IdentityRule::Off).unwrap();
    let (host, token) = ("localhost".to_owned(), Token::new(token).unwrap());
    let addresses = Addresses::told(&host, found);
    endpoint.search(host, &addresses, &token).await.unwrap()
}

/// An address where nobody listens, and one where whoever comes is sent away.
async fn useless() -> [SocketAddr; 2] {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = rude.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = rude.accept().await {
            drop(stream);
        }
    });
    [closed, address]
}

#[tokio::test]
async fn a_refusal_at_one_address_is_the_hosts_word_whatever_the_others_say() {
    for other in useless().await {
        let server = Server::start("localhost", Manner::Answers).await;
        let at = SocketAddr::from(([127, 0, 0, 1], server.port));
        let verdict = search(&server, vec![at, other], "another-token").await;
        assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_does_not_hide_the_one_that_works() {
    let server = Server::start("localhost", Manner::Answers).await;
    let at = SocketAddr::from(([127, 0, 0, 1], server.port));
    let found = useless().await.into_iter().chain([at]).collect();
    assert_eq!(search(&server, found, GOOD).await, Verdict::Works(None));
}

#[tokio::test]
async fn other_errors_of_the_server_say_nothing_about_the_token_and_do_not_show_it() {
    for (state, kind) in [
        ("53300", FaultKind::Transient),
        ("XX000", FaultKind::Transient),
        ("3D000", FaultKind::Permanent),
    ] {
        let message = "trouble with the-g00d-token";
        let server = Server::start("localhost", Manner::Complains { state, message }).await;
        let error = connect(&server.settings(), GOOD).await.unwrap_err();
        let expected =
            format!("localhost:{} answered SQLSTATE {state}: trouble with [redacted]", server.port);
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), kind);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_or_is_refused_is_passing_trouble() {
    let server = Server::start("localhost", Manner::HangsUp).await;
    let error = connect(&server.settings(), GOOD).await.unwrap_err();
    assert!(matches!(error, PostgresError::Connection { .. }), "{error}");
    assert!(error.hint().unwrap().contains("no HTTP proxy"), "{error}");
    assert_eq!(error.kind(), FaultKind::Transient);
    // It served one connection, and its listener is gone.
    let error = connect(&server.settings(), GOOD).await.unwrap_err();
    assert!(matches!(error, PostgresError::Connection { .. }), "{error}");
    assert_eq!(error.kind(), FaultKind::Transient);
}

#[tokio::test]
async fn a_server_that_does_not_stop_talking_is_not_listened_to() {
    // A notice, a parameter and a row that are said to be as long as can be; and a length that makes no sense.
    for head in
        [&b"N\x7f\xff\xff\xff"[..], b"S\x7f\xff\xff\xff", b"D\x7f\xff\xff\xff", b"N\0\0\0\0"]
    {
        let mut server = Server::start("localhost", Manner::Endless(head)).await;
        let error = connect(&server.settings(), GOOD).await.unwrap_err();
        assert!(matches!(error, PostgresError::Connection { .. }), "{error}");
        assert_eq!(server.said_goodbye.recv().await, None, "it was not heard to its end");
    }
}

#[tokio::test]
async fn an_unknown_authority_is_for_a_person_to_repair() {
    let server = Server::start("localhost", Manner::Answers).await;
    let other = Server::start("localhost", Manner::Answers).await;
    let mut settings = server.settings();
    settings.ca_file = other.settings().ca_file;
    let error = connect(&settings, GOOD).await.unwrap_err();
    assert!(matches!(error, PostgresError::Distrust { .. }), "{error}");
    assert_eq!(error.kind(), FaultKind::Permanent);
    let hint = error.hint().unwrap();
    assert!(hint.contains("localhost") && hint.contains("ca.pem"), "{hint}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_believed() {
    let server = Server::start("elsewhere.example", Manner::Answers).await;
    let error = connect(&server.settings(), GOOD).await.unwrap_err();
    assert!(matches!(error, PostgresError::Distrust { .. }), "{error}");
}

#[tokio::test]
async fn the_token_is_not_sent_without_tls() {
    let server = Server::start("localhost", Manner::WithoutTls).await;
    let error = connect(&server.settings(), GOOD).await.unwrap_err();
    assert!(matches!(error, PostgresError::Connection { .. }), "{error}");
}

#[tokio::test]
async fn without_a_host_and_a_region_the_person_is_asked_for_the_host() {
    let server = Server::start("localhost", Manner::Answers).await;
    let mut settings = server.settings();
    settings.host = None;
    let token = region::jwt(&json!({"mdRegion": "no region"}));
    let error = connect(&settings, &token.lend(str::to_owned)).await.unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("name motherduck.postgres.host"));
    assert_eq!(error.kind(), FaultKind::Permanent);
}

async fn by_command(script: &str) -> Result<Verdict, Error> {
    let command = Command {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        timeout: std::time::Duration::from_secs(20),
    };
    let unused = Postgres { host: None, port: 1, ca_file: None };
    let verifier = Verifier::new(&Verify::Command(command), &unused).unwrap();
    verifier.connect(&Token::new(GOOD).unwrap(), &sample()).await
}

#[tokio::test]
async fn a_command_gives_its_verdict_by_its_exit_code() {
    let works = by_command(r#"read -r token; test "$token" = the-g00d-token"#).await.unwrap();
    assert_eq!(works, Verdict::Works(None));
    let Verdict::Refused(text) = by_command("cat; exit 1").await.unwrap() else { panic!() };
    assert_eq!(text, "command /bin/sh exited with code 1");
}

#[tokio::test]
async fn a_command_that_was_killed_gave_no_verdict() {
    let error = by_command("kill -9 $$").await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Transient);
}

#[test]
fn a_verification_can_be_made_from_any_task() {
    fn check<T: Send>(_: T) {}
    let endpoint = Postgres { host: None, port: 1, ca_file: None };
    let how = postgres(IdentityRule::IfAnswered);
    let verifier = Verifier::new(&how, &endpoint).unwrap();
    check(verifier.connect(&Token::new(GOOD).unwrap(), &sample()));
}
