//! What needs a person first: what it is, since when, what pintail does about it, and what to do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};

use super::super::ready::{Readiness, Reason};
use super::wanted::Wanted;
use super::words::{lasting, relative};
use crate::rotation::condition::{Reason as Why, State};
use crate::status::{Configuration, CredentialStatus, Snapshot};
use crate::workers::Worker;

/// More credentials than this with one cause are one line.
const FEW: usize = 3;
/// The most credentials that are listed here; the table has them all.
const MOST: usize = 25;

/// The list, or the good news.
pub(super) fn section(snapshot: &Snapshot, readiness: &Readiness) -> Markup {
    let now = snapshot.at;
    // An overdue rotation is told of with its credential.
    let general = readiness.reasons.iter().filter(|one| one.reason != Reason::RotationOverdue);
    let general: Vec<_> = general.collect();
    let mut troubled: Vec<_> =
        snapshot.members.iter().filter(|one| needs_a_person(one, now)).collect();
    troubled.sort_by_key(|one| (one.condition.state, one.condition.since));
    let (causes, troubled) = by_cause(troubled);
    let strays: Vec<_> = snapshot.unmanaged.iter().filter(|(_, count)| **count > 0).collect();
    let configuration = &snapshot.configuration;
    let is_in_force = configuration.refused.is_none() && configuration.needs_restart.is_empty();
    let none = general.is_empty()
        && causes.is_empty()
        && troubled.is_empty()
        && strays.is_empty()
        && is_in_force;
    let restarted: Vec<_> = snapshot.workers.iter().filter(|one| one.restarts > 0).collect();
    let none = none && restarted.is_empty();
    html! {
        section #attention data-part aria-labelledby="attention-title" {
            h2 #attention-title { "Needs a person" }
            @if none {
                p.calm { "Nothing. Every credential is looked after." }
            } @else {
                ul.cards {
                    @for one in &general {
                        li.card.bad {
                            h3 { (one.message) @if let Some(at) = one.since { span.quiet { " " (lasting(at, now)) } } }
                            p.todo { (one.hint) }
                        }
                    }
                    (configuration_cards(configuration, now))
                    @for cause in &causes { (cause_card(cause, now)) }
                    @for one in troubled.iter().take(MOST) { (card(one, now)) }
                    @for (account, count) in &strays { (stray_card(account, **count)) }
                    @for one in &restarted { (worker_card(one, now)) }
                }
                @if troubled.len() > MOST {
                    p.quiet { "and " (troubled.len() - MOST) " more credentials: see the table" }
                }
            }
        }
    }
}

/// The credentials that one cause stands behind.
struct Cause<'a> {
    state: State,
    reason: Why,
    /// The store, where that is the cause.
    store: Option<&'a str>,
    members: Vec<&'a CredentialStatus>,
}

/// Those that are behind one cause with many others, by the cause; and the rest.
fn by_cause(troubled: Vec<&CredentialStatus>) -> (Vec<Cause<'_>>, Vec<&CredentialStatus>) {
    let mut causes: BTreeMap<_, Vec<&CredentialStatus>> = BTreeMap::new();
    let mut rest = vec![];
    for one in troubled {
        let Some(reason) = one.condition.reason else {
            rest.push(one);
            continue;
        };
        let store = (reason == Why::StoreUnreachable).then_some(one.store.as_str());
        causes.entry((one.condition.state, reason.as_str(), store)).or_default().push(one);
    }
    let mut many = vec![];
    for ((state, _, store), members) in causes {
        match members.first().and_then(|one| one.condition.reason) {
            Some(reason) if members.len() > FEW => {
                many.push(Cause { state, reason, store, members });
            }
            Some(_) | None => rest.extend(members),
        }
    }
    many.sort_by_key(|cause| std::cmp::Reverse(cause.members.len()));
    rest.sort_by_key(|one| (one.condition.state, one.condition.since));
    (many, rest)
}

