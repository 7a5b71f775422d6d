//! What is asked of MotherDuck, the stores and the gates, all of it read-only.

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::super::table::counted;
use super::account;
use super::caveats;
use super::connection;
use super::finding::{Finding, Findings, Level};
use super::rights::Rights;
use super::servers;
use crate::config::Credential;
use crate::consumers::command::{Context, Encoding};
use crate::consumers::gate::settings::{Gate, Hook};
use crate::engine::{Engine, ProductionWorld, subject};
use crate::http::settings::{HttpMethod, Proxy};
use crate::kubernetes::Right;
use crate::names::CredentialName;
use crate::record::{Record, SecretContent};
use crate::rotation::clock::Clock;
use crate::rotation::condition::place_vacant;
use crate::rotation::decide::{Refusal, unrecorded};
use crate::rotation::evidence::Evidence;
use crate::rotation::mirror::{MirrorState, foreign, judge};
use crate::rotation::world::{Health, Identity, Reading, Site, World};
use crate::text::span;

/// A clock that is further off than this deserves a word.
const NOTABLE_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Whether connections are made with the served tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connections {
    /// With none: no Duckling wakes.
    None,
    /// With each of them.
    Each,
}

/// Asks everybody whom a rotation will ask.
pub(super) async fn examine(engine: &Engine, connections: Connections, findings: &mut Findings) {
    findings.findings.extend(servers::examine(&engine.config, engine.now()).await);
    let admitted = admin(engine, findings).await;
    let rights = Rights::ask(engine).await;
    findings.findings.extend(Rights::left_behind(engine).await);
    let width = engine.config.daemon.concurrency;
    let credentials: Vec<_> = engine.config.credentials.values().collect();
    let found: Vec<_> = futures::stream::iter(&credentials)
        .map(|credential| examine_credential(engine, credential, &rights, connections))
        .buffered(width)
        .collect()
        .await;
    findings.findings.extend(found.into_iter().flatten());
    if admitted {
        accounts(engine, &credentials, findings).await;
    }
}

/// Whether the admin token is accepted, and an Admin's.
async fn admin(engine: &Engine, findings: &mut Findings) -> bool {
    let subject = "motherduck.admin_token".to_owned();
    let admitted = match engine.motherduck.active_accounts().await {
        Ok(_) => {
            findings.add(Finding::ok(&subject, "it is accepted, and its user is an Admin"));
            true
        }
        Err(error) => {
            findings.add(Finding::fault(&subject, error.into()));
            false
        }
    };
    if let Some(skew) = engine.motherduck.clock_skew().filter(|skew| skew.abs() > NOTABLE_SKEW) {
        let message = format!("it differs from MotherDuck's by {}", span(skew.abs()));
        let hint = "synchronise it, by NTP for example".to_owned();
        findings.add(Finding::warning("this machine's clock", message, Some(hint)));
    }
    admitted
}

/// Whether each account exists, each asked once.
async fn accounts(engine: &Engine, credentials: &[&Credential], findings: &mut Findings) {
    let accounts: BTreeMap<_, _> = credentials
        .iter()
        .map(|credential| (credential.username.canonical(), &credential.username))
        .collect();
    let found: Vec<_> = futures::stream::iter(accounts.into_values())
        .map(|username| async move {
            let subject = format!("account {username}");
            match engine.motherduck.list_tokens(username).await {
                Ok(tokens) => Finding::ok(
                    &subject,
                    format!("it exists, with {}", counted(tokens.len(), "token")),
                ),
                Err(error) if error.is_absence() && account::ensured(engine, username) => {
                    Finding::ok(&subject, "it does not exist yet: its first rotation makes it")
                }
                Err(error) if error.is_absence() => Finding::error(
                    &subject,
                    "MotherDuck has no such account",
                    Some(format!(
                        "make it: pintail account create {username}, or let pintail: ensure_account = true; or \
                         correct the username"
                    )),
                ),
                Err(error) => {
                    Finding::fault(&subject, error.into())
                }
            }
        })
        .buffered(engine.config.daemon.concurrency)
        .collect()
        .await;
    findings.findings.extend(found);
    findings.findings.extend(account::drifts(engine).await);
}

