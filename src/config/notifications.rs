//! `[notifications.NAME]`: who is told that a person may have to act.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::findings::{Findings, Key};
use super::headers::{self, Headers};
use super::limits::{Limits, Range};
use super::scalar::{FilePath, Span, Word};
use super::secret::Secret;
use super::table::{named, shaped};
use super::url::{Proxy, Url};
use crate::http::is_loopback;
use crate::notifications::settings::{EventKind, Sink, SinkForm};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

const REPEAT_AFTER: Limits<Duration> = EXPIRY_WITHIN.or(DAY);
const EXPIRY_WITHIN: Range<Duration> = Range::new(SECOND, Duration::from_hours(365 * 24));
const TIMEOUT: Limits<Duration> =
    Range::new(Duration::from_millis(100), Duration::from_mins(1)).or(Duration::from_secs(10));

/// A sink, of whichever kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Notification")]
pub(super) struct Table {
    /// A Slack-compatible incoming webhook.
    #[schemars(extend("examples" = [json!({"url": {"file": "/etc/pintail/slack-url"}})]))]
    slack: Option<Slack>,
    /// CloudEvents 1.0 as JSON, to any URL.
    #[schemars(extend("examples" = [json!({"url": "https://events.example.com/pintail"})]))]
    webhook: Option<Webhook>,
    /// Which events are sent; by default all.
    #[schemars(extend("examples" = [json!(["held", "refused", "expiring"])]))]
    events: Option<Vec<Word<EventKind>>>,
    /// While a state lasts the notification is repeated after this time.
    #[schemars(extend("examples" = ["12h"]), transform = REPEAT_AFTER.schema())]
    repeat_after: Option<Span>,
    /// A token that has less than this to live nears its expiry. By default half of the credential's `renew_before`.
    #[schemars(extend("examples" = ["3d"]), transform = EXPIRY_WITHIN.schema())]
    expiry_within: Option<Span>,
}

/// `slack`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Slack {
    /// Where the webhook's URL is read from: everybody who has it can write there.
    #[schemars(extend("examples" = [json!({"file": "/etc/pintail/slack-url"})]))]
    url: Secret,
    /// The limit for one request.
    #[schemars(extend("examples" = ["3s"]), transform = TIMEOUT.schema())]
    timeout: Option<Span>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    proxy: Option<Proxy>,
}

/// `webhook`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Webhook {
    /// The URL: https, or http to a loopback address.
    #[schemars(extend("examples" = ["https://events.example.com/pintail"]))]
    url: Url,
    /// Headers; a value may be a text, or the place of a secret.
    #[schemars(extend("examples" = [json!({"Authorization": {"env": "HEALTH_TOKEN"}})]))]
    #[serde(default)]
    headers: Headers,
    /// The limit for one request.
    #[schemars(extend("examples" = ["3s"]), transform = TIMEOUT.schema())]
    timeout: Option<Span>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    proxy: Option<Proxy>,
}

/// Those that are sound: nobody refers to them.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> BTreeMap<String, Sink> {
    let section = Key::root("notifications");
    let Some(named) = named(root, "notifications", findings) else { return BTreeMap::new() };
    named
        .iter()
        .filter_map(|(name, value)| {
            let key = section.child(name);
            let raw: Table = shaped(value, &key, findings)?;
            Some((name.clone(), check(name, raw, &key, findings)?))
        })
        .collect()
}

/// A sink, which is of exactly one kind.
fn check(name: &str, raw: Table, key: &Key<'_>, findings: &mut Findings) -> Option<Sink> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        findings.problem(key, "a sink's name is made of letters, digits, `_` and `-`");
    }
    let (form, proxy, timeout, ca_file) = match (raw.slack, raw.webhook) {
        (Some(slack), None) => {
            let (timeout, ca_file) =
                limits(slack.timeout, slack.ca_file, &key.child("slack"), findings);
            (SinkForm::Slack { url: slack.url.0 }, slack.proxy, timeout, ca_file)
        }
        (None, Some(webhook)) => {
            let key = key.child("webhook");
            let url = webhook.url.0;
            if url.scheme() != "https" && !is_loopback(&url) {
                findings.problem(
                    &key.child("url"),
                    "the URL must begin with https:// (http:// is for loopback addresses only)",
                );
            }
            let headers = headers::check(webhook.headers, &key.child("headers"), findings);
            let (timeout, ca_file) = limits(webhook.timeout, webhook.ca_file, &key, findings);
            (SinkForm::CloudEvents { url, headers }, webhook.proxy, timeout, ca_file)
        }
        (None, None) | (Some(_), Some(_)) => {
            findings.problem(key, "a sink is of exactly one kind: `slack` or `webhook`");
            return None;
        }
    };
    let events: BTreeSet<_> = match raw.events {
        None => EventKind::ALL.into(),
        Some(words) => words.into_iter().map(|word| word.0).collect(),
    };
    if events.is_empty() {
        findings.problem(&key.child("events"), "name one event at least, or leave it out for all");
    }
    let repeat_key = key.child("repeat_after");
    let expiry_key = key.child("expiry_within");
    let repeat_after = findings.span(&repeat_key, raw.repeat_after, &REPEAT_AFTER);
    let expiry_within =
        raw.expiry_within.and_then(|span| findings.span_in(&expiry_key, span, &EXPIRY_WITHIN));
    let proxy = proxy.map(|proxy| proxy.0).unwrap_or_default();
    Some(Sink { form, events, repeat_after, expiry_within, timeout, ca_file, proxy })
}

fn limits(
    timeout: Option<Span>,
    ca_file: Option<FilePath>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> (Duration, Option<PathBuf>) {
    let timeout = findings.span(&key.child("timeout"), timeout, &TIMEOUT);
    (timeout, ca_file.map(|path| path.0))
}
