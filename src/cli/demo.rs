//! `pintail demo`: whole rotations of three accounts, step by step, with nothing but this program.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::output::CredentialResult;
use super::progress::word;
use super::sandbox::consumers::Consumers;
use super::{ExitCode, rotate_now, selection};
use crate::audit_log;
use crate::config::Config;
use crate::engine::Engine;
use crate::names::{AccountName, CredentialName};
use crate::rotation::decide::Request;
use crate::rotation::run::Outcome;
use crate::rotation::step_log::{Progress, Step};
use crate::sandbox::{self, Options, Ready};

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const ACCOUNTS: [&str; 3] = ["etl_prod", "dashboards", "customer_42"];

/// Starts a stand-in for MotherDuck and consumers that read their token from files, then rotates each account's token.
pub(super) async fn demo(stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let directory = tempfile::Builder::new()
        .prefix("pintail-demo-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir()?;
    let accounts =
        ACCOUNTS.iter().map(|name| name.parse()).collect::<Result<Vec<AccountName>, _>>()?;
    let options = Options {
        accounts: accounts.clone(),
        dir: Some(directory.path().join("motherduck")),
        ..Options::default()
    };
    let sandbox = sandbox::start(options).await?;
    let secrets = directory.path().join("secrets");
    std::fs::DirBuilder::new().mode(0o700).create(&secrets)?;
    let consumers = Consumers::start(&secrets, sandbox.ready(), ANY_PORT, None).await?;
    let config = configuration(directory.path(), &secrets, sandbox.ready(), consumers.address())?;
    let engine = selection::open(Arc::new(config)).await?;
    say(&format!(
        "A stand-in for MotherDuck listens at {}; consumers read their tokens from files in {}.",
        sandbox.ready().api_url,
        secrets.display()
    ))?;
    let mut code = ExitCode::Settled;
    for account in &accounts {
        for title in ["its first token", "a whole rotation"] {
            say(&format!("\n{account}: {title}"))?;
            let result = rotate(&engine, &account.as_str().parse()?, stop.clone()).await?;
            let Some(result) = result else { continue };
            if result.outcome != Outcome::Rotated {
                code = ExitCode::Failed;
            }
            result.write_text(&mut std::io::stdout().lock())?;
        }
    }
    let (connections, failures) = consumers.count();
    say(&format!(
        "\nThe consumers connected {connections} times with what they read, {failures} times in vain. Every old token was \
         revoked only after its consumer was healthy with the new one."
    ))?;
    sandbox.stop().await;
    Ok(code)
}

async fn rotate(
    engine: &Engine,
    name: &CredentialName,
    stop: CancellationToken,
) -> anyhow::Result<Option<CredentialResult>> {
    let observer = |progress: Progress| {
        if let Progress::Ended(step, outcome, problem) = progress {
            let problem = problem.map(|text| format!(": {text}")).unwrap_or_default();
            let line =
                format!("  {:<10} {:<8} {}{problem}", step.as_str(), word(outcome), done(step));
            // Whoever closed standard output is told by the next `say`.
            let _ = say(&line);
        }
    };
    let asked = (Request::ROTATION, audit_log::Trigger::Manual.into());
    let report = rotate_now::rotate(engine, name, asked, None, stop, &observer).await;
    Ok(report.map(|report| CredentialResult::new(name, report, None)))
}

/// What is shown by a step that came about.
fn done(step: Step) -> &'static str {
    match step {
        Step::Create => "a replacement is created",
        Step::Preflight => "it connects, before anyone can read it",
        Step::Publish => "it is written where the consumer reads it",
        Step::Mirror => "it is written into the mirrors",
        Step::Deploy => "the consumer is told to reload",
        Step::Gate => "the consumer is healthy",
        Step::Verify => "the token connects as read back from the store",
        Step::Seal => "the old token is marked as retiring: no way back from here",
        Step::Revoke => "the old token is revoked by its ID",
        Step::Confirm => "the old token is refused",
    }
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The configuration of the demo, written as a user would write it.
fn configuration(
    directory: &Path,
    secrets: &Path,
    ready: &Ready,
    consumers: SocketAddr,
) -> anyhow::Result<Config> {
    use std::fmt::Write as _;
    let quoted = |path: &Path| serde_json::to_string(&path.to_string_lossy());
    let mut text = format!(
        r#"owner = "demo"
[motherduck]
api_url = "{api}"
admin_token = {{ file = {admin} }}
requests_per_second = 100
[motherduck.postgres]
host = "{host}"
port = {port}
ca_file = {ca}
[stores.main.file]
dir = {dir}
[defaults]
store = "main"
path = "{{credential}}"
schedule = "0 3 * * SUN"
ttl = "45d"
[defaults.gate.http]
url = "http://{consumers}/healthz/{{credential}}/{{token_id}}"
interval = "200ms"
successes = 3
deadline = "30s"
"#,
        api = ready.api_url,
        admin = quoted(&ready.admin_token_file)?,
        host = ready.postgres_host,
        port = ready.postgres_port,
        ca = quoted(&ready.ca_file)?,
        dir = quoted(secrets)?,
    );
    for account in ACCOUNTS {
        writeln!(text, "[credentials.{account}]\nusername = \"{account}\"")?;
    }
    let file = directory.join("pintail.toml");
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)?
        .write_all(text.as_bytes())?;
    Ok(Config::load(&[file], std::iter::empty())?)
}
