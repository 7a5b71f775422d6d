//! What can be checked without contacting anybody: files, programs and secrets that the configuration names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use super::super::table::counted;
use super::finding::{Finding, Findings, Level};
use super::resource::{Place, Resource, exposure};
use crate::config::{Config, Credential, Files};
use crate::consumers::command::settings::Command;
use crate::consumers::gate::settings::{Gate, Hook};
use crate::consumers::verify::settings::{Proof, Verify};
use crate::http::settings::{HeaderSource, HttpRequest};
use crate::kubernetes::settings::Cluster;
use crate::modes::{self, Exposure, Holds};
use crate::motherduck::settings::AdminToken;
use crate::notifications::settings::{Sink, SinkForm};
use crate::stores::settings::{StoreSettings, VaultAuth};

/// Who needs a thing: the first, and how many more, since a default may be shared by thousands.
#[derive(Default)]
struct Users {
    first: String,
    more: usize,
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.more {
            0 => f.write_str(&self.first),
            more => write!(f, "{} and {more} more", self.first),
        }
    }
}

#[derive(Default)]
struct Things(BTreeMap<Resource, Users>);

impl Things {
    fn of(config: &Config) -> Self {
        let motherduck = &config.motherduck;
        let mut things = Self::default();
        if let AdminToken::Secret(source) = &motherduck.admin_token {
            things.need(source.into(), || "motherduck.admin_token".to_owned());
        }
        things.certificates(motherduck.ca_file.as_ref(), || "motherduck.ca_file".to_owned());
        things.certificates(config.postgres.ca_file.as_ref(), || {
            "motherduck.postgres.ca_file".to_owned()
        });
        for (name, settings) in &config.stores {
            things.store(name, settings);
        }
        for (name, sink) in &config.notifications {
            things.sink(name, sink);
        }
        for credential in config.credentials.values() {
            things.credential(credential);
        }
        things
    }

    fn need(&mut self, thing: Resource, user: impl FnOnce() -> String) {
        self.0
            .entry(thing)
            .and_modify(|users| users.more += 1)
            .or_insert_with(|| Users { first: user(), more: 0 });
    }

    fn certificates(&mut self, path: Option<&PathBuf>, user: impl FnOnce() -> String) {
        if let Some(path) = path {
            self.need(Resource::Certificates(path.clone()), user);
        }
    }

    fn store(&mut self, name: &str, settings: &StoreSettings) {
        let user = || format!("store {name}");
        let vault = match settings {
            StoreSettings::File(files) => {
                return self.need(Resource::Folder(files.dir.clone()), user);
            }
            StoreSettings::Vault(vault) => vault,
            StoreSettings::Kubernetes(store) => return self.cluster(&store.cluster),
            StoreSettings::AwsSecretsManager(_) => return,
        };
        self.certificates(vault.ca_file.as_ref(), user);
        if let Some(identity) = &vault.client_certificate {
            self.need(Resource::Certificates(identity.cert_file.clone()), user);
            self.need(Resource::Key(identity.key_file.clone()), user);
        }
        let secret = match &vault.auth {
            VaultAuth::Token(source) | VaultAuth::AppRole { secret_id: source, .. } => {
                source.into()
            }
            VaultAuth::SignedToken { token_file, .. } => {
                Resource::Secret(Place::File(token_file.clone()))
            }
        };
        self.need(secret, user);
    }

    /// The files by which the API server of Kubernetes is reached. What is mounted into a pod is always there, and what a
    /// kubeconfig names was looked at when it was opened.
    fn cluster(&mut self, cluster: &Cluster) {
        let Cluster::Named { ca_file, token_file, client_certificate, .. } = cluster else {
            return;
        };
        let user = || "kubernetes".to_owned();
        self.certificates(ca_file.as_ref(), user);
        if let Some(path) = token_file {
            self.need(Resource::Secret(Place::File(path.clone())), user);
        }
        if let Some(identity) = client_certificate {
            self.need(Resource::Certificates(identity.cert_file.clone()), user);
            self.need(Resource::Key(identity.key_file.clone()), user);
        }
    }

