//! The table of credentials: sorted and filtered by the server, with age and expiry as bars.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::wanted::{Column, Rows, Wanted};
use super::words::{lasting, relative};
use crate::rotation::condition::State;
use crate::status::{CredentialStatus, Snapshot};
use crate::text::span;

/// What is looked for. The order stays as it is.
pub(super) fn form(wanted: &Wanted) -> Markup {
    html! {
        form #filter method="get" action="/" role="search" {
            input type="search" name="q" value=(wanted.text()) placeholder="name, account, store or token ID"
                aria-label="Filter by name, account, store or token ID" autocomplete="off";
            select name="state" aria-label="Filter by state" {
                option value="" { "every state" }
                @for state in State::ALL {
                    option value=(state.as_str()) selected[wanted.state() == Some(state)] { (state.label()) }
                }
            }
            input type="hidden" name="sort" value=(wanted.column().as_str());
            @if wanted.is_descending() { input type="hidden" name="dir" value="desc"; }
            button { "Filter" }
        }
    }
}

/// The table.
pub(super) fn table(snapshot: &Snapshot, wanted: &Wanted) -> Markup {
    let Rows { shown: rows, first, found, before, after } = wanted.rows(snapshot);
    let now = snapshot.at;
    let ages = snapshot.members.iter().filter_map(|one| age(one, now));
    let oldest = ages.max().unwrap_or(SignedDuration::ZERO);
    html! {
        div #rows data-part {
            table {
                thead {
                    tr {
                        (heading(wanted, Column::Credential, "credential"))
                        (heading(wanted, Column::Account, "account"))
                        (heading(wanted, Column::State, "state"))
                        (heading(wanted, Column::Age, "age"))
                        (heading(wanted, Column::Expiry, "expires"))
                        (heading(wanted, Column::Next, "next rotation"))
                        th scope="col" { "token" }
                    }
                }
                tbody {
                    @for one in &rows { (row(one, now, oldest)) }
                    @if rows.is_empty() { tr { td colspan="7" { "no credential matches" } } }
                }
            }
            @if before.is_some() || after.is_some() {
                p.pages {
                    (first + 1) " to " (first + rows.len()) " of " (found)
                    @if let Some(url) = &before { " · " a rel="prev" href=(url) { "before" } }
                    @if let Some(url) = &after { " · " a rel="next" href=(url) { "after" } }
                }
            }
        }
    }
}

fn heading(wanted: &Wanted, column: Column, text: &str) -> Markup {
    let sorted = wanted.column() == column;
    let order = if wanted.is_descending() { "descending" } else { "ascending" };
    let arrow = if wanted.is_descending() { " ▾" } else { " ▴" };
    html! {
        th scope="col" aria-sort=[sorted.then_some(order)] {
            a href=(wanted.sorted_by(column)) { (text) @if sorted { (arrow) } }
        }
    }
}

fn row(one: &CredentialStatus, now: Timestamp, oldest: SignedDuration) -> Markup {
    let condition = &one.condition;
    html! {
        tr.(condition.state.as_str()) {
            th scope="row" data-label="credential" {
                (one.name) br; span.quiet { (one.store) ": " (one.path) }
            }
            td data-label="account" {
                (one.username) br; span.quiet { (one.token_type.as_str().replace('_', " ")) }
            }
            td data-label="state" {
                span.badge.(condition.state.as_str()) { (condition.state.label()) }
                @if let Some(step) = condition.step { " " span.quiet { (step.as_str()) } }
                @if let Some(since) = condition.since { br; span.quiet { (lasting(since, now)) } }
                @if let Some(pause) = &condition.pause { br; span.quiet { (pause.words()) } }
            }
            td data-label="age" {
                @if let Some(age) = age(one, now) {
                    (span(age)) (bar(share(age, oldest), "age", &format!("{} old", span(age))))
                } @else { "–" }
            }
            td data-label="expires" { (expiry(one, now)) }
            td data-label="next rotation" {
                @if let Some(at) = condition.next_rotation { (relative(at, now)) } @else { "–" }
                @if condition.waits_for_window { br; span.quiet { "when its window opens" } }
            }
            td data-label="token" { (tokens(one)) }
        }
    }
}

fn expiry(one: &CredentialStatus, now: Timestamp) -> Markup {
    let (Some(created), Some(expires)) = (one.created_at, one.expires_at) else {
        return html! { @if one.token_id.is_some() { "never" } @else { "–" } };
    };
    let left = expires.duration_since(now);
    let renewal =
        SignedDuration::try_from(std::time::Duration::from_secs(one.renew_before_seconds));
    let kind = if one.nears_expiry(now) {
        "over"
    } else if renewal.is_ok_and(|renewal| left <= renewal) {
        "near"
    } else {
        "left"
    };
    let share = share(left, expires.duration_since(created));
    let label =
        if left.is_positive() { format!("{} left", span(left)) } else { "expired".to_owned() };
    html! { (relative(expires, now)) (bar(share, kind, &label)) }
}

fn tokens(one: &CredentialStatus) -> Markup {
    let id = one.token_id.map(|id| id.to_string()).unwrap_or_default();
    // Eight characters tell tokens apart by eye; the whole ID is there for copying.
    let short = id.get(..8).unwrap_or("–");
    let strays = |count: Option<usize>| count.filter(|count| *count > 0);
    html! {
        code title=(id) { (short) }
        @if one.predecessors > 0 { br; span.quiet { (one.predecessors) " replaced and alive" } }
        @if let Some(count) = strays(one.orphans) { br; span.quiet { (count) " never served" } }
        @if let Some(count) = strays(one.unmanaged) { br; span.quiet { (count) " unmanaged in the account" } }
    }
}

fn age(one: &CredentialStatus, now: Timestamp) -> Option<SignedDuration> {
    one.created_at.map(|at| now.duration_since(at).max(SignedDuration::ZERO))
}

/// From 0 to 100.
fn share(part: SignedDuration, whole: SignedDuration) -> i64 {
    (part.as_secs().max(0) * 100).checked_div(whole.as_secs()).unwrap_or(100).clamp(0, 100)
}

/// A bar. Its length is an attribute: a style would need the policy to allow styles that anybody wrote.
fn bar(share: i64, kind: &str, label: &str) -> Markup {
    html! {
        svg.bar viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.trough width="100" height="6" {}
            rect.(kind) width=(share) height="6" {}
        }
    }
}