/// Whether the secret can be read and written, whose it is, and what its consumers say.
async fn examine_credential(
    engine: &Engine,
    credential: &Credential,
    rights: &Rights,
    connections: Connections,
) -> Vec<Finding> {
    let name = &credential.name;
    let Some(world) = engine.world(name, CancellationToken::new()) else { return vec![] };
    if let Some(finding) = rights.always_needed(credential) {
        return vec![finding];
    }
    let missing = world.missing_rights().await;
    if !missing.is_empty() {
        let lacks = |right: &Right| {
            Finding::error(name, format!("pintail may not {right}"), Some(right.hint()))
        };
        return missing.iter().map(lacks).collect();
    }
    let reading = match world.read(Site::Store).await {
        Ok(reading) => reading,
        Err(fault) => return vec![Finding::fault(name, fault)],
    };
    let mut findings = Vec::from_iter(rights.needed_at_first(credential, &reading));
    if findings.iter().all(|finding| finding.level != Level::Error) {
        findings.push(match world.ensure_writable(&reading).await {
            Ok(()) => state(engine, credential, &reading),
            Err(fault) => Finding::fault(name, fault),
        });
    }
    findings.extend(caveats::examine(engine, &world, credential, &reading).await);
    findings.extend(elsewhere(engine, &world, credential, &reading).await);
    findings.extend(mirrors(&world, credential, &reading).await);
    findings.extend(world.try_deploy().await.map(|tried| {
        let subject = of(name, "deploy hook");
        match tried {
            Ok(()) => Finding::ok(&subject, "its workloads can be restarted"),
            Err(fault) => Finding::fault(&subject, fault),
        }
    }));
    if let SecretContent::Managed { record, token } = &reading.content {
        if connections == Connections::Each && record.owner == engine.config.owner {
            findings.extend(connection::examine(&world, credential, record, token).await);
        }
        findings.extend(hosts(credential, record).await);
        findings.extend(gate(&world, credential, record).await);
    }
    findings
}

/// Tokens of the credential that live where its secret is not.
async fn elsewhere(
    engine: &Engine,
    world: &ProductionWorld,
    credential: &Credential,
    reading: &Reading,
) -> Option<Finding> {
    let tokens = match &reading.content {
        SecretContent::Managed { record, .. } => record.elsewhere_token_ids.clone(),
        SecretContent::Vacant => {
            // An account that is not there, or cannot be listed, is told of with the accounts.
            let listing = world.list().await.ok()?;
            let subject = subject(&engine.config, credential);
            unrecorded(&subject, &listing, None, &Evidence::default(), world.time()).elsewhere
        }
        SecretContent::Unmanaged { .. } | SecretContent::Edited { .. } => vec![],
    };
    if tokens.is_empty() {
        return None;
    }
    let (message, hint) = place_vacant(&tokens, &credential.name);
    Some(Finding::warning(&credential.name, message, Some(hint)))
}

/// Whether each mirror can be read and written, and what stands in it.
async fn mirrors(
    world: &ProductionWorld,
    credential: &Credential,
    reading: &Reading,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, mirror) in credential.mirrors.iter().enumerate() {
        let place = mirror.place();
        let subject = of(&credential.name, &format!("mirror {place}"));
        let state = async {
            let found = world.read(Site::Mirror(number)).await?;
            world.ensure_mirror_writable(number, &found).await?;
            match &reading.content {
                SecretContent::Managed { record, .. } => {
                    judge(world, record, &found.content).await.map(Some)
                }
                SecretContent::Vacant
                | SecretContent::Unmanaged { .. }
                | SecretContent::Edited { .. } => Ok(None),
            }
        };
        findings.push(match state.await {
            Ok(Some(MirrorState::Foreign)) => Finding::fault(&subject, foreign(&place)),
            Ok(Some(MirrorState::Behind)) => Finding::ok(
                &subject,
                "it can be read and written, and does not serve the token yet",
            ),
            Ok(Some(MirrorState::Serves)) => {
                Finding::ok(&subject, "it can be read and written, and serves the same token")
            }
            Ok(None) => Finding::ok(&subject, "it can be read and written"),
            Err(fault) => Finding::fault(&subject, fault),
        });
    }
    findings
}

