//! The status page: one document without external resources, which works without JavaScript and is better with it.
//!
//! The server sorts and filters, by the query of the URL; the script only fetches the same page again and puts its
//! parts in place. Every text goes through maud, which escapes it.

mod attention;
mod credentials;
mod timeline;
mod wanted;
mod words;

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

pub(super) use self::wanted::Wanted;
use self::words::instant;
use super::ready::Readiness;
use crate::rotation::condition::State;
use crate::status::Snapshot;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// The page's own style and script and nothing else; what it fetches is itself.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// The page's `Content-Security-Policy`.
pub(super) fn policy() -> HeaderValue {
    HeaderValue::from_str(&POLICY).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// The page.
pub(super) fn render(snapshot: &Snapshot, readiness: &Readiness, wanted: &Wanted) -> String {
    let title = format!("pintail {}", snapshot.owner);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                noscript { meta http-equiv="refresh" content="30"; }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(snapshot, readiness))
                p #stale hidden role="status" { "pintail does not answer. What follows may be out of date." }
                main {
                    (attention::section(snapshot, readiness))
                    (glance(snapshot, wanted))
                    section aria-labelledby="credentials-title" {
                        h2 #credentials-title { "Credentials" }
                        (credentials::form(wanted))
                        (credentials::table(snapshot, wanted))
                    }
                    (timeline::section(snapshot))
                }
                footer {
                    "pintail " (env!("CARGO_PKG_VERSION")) " · "
                    a href="/metrics" { "metrics" } " · "
                    a href="/status.json" { "status.json" } " · "
                    a href="/readyz" { "readyz" }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn header(snapshot: &Snapshot, readiness: &Readiness) -> Markup {
    html! {
        header #top data-part {
            h1 { "pintail " span.owner { (snapshot.owner) } }
            @if readiness.ready {
                span.badge.good { "ready" }
            } @else {
                span.badge.bad { "not ready" }
            }
            span.quiet { "as of " (instant(snapshot.at)) }
        }
    }
}

/// How many credentials are in each state; each number leads to them.
fn glance(snapshot: &Snapshot, wanted: &Wanted) -> Markup {
    let states = snapshot.states();
    let always = [State::Fresh, State::Due, State::Rotating, State::Held, State::Failing];
    let shown = |state: &State, count: usize| count > 0 || always.contains(state);
    html! {
        nav #glance data-part aria-label="The fleet at a glance" {
            a.tile href=(wanted.in_state(None)) aria-current=[wanted.state().is_none().then_some("true")] {
                b { (snapshot.members.len()) } " all"
            }
            @for (state, count) in states.iter().rev().filter(|(state, count)| shown(state, **count)) {
                a.tile.(state.as_str()) .none[*count == 0] href=(wanted.in_state(Some(*state)))
                    aria-current=[(wanted.state() == Some(*state)).then_some("true")] {
                    b { (count) } " " (state.label())
                }
            }
        }
    }
}
