//! What people are told: what is unhealthy, since when, why, what happens next, and what to do.

use jiff::Timestamp;

use super::settings::EventKind;
use super::{Event, Notification};
use crate::rotation::condition::{Condition, PauseShown};
use crate::rotation::time::{self, disagreement};
use crate::status::CredentialStatus;
use crate::text::{instant, span};

/// An event in words. None of them holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// What, in one line.
    pub(super) title: String,
    /// Since when, and why.
    pub(super) why: Option<String>,
    /// What happens next.
    pub(super) next: String,
    /// What to do, where there is something to do.
    pub(super) to_do: Option<String>,
}

/// The words for `event`.
pub(super) fn words(event: &Event) -> Words {
    match &event.notification {
        Notification::Credential { kind, member, is_repeated } => {
            let mut words = credential(*kind, member, event.at);
            words.title = title(event, &format!("{} {}", member.name, words.title), *is_repeated);
            words
        }
        Notification::Unmanaged { account, count, is_repeated } => {
            let (tokens, nobody) =
                if *count == 1 { ("token", "it is") } else { ("tokens", "they are") };
            Words {
                title: title(
                    event,
                    &format!("account {account} has {count} {tokens} that nobody manages"),
                    *is_repeated,
                ),
                why: None,
                next: format!("nothing: {nobody} never touched"),
                to_do: Some(format!(
                    "pintail token list {account} shows what there is; adopt what is in use, and revoke the rest"
                )),
            }
        }
        Notification::Clocks { time, is_repeated } => Words {
            title: title(event, "clocks disagree", *is_repeated),
            why: Some(disagreement(*time, None)),
            next: "tokens are replaced when either clock says that they near their end, once an hour at most; \
                   scheduled rotations wait"
                .to_owned(),
            to_do: Some(time::HINT.to_owned()),
        },
        Notification::Test { sink } => Words {
            title: title(event, &format!("this is a test of the sink {sink}"), false),
            why: None,
            next: "nothing: somebody ran pintail notify test".to_owned(),
            to_do: None,
        },
    }
}

fn title(event: &Event, what: &str, is_repeated: bool) -> String {
    let still = if is_repeated { " (still)" } else { "" };
    format!("pintail {}: {what}{still}", event.owner)
}

fn credential(kind: EventKind, member: &CredentialStatus, now: Timestamp) -> Words {
    let condition = &member.condition;
    let (title, next, to_do) = match kind {
        EventKind::Failed => {
            ("failed".to_owned(), format!("{}; {}", condition.next(), served(member, now)), None)
        }
        EventKind::Held => ("is held".to_owned(), condition.next(), None),
        EventKind::RolledBack => (
            "was rolled back".to_owned(),
            format!("{}; {}", condition.next(), rotation(member)),
            None,
        ),
        EventKind::Refused => (
            "needs a person".to_owned(),
            format!("{}; {}", condition.next(), served(member, now)),
            None,
        ),
        EventKind::Blocked => (
            "is blocked: what is configured for it now is not in force".to_owned(),
            format!("it is rotated as before; {}", rotation(member)),
            None,
        ),
        EventKind::Compromised => (
            "was compromised, and its token replaced and revoked".to_owned(),
            rotation(member),
            Some("restart the consumers that have not read the new token".to_owned()),
        ),
        EventKind::Recovered => ("has recovered".to_owned(), rotation(member), None),
        EventKind::Paused => {
            let words = condition.pause.as_ref().map(PauseShown::words);
            let title = format!("was {}", words.unwrap_or_else(|| "paused".to_owned()));
            (title, format!("{}; {}", condition.next(), served(member, now)), None)
        }
        EventKind::Resumed => ("is no longer paused by hand".to_owned(), rotation(member), None),
        EventKind::Expiring => (
            "nears the expiry of its token, and was not rotated".to_owned(),
            format!("{}; {}", condition.next(), served(member, now)),
            Some(format!("pintail rotate-now {} shows what is in the way", member.name)),
        ),
        EventKind::ClockDisagrees => {
            ("waits for clocks that agree".to_owned(), rotation(member), None)
        }
        EventKind::Unmanaged => {
            ("shares its account with unmanaged tokens".to_owned(), rotation(member), None)
        }
    };
    let is_over = matches!(
        kind,
        EventKind::Recovered | EventKind::Compromised | EventKind::Paused | EventKind::Resumed
    );
    let is_plain = kind == EventKind::Expiring && !condition.needs_attention();
    let why = (!is_over && !is_plain).then(|| since_and_why(condition)).flatten();
    let hint = condition.hint.clone().filter(|_| !is_over && !is_plain);
    Words { title, why, next, to_do: hint.or(to_do) }
}

fn since_and_why(condition: &Condition) -> Option<String> {
    let since = format!("since {}", instant(condition.since?));
    let step = condition.step.map(|step| format!("at step {}, ", step.as_str()));
    let why = condition.reason.zip(condition.message.as_ref()).map(|(reason, message)| {
        format!(": {}{}: {message}", step.unwrap_or_default(), reason.as_str())
    });
    Some(format!("{since}{}", why.unwrap_or_default()))
}

fn served(member: &CredentialStatus, now: Timestamp) -> String {
    match (member.token_id, member.expires_at) {
        (None, _) => "no served token has been seen".to_owned(),
        (Some(_), None) => "the served token does not expire".to_owned(),
        (Some(_), Some(at)) if at <= now => {
            format!("the served token expired at {}", instant(at))
        }
        (Some(_), Some(at)) => {
            let left = at.duration_since(now);
            format!("the served token works until {}, for {}", instant(at), span(left))
        }
    }
}

fn rotation(member: &CredentialStatus) -> String {
    member.condition.next_rotation.map_or_else(
        || "no further rotation is scheduled".to_owned(),
        |at| format!("the next rotation is due at {}", instant(at)),
    )
}