fn state(engine: &Engine, credential: &Credential, reading: &Reading) -> Finding {
    let name = &credential.name;
    let refused =
        |refusal: Refusal| Finding::error(name, refusal.to_string(), Some(refusal.hint(name)));
    match &reading.content {
        SecretContent::Vacant => {
            Finding::ok(name, "its secret can be written, and holds no token yet")
        }
        SecretContent::Unmanaged { .. } => refused(Refusal::Unmanaged),
        SecretContent::Edited { record, .. } | SecretContent::Managed { record, .. }
            if record.owner != engine.config.owner =>
        {
            refused(Refusal::Foreign(record.owner.clone()))
        }
        SecretContent::Edited { .. } => refused(Refusal::Edited),
        SecretContent::Managed { record, .. } if record.username != credential.username => {
            refused(Refusal::OtherAccount(record.username.clone()))
        }
        SecretContent::Managed { record, .. } => Finding::ok(
            name,
            format!("its secret can be read and written, and serves token {}", record.token_id),
        ),
    }
}

/// Whether the hosts of those hooks have an address that a check must not call.
async fn hosts(credential: &Credential, record: &Record) -> Vec<Finding> {
    let context = context(credential, record);
    let gate = match &*credential.gate {
        Gate::Http(request) if request.method != HttpMethod::Get => Some(("gate", request)),
        Gate::Http(_) | Gate::Unasked | Gate::Command(_) | Gate::Kubernetes(_) => None,
    };
    let deploy = match credential.deploy.as_deref() {
        Some(Hook::Http(request)) => Some(("deploy hook", request)),
        Some(Hook::Command(_) | Hook::Kubernetes(_)) | None => None,
    };
    let mut findings = Vec::new();
    for (what, request) in gate.into_iter().chain(deploy) {
        // A proxy may know names that are not known here.
        if request.proxy != Proxy::None {
            continue;
        }
        let filled = context.fill(&request.url, Encoding::Url);
        let Ok(url) = url::Url::parse(&filled) else { continue };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            continue;
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Err(error) = tokio::net::lookup_host((host, port)).await {
            let subject = of(&credential.name, what);
            let message = format!("host {host} has no address: {error}");
            let hint = "the name may be known only where the consumers run".to_owned();
            findings.push(Finding::warning(&subject, message, Some(hint)));
        }
    }
    findings
}

/// Asks a gate once, where asking is a GET and so changes nothing.
async fn gate(
    world: &ProductionWorld,
    credential: &Credential,
    record: &Record,
) -> Option<Finding> {
    match &*credential.gate {
        Gate::Http(request) if request.method == HttpMethod::Get => {}
        // Nothing was restarted for a token that was published before there was such a gate.
        Gate::Http(_) | Gate::Unasked | Gate::Command(_) | Gate::Kubernetes(_) => return None,
    }
    let subject = of(&credential.name, "gate");
    Some(match world.poll_gate(record).await {
        Health::Healthy => Finding::ok(&subject, "its consumers are healthy"),
        Health::Unhealthy(how) => Finding::warning(
            &subject,
            format!("its consumers are not healthy: {how}"),
            Some("while they are not, a rotation would be held at this gate".to_owned()),
        ),
    })
}

fn of(credential: &CredentialName, what: &str) -> String {
    format!("{credential}: {what}")
}

fn context(credential: &Credential, record: &Record) -> Context {
    let identity = Identity::served(record);
    Context {
        credential: credential.name.clone(),
        username: credential.username.clone(),
        token_id: identity.token_id,
        previous_token_id: identity.previous_token_id,
        rotation_id: identity.rotation_id,
        store: credential.store.clone(),
        path: credential.path.clone(),
    }
}
