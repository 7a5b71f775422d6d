//! Gates, hooks and proofs, checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};

use super::findings::{Findings, Key};
use super::kubernetes::{self, Restarts};
use super::placeholders::{fill, percent_encode};
use super::spell;
use crate::config::raw::credential as raw_credential;
use crate::config::raw::gate as raw;
use crate::config::raw::scalar::{Number, Span, Word, web_url};
use crate::config::raw::secret::{Header, Headers};
use crate::consumers::command::settings::Command;
use crate::consumers::gate::settings::{Gate, Hook, PodGate};
use crate::consumers::verify::settings::{DATABASE, Proof, Verify};
use crate::http::is_loopback;
use crate::http::settings::{HeaderSource, HttpMethod, HttpRequest};
use crate::names::CredentialName;
use crate::rotation::policy::{GatePace, IdentityRule};

const DAY: Duration = Duration::from_hours(24);
const SAMPLE_ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// What the placeholders of URLs stand for.
pub(super) struct Names<'a> {
    pub(super) credential: &'a CredentialName,
    pub(super) username: &'a str,
    pub(super) store: &'a str,
    pub(super) path: &'a str,
}

impl Names<'_> {
    /// A URL's `template` with sample values.
    pub(super) fn fill(&self, template: &str) -> Result<String, String> {
        let (path, store) = (percent_encode(self.path), percent_encode(self.store));
        let values = [
            ("credential", self.credential.as_str()),
            ("username", self.username),
            ("token_id", SAMPLE_ID),
            ("previous_token_id", SAMPLE_ID),
            ("rotation_id", SAMPLE_ID),
            ("store", store.as_str()),
            ("path", path.as_str()),
        ];
        fill(template, &values)
    }
}

/// The gate and its pace.
pub(super) fn gate(
    raw: raw::Gate,
    deploy: Option<&Hook>,
    names: &Names<'_>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<(Gate, GatePace)> {
    match raw {
        raw::Gate::Unasked => Some((Gate::Unasked, GatePace::Open)),
        raw::Gate::Wait(wait) => {
            let least = Duration::from_millis(1);
            let wait = findings.span(&key.child("wait"), Some(wait), least, least..=DAY * 30);
            Some((Gate::Unasked, GatePace::Wait(wait)))
        }
        raw::Gate::Http(raw) => {
            let key = key.child("http");
            let polling = (raw.interval, raw.successes, raw.deadline);
            let hook = raw::HttpHook {
                url: raw.url,
                method: raw.method.or(Some(Word(HttpMethod::Get))),
                expected_status: raw.expected_status,
                headers: raw.headers,
                timeout: raw.timeout,
                ca_file: raw.ca_file,
                proxy: raw.proxy,
            };
            let request = http(hook, names, &key, findings);
            let pace = pace(polling, &key, findings);
            Some((Gate::Http(request?), pace))
        }
        raw::Gate::Kubernetes(raw) => {
            let key = key.child("kubernetes");
            let polling = (raw.interval, raw.successes, raw.deadline);
            let pace = pace(polling, &key, findings);
            let Some(Hook::Kubernetes(restart)) = deploy else {
                findings.problem(
                    &key,
                    "this waits for the pods of the workloads that `deploy.kubernetes` restarts: name them there",
                );
                return None;
            };
            let http = raw.pods.map(|pods| {
                kubernetes::pod_request(
                    pods.http,
                    names,
                    &key.child("pods").child("http"),
                    findings,
                )
            });
            let gate = PodGate { restart: (**restart).clone(), http };
            Some((Gate::Kubernetes(Box::new(gate)), pace))
        }
        raw::Gate::Command(raw) => {
            let key = key.child("command");
            let polling = (raw.interval, raw.successes, raw.deadline);
            let command = command(raw.run, &key, findings);
            let pace = pace(polling, &key, findings);
            Some((Gate::Command(command?), pace))
        }
    }
}

fn pace(
    (interval, successes, deadline): (Option<Span>, Option<Number>, Option<Span>),
    key: &Key<'_>,
    findings: &mut Findings,
) -> GatePace {
    let tenth = Duration::from_millis(100);
    let interval_key = key.child("interval");
    let interval = findings.span(&interval_key, interval, Duration::from_secs(10), tenth..=DAY);
    let successes = findings.number(&key.child("successes"), successes, 3_u32, 1..=1000);
    let deadline_key = key.child("deadline");
    let deadline =
        findings.span(&deadline_key, deadline, Duration::from_mins(15), tenth..=DAY * 30);
    let least = interval.saturating_mul(successes);
    if deadline < least {
        findings.problem(
            &deadline_key,
            format!(
                "{} is too short: {successes} successes at an interval of {} take {}; use at least that",
                spell(deadline),
                spell(interval),
                spell(least),
            ),
        );
    }
    GatePace::Polled { interval, successes, deadline }
}

