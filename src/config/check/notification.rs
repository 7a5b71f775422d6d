//! `[notifications.NAME]`, checked.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::findings::{Findings, Key};
use super::gate::headers;
use crate::config::raw::notification as raw;
use crate::config::raw::scalar::{FilePath, Span};
use crate::http::is_loopback;
use crate::notifications::settings::{Occasion, Sink, SinkForm};

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// A sink, which is of exactly one kind.
pub(super) fn check(
    name: &str,
    raw: raw::Notification,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Sink> {
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
            let headers = headers(webhook.headers, &key.child("headers"), findings);
            let (timeout, ca_file) = limits(webhook.timeout, webhook.ca_file, &key, findings);
            (SinkForm::CloudEvents { url, headers }, webhook.proxy, timeout, ca_file)
        }
        (None, None) | (Some(_), Some(_)) => {
            findings.problem(key, "a sink is of exactly one kind: `slack` or `webhook`");
            return None;
        }
    };
    let events: BTreeSet<_> = match raw.events {
        None => Occasion::ALL.into(),
        Some(words) => words.into_iter().map(|word| word.0).collect(),
    };
    if events.is_empty() {
        findings.problem(&key.child("events"), "name one event at least, or leave it out for all");
    }
    let repeat_key = key.child("repeat_after");
    let expiry_key = key.child("expiry_within");
    let repeat_after = findings.span(&repeat_key, raw.repeat_after, DAY, SECOND..=DAY * 365);
    let expiry_within = raw
        .expiry_within
        .map(|span| findings.span(&expiry_key, Some(span), DAY, SECOND..=DAY * 365));
    let proxy = proxy.map(|proxy| proxy.0).unwrap_or_default();
    Some(Sink { form, events, repeat_after, expiry_within, timeout, ca_file, proxy })
}

fn limits(
    timeout: Option<Span>,
    ca_file: Option<FilePath>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> (Duration, Option<PathBuf>) {
    let range = SECOND / 10..=SECOND * 60;
    let timeout = findings.span(&key.child("timeout"), timeout, SECOND * 10, range);
    (timeout, ca_file.map(|path| path.0))
}
