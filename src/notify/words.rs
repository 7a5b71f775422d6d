//! What people are told: what is unhealthy, since when, why, what happens next, and what to do.

use jiff::{SignedDuration, Timestamp};

use super::settings::Occasion;
use super::{Event, News};
use crate::fleet::Member;

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
    match &event.news {
        News::Credential { occasion, member, is_repeated } => {
            let mut words = credential(*occasion, member, event.at);
            words.title = title(event, &format!("{} {}", member.name, words.title), *is_repeated);
            words
        }
        News::Unmanaged { account, count, is_repeated } => {
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
        News::Test { sink } => Words {
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

fn credential(occasion: Occasion, member: &Member, now: Timestamp) -> Words {
    let again = member.next_look.map_or_else(
        || "the next run goes on from here".to_owned(),
        |at| format!("pintail looks again at {}", instant(at)),
    );
    let (title, next, to_do) = match occasion {
        Occasion::Failed => (
            "failed".to_owned(),
            format!("{again}; {}", served(member, now)),
            Some("nothing yet if it passes by itself".to_owned()),
        ),
        Occasion::Held => (
            "is held".to_owned(),
            format!("both tokens stay valid; {again}, and goes on by itself when all is well"),
            Some("run pintail status to see what is in the way".to_owned()),
        ),
        Occasion::RolledBack => (
            "was rolled back".to_owned(),
            format!(
                "the old token is served again, and the newer one lives until the consumers are healthy; {}",
                rotation(member)
            ),
            Some("find out what was wrong with the newer token's rotation".to_owned()),
        ),
        Occasion::Refused => (
            "needs a person".to_owned(),
            format!("nothing until somebody acts; {}", served(member, now)),
            Some("run pintail check".to_owned()),
        ),
        Occasion::Blocked => (
            "is blocked: what is configured for it now is not in force".to_owned(),
            format!("it is rotated as before; {}", rotation(member)),
            Some("take the change back".to_owned()),
        ),
        Occasion::Compromised => (
            "was compromised, and its token replaced and revoked".to_owned(),
            rotation(member),
            Some("restart the consumers that have not read the new token".to_owned()),
        ),
        Occasion::Recovered => ("has recovered".to_owned(), rotation(member), None),
        Occasion::Expiring => (
            "nears the expiry of its token, and was not rotated".to_owned(),
            format!("{again}; {}", served(member, now)),
            Some(format!("pintail rotate-now {} shows what is in the way", member.name)),
        ),
        Occasion::Unmanaged => {
            ("shares its account with unmanaged tokens".to_owned(), rotation(member), None)
        }
    };
    let trouble = member.trouble.as_ref();
    let since = format!("since {}", instant(member.since));
    let why = match (occasion, trouble) {
        (Occasion::Recovered | Occasion::Compromised, _) | (Occasion::Expiring, None) => None,
        (_, None) => Some(since),
        (_, Some(trouble)) => {
            let step = trouble.step.map(|step| format!("at step {}, ", step.as_str()));
            let step =
                step.or_else(|| trouble.reason.map(|reason| format!("{}, ", reason.as_str())));
            Some(format!("{since}: {}{}", step.unwrap_or_default(), trouble.message))
        }
    };
    let hint = trouble.and_then(|trouble| trouble.hint.clone());
    let to_do = match occasion {
        Occasion::Recovered | Occasion::Compromised => to_do,
        Occasion::Failed
        | Occasion::Held
        | Occasion::RolledBack
        | Occasion::Refused
        | Occasion::Blocked
        | Occasion::Expiring
        | Occasion::Unmanaged => hint.or(to_do),
    };
    Words { title, why, next, to_do }
}

fn served(member: &Member, now: Timestamp) -> String {
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

fn rotation(member: &Member) -> String {
    member.next_rotation.map_or_else(
        || "no further rotation is scheduled".to_owned(),
        |at| format!("the next rotation is due at {}", instant(at)),
    )
}

/// To the second, in UTC.
fn instant(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// In its largest unit, rounded down: what matters is how much of a hurry there is.
fn span(left: SignedDuration) -> String {
    let seconds = left.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (count, unit) = units
        .into_iter()
        .map(|(length, unit)| (seconds / length, unit))
        .find(|(count, _)| *count > 0)
        .unwrap_or((0, "second"));
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}