/// The hook, if there is one.
pub(super) fn deploy(
    raw: Option<raw_credential::Deploy>,
    names: &Names<'_>,
    restarts: &Restarts<'_>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Hook> {
    match raw? {
        raw_credential::Deploy::Nothing => None,
        raw_credential::Deploy::Http(raw) => {
            http(*raw, names, &key.child("http"), findings).map(Hook::Http)
        }
        raw_credential::Deploy::Command(raw) => {
            command(raw, &key.child("command"), findings).map(Hook::Command)
        }
        raw_credential::Deploy::Kubernetes(raw) => {
            let restart = restarts.check(raw, &key.child("kubernetes"), findings);
            restart.map(Box::new).map(Hook::Kubernetes)
        }
    }
}

/// The proof; a connection to `md:` by default.
pub(super) fn verify(
    raw: Option<raw_credential::Verify>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Proof> {
    let verify = match raw {
        Some(raw_credential::Verify::Admin) => return Some(Proof::Admin),
        Some(raw_credential::Verify::Command(raw)) => {
            Verify::Command(command(raw, &key.child("command"), findings)?)
        }
        Some(raw_credential::Verify::Postgres(raw)) => {
            let database = findings.text(&key.child("postgres").child("database"), raw.database);
            Verify::Postgres {
                database: database.unwrap_or_else(|| DATABASE.to_owned()),
                identity: raw.identity.map_or_else(IdentityRule::default, |Word(rule)| rule),
            }
        }
        None => {
            Verify::Postgres { database: DATABASE.to_owned(), identity: IdentityRule::default() }
        }
    };
    Some(Proof::Connection(verify))
}

fn http(
    raw: raw::HttpHook,
    names: &Names<'_>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<HttpRequest> {
    let url_key = key.child("url");
    let url = names.fill(&raw.url).and_then(|filled| web_url(&filled));
    let url = findings.accept(&url_key, url);
    let headers = headers(raw.headers, &key.child("headers"), findings);
    let sends_secret = headers.values().any(|source| matches!(source, HeaderSource::Secret(_)));
    if url.as_ref().is_some_and(|url| sends_secret && url.scheme() == "http" && !is_loopback(url)) {
        findings.warn_of(
            names.credential,
            "a header that is a secret is sent over plain http, where others on the network can read it",
        );
    }
    let status_key = key.child("expected_status");
    let statuses = raw.expected_status.map(|statuses| statuses.0).unwrap_or_default();
    let second = Duration::from_secs(1);
    url?;
    Some(HttpRequest {
        url: raw.url,
        method: raw.method.map_or(HttpMethod::Post, |method| method.0),
        expected_status: statuses
            .into_iter()
            .map(|status| findings.number(&status_key, Some(status), 200_u16, 100..=599))
            .collect(),
        headers,
        timeout: findings.span(
            &key.child("timeout"),
            raw.timeout,
            second * 10,
            Duration::from_millis(100)..=second * 3600,
        ),
        ca_file: raw.ca_file.map(|path| path.0),
        proxy: raw.proxy.map(|proxy| proxy.0).unwrap_or_default(),
    })
}

/// Headers by name, each fit to be sent.
pub(super) fn headers(
    raw: Headers,
    key: &Key<'_>,
    findings: &mut Findings,
) -> BTreeMap<String, HeaderSource> {
    let mut checked = BTreeMap::new();
    for (name, value) in raw {
        let key = key.child(&name);
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            findings.problem(&key, "this is not the name of an HTTP header");
        }
        let source = match value {
            Header::Plain(text) => {
                if HeaderValue::from_str(&text).is_err() {
                    findings.problem(&key, "this value cannot be sent in an HTTP header");
                }
                HeaderSource::Plain(text)
            }
            Header::Secret(source) => HeaderSource::Secret(source),
        };
        checked.insert(name, source);
    }
    checked
}

fn command(raw: raw::CommandHook, key: &Key<'_>, findings: &mut Findings) -> Option<Command> {
    let timeout = findings.span(
        &key.child("timeout"),
        raw.timeout,
        Duration::from_secs(30),
        Duration::from_millis(100)..=Duration::from_hours(1),
    );
    let mut arguments = raw.arguments.into_iter();
    // Commands run in `/`: a path that is relative to somewhere else would not be what was meant.
    let is_name = |path: &Path| path.components().count() == 1 && path.file_name().is_some();
    let program = arguments.next().map(PathBuf::from);
    let program = program.filter(|path| path.is_absolute() || is_name(path));
    let program = findings.require(
        key,
        program,
        "the first entry of the list must be a program, by its absolute path or by its name alone; the arguments follow",
    );
    let arguments: Vec<String> = arguments.collect();
    if arguments.iter().any(|argument| argument.contains('\0')) {
        findings.problem(key, "an argument cannot hold a NUL character");
    }
    Some(Command { program: program?, arguments, timeout })
}
