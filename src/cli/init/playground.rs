//! A playground: a configuration, a store, consumers, and a script that starts the stand-in for MotherDuck.

use std::fmt::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use super::super::ExitCode;
use super::super::error::CliError;
use super::configuration::quoted_path;
use super::files::{self, NewFile};
use super::manifests::shown;

const ACCOUNTS: [&str; 2] = ["etl_prod", "dashboards"];

/// Where the parts of the playground will listen.
struct Ports {
    rest: u16,
    postgres: u16,
    consumers: u16,
    server: u16,
}

/// Makes it in `directory`, which must not exist or be empty: its files, and the commands that come next. Nothing is
/// started.
pub(super) fn make(directory: &Path) -> Result<(Vec<PathBuf>, Vec<String>), CliError> {
    let is_used = std::fs::read_dir(directory).is_ok_and(|mut all| all.next().is_some());
    if is_used || directory.is_file() {
        let hint = Some("name a directory that does not exist yet".to_owned());
        let message = format!("{} is not empty", directory.display());
        return Err(CliError::usage(message, hint));
    }
    files::make_directory(directory, 0o700)?;
    let failed = |error: std::io::Error| {
        CliError::of(&error, ExitCode::Failed, Some("choose another directory".to_owned()))
    };
    // The script and the configuration work from any directory.
    let root = directory.canonicalize().map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let ports = free_ports().map_err(failed)?;
    let all = [
        NewFile::of(&root.join("pintail.toml"), configuration(&root, &ports)),
        NewFile::program(&root.join("start"), script(&root, &program, &ports)),
    ];
    files::write(&all)?;
    files::make_directory(&root.join("secrets"), 0o700)?;
    let start = directory.join("start");
    let start =
        if start.is_absolute() { shown(&start) } else { shown(&Path::new(".").join(start)) };
    let config = shown(&directory.join("pintail.toml"));
    let next = vec![
        format!(
            "{start}   # the stand-in and the consumers, until Ctrl-C; then, in another terminal:"
        ),
        format!("pintail --config {config} rotate-now etl_prod   # its first token"),
        format!("pintail --config {config} rotate-now etl_prod   # a whole rotation"),
    ];
    Ok((all.into_iter().map(|one| one.path).collect(), next))
}

/// Ports that are free now. Whoever takes one before the script does is named by the script's error.
fn free_ports() -> std::io::Result<Ports> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // All at once, so that they differ.
    let [rest, postgres, consumers, server] = [listen()?, listen()?, listen()?, listen()?];
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    Ok(Ports {
        rest: port(&rest)?,
        postgres: port(&postgres)?,
        consumers: port(&consumers)?,
        server: port(&server)?,
    })
}

fn configuration(root: &Path, ports: &Ports) -> String {
    let [admin, ca, secrets, log] =
        ["motherduck/admin-token", "motherduck/ca.pem", "secrets", "audit.jsonl"]
            .map(|name| quoted_path(&root.join(name)));
    let Ports { rest, postgres, consumers, server } = ports;
    let mut text = format!(
        r#"# A playground, made by `pintail init --sandbox`. The script `start` beside this file must run.

owner = "playground"

# The stand-in for MotherDuck. With the real one, only `admin_token` is needed.
[motherduck]
api_url = "http://127.0.0.1:{rest}"
admin_token = {{ file = {admin} }}
postgres = {{ host = "127.0.0.1", port = {postgres}, ca_file = {ca} }}

# Where consumers read their tokens: a directory for each credential, whose file `token` is the bare text.
[stores.main.file]
dir = {secrets}

# What was created, served, verified and revoked, by whom and why.
[audit_log]
file = {log}

# The status page of `pintail run`.
[server]
listen = "127.0.0.1:{server}"

[defaults]
store = "main"
path = "{{credential}}"
schedule = "0 3 * * SUN"
ttl = "45d"
renew_before = "7d"
# Each consumer answers 200 only for the token that it is connected with. While the file `unhealthy` exists beside this
# one, none of them is healthy.
gate.http = {{ url = "http://127.0.0.1:{consumers}/healthz/{{credential}}/{{token_id}}", interval = "1s", successes = 3, deadline = "15s" }}
"#
    );
    for account in ACCOUNTS {
        // Writing into a text cannot fail.
        let _ = write!(text, "\n[credentials.{account}]\nusername = \"{account}\"\n");
    }
    text
}

fn script(root: &Path, program: &Path, ports: &Ports) -> String {
    let Ports { rest, postgres, consumers, .. } = ports;
    let (root, program) = (shown(root), shown(program));
    format!(
        r#"#!/bin/sh
# Starts the stand-in for MotherDuck, and consumers that read their tokens from files, until Ctrl-C. Nothing outlives it.
PINTAIL=${{PINTAIL:-{program}}}
cd {root} || exit
echo 'It runs until Ctrl-C. In another terminal:' >&2
echo "  $PINTAIL --config {root}/pintail.toml rotate-now etl_prod" >&2
exec "$PINTAIL" sandbox --dir motherduck --accounts {accounts} \
  --rest-listen 127.0.0.1:{rest} --postgres-listen 127.0.0.1:{postgres} \
  --consumers secrets --consumers-listen 127.0.0.1:{consumers} --consumers-unhealthy-while unhealthy
"#,
        accounts = ACCOUNTS.join(","),
    )
}