/// One line for all of them: what it is, how many are behind it, and which of their tokens expires first.
fn cause_card(cause: &Cause<'_>, now: Timestamp) -> Markup {
    let Cause { state, reason, store, members } = cause;
    let since = members.iter().filter_map(|one| one.condition.since).min();
    let first = members.iter().filter_map(|one| Some((one.first_expiry()?, &one.name))).min();
    let message = members.iter().find_map(|one| one.condition.message.as_ref());
    let hint = members.iter().find_map(|one| one.condition.hint.as_ref());
    html! {
        li.card.(state.as_str()) {
            h3 {
                @if let Some(store) = store { "store " (store) ": " }
                (members.len()) " credentials "
                span.badge.(state.as_str()) { (state.label()) }
                @if let Some(since) = since { span.quiet { " " (lasting(since, now)) } }
            }
            @if let Some(message) = message { p { b { (reason.as_str()) ": " } (message) } }
            @if let Some(hint) = hint { p.todo { (hint) } }
            p.quiet {
                @if let Some((at, name)) = first { "The first of their tokens to expire is that of " (name) ", " (relative(at, now)) ". " }
                a href=(Wanted::default().in_state(Some(*state))) { "Show them" }
            }
        }
    }
}

fn needs_a_person(one: &CredentialStatus, now: Timestamp) -> bool {
    one.condition.needs_attention() || one.is_overdue(now) || one.nears_expiry(now)
}

fn card(one: &CredentialStatus, now: Timestamp) -> Markup {
    let left = one.left(now);
    let (expired, near) = (left.is_some_and(|left| !left.is_positive()), one.nears_expiry(now));
    let condition = &one.condition;
    html! {
        li.card.(condition.state.as_str()) {
            h3 {
                (one.name) " "
                span.badge.(condition.state.as_str()) { (condition.state.label()) }
                @if one.is_overdue(now) { " " span.badge.bad { "past its deadline" } }
                @if expired { " " span.badge.bad { "token expired" } }
                @else if near { " " span.badge.bad { "token expires soon" } }
                @if let Some(since) = condition.since { span.quiet { " " (lasting(since, now)) } }
            }
            @if let (Some(reason), Some(message)) = (condition.reason, &condition.message) {
                p {
                    @if let Some(step) = condition.step { b { (step.as_str()) ": " } }
                    b { (reason.as_str()) ": " }
                    (message)
                }
                @if let Some(hint) = &condition.hint { p.todo { (hint) } }
            }
            p.quiet {
                "Next: " (condition.next()) "."
                @if let Some(at) = one.expires_at { " The served token expires " (relative(at, now)) "." }
                @if one.predecessors > 0 { " What it replaced lives too." }
            }
        }
    }
}

fn configuration_cards(configuration: &Configuration, now: Timestamp) -> Markup {
    html! {
        @if let Some(refused) = &configuration.refused {
            li.card.bad {
                h3 { "the changed configuration is refused" span.quiet { " " (lasting(refused.since, now)) } }
                p { (refused.message) }
                @if let Some(hint) = &refused.hint { p.todo { (hint) } }
                p.quiet { "The one that was read " (relative(configuration.loaded_at, now)) " stays in force." }
            }
        }
        @if !configuration.needs_restart.is_empty() {
            li.card.note {
                h3 { "the changed configuration is in force, but for " (configuration.needs_restart.join(", ")) }
                p.todo { "restart pintail: it goes on where it stopped" }
            }
        }
    }
}

fn worker_card(one: &Worker, now: Timestamp) -> Markup {
    html! {
        li.card.note {
            h3 {
                "a fault in pintail: its worker " (one.name) " was started again"
                @if one.restarts > 1 { " " (one.restarts) " times" }
                @if let Some(at) = one.panicked_at { span.quiet { " last " (relative(at, now)) } }
            }
            p.todo { "report what the log says at \"panicked\"; rotations go on" }
        }
    }
}

fn stray_card(account: &str, count: usize) -> Markup {
    html! {
        li.card.note {
            h3 { "account " (account) ": " (count) @if count == 1 { " token" } @else { " tokens" } " that nobody manages" }
            p.todo { "pintail status shows them; adopt what is in use, and revoke the rest" }
        }
    }
}