    fn credential(&mut self, credential: &Credential) {
        let user = |what: &'static str| move || format!("{}: {what}", credential.name);
        match &*credential.gate {
            Gate::Unasked => {}
            Gate::Http(request) => self.request(request, &user("gate")),
            Gate::Command(command) => self.command(command, user("gate")),
            Gate::Kubernetes(gate) => self.cluster(&gate.restart.cluster),
        }
        match credential.deploy.as_deref() {
            None => {}
            Some(Hook::Http(request)) => self.request(request, &user("deploy hook")),
            Some(Hook::Command(command)) => self.command(command, user("deploy hook")),
            Some(Hook::Kubernetes(restart)) => self.cluster(&restart.cluster),
        }
        match &*credential.verify {
            Proof::Connection(Verify::Postgres { .. }) | Proof::Admin => {}
            Proof::Connection(Verify::Command(command)) => self.command(command, user("verify")),
        }
    }

    fn request(&mut self, request: &HttpRequest, user: &impl Fn() -> String) {
        self.certificates(request.ca_file.as_ref(), user);
        self.headers(&request.headers, user);
    }

    fn headers(&mut self, headers: &BTreeMap<String, HeaderSource>, user: &impl Fn() -> String) {
        for header in headers.values() {
            match header {
                HeaderSource::Plain(_) => {}
                HeaderSource::Secret(source) => self.need(source.into(), user),
            }
        }
    }

    fn sink(&mut self, name: &str, sink: &Sink) {
        let user = || format!("notifications.{name}");
        self.certificates(sink.ca_file.as_ref(), user);
        match &sink.form {
            SinkForm::Slack { url } => self.need(url.into(), user),
            SinkForm::CloudEvents { headers, .. } => self.headers(headers, &user),
        }
    }

    fn command(&mut self, command: &Command, user: impl FnOnce() -> String) {
        self.need(Resource::Program(command.program.clone()), user);
    }
}

/// The configuration alone: it was loaded and so is sound; what is unwise in it.
pub(super) fn soundness(config: &Config, findings: &mut Findings) {
    let credentials = counted(config.credentials.len(), "credential");
    let size = format!("it is sound: {credentials}, {}", counted(config.stores.len(), "store"));
    findings.add(Finding::ok("configuration", size));
    for warning in &config.warnings {
        findings.add(Finding::warning("configuration", warning, None));
    }
}

/// The configuration, which was loaded and so is sound, and all that it names on this machine.
pub(super) fn examine(config: &Config, files: &Files) -> Findings {
    let mut findings = Findings::default();
    soundness(config, &mut findings);
    for (users, one) in ours(config, files) {
        findings.add(exposure(users, one));
    }
    let now = Timestamp::now();
    for (thing, users) in Things::of(config).0 {
        findings.findings.extend(thing.observe(&users.to_string(), now));
    }
    // Directories are above many files.
    let mut seen = BTreeSet::new();
    let is_new = |one: &Finding| one.level != Level::Warning || seen.insert(one.message.clone());
    findings.findings.retain(is_new);
    findings
}

/// Who else can read or change what pintail relies on on this machine: for whom, and what.
pub(super) fn exposures(config: &Config, files: &Files) -> Vec<(String, Exposure)> {
    let mut all: Vec<_> =
        ours(config, files).into_iter().map(|(users, one)| (users.to_owned(), one)).collect();
    for (thing, users) in Things::of(config).0 {
        all.extend(thing.exposures().into_iter().map(|one| (users.to_string(), one)));
    }
    // Directories are above many files.
    let mut seen = BTreeSet::new();
    all.retain(|(_, one)| seen.insert(one.message.clone()));
    all
}

/// The same of the configuration's own files and of the audit log.
fn ours(config: &Config, files: &Files) -> Vec<(&'static str, Exposure)> {
    let configuration = files.each().into_iter().map(|file| ("configuration", file));
    let audit = config.audit_log.iter().map(|file| ("audit_log.file", file.clone()));
    let all = configuration.chain(audit);
    all.flat_map(|(users, file)| {
        modes::exposures(&file, Holds::Orders).into_iter().map(move |one| (users, one))
    })
    .collect()
}
