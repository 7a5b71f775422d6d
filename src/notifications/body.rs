//! An event as a request's body: as Slack takes it, and as a CloudEvent.

use serde_json::{Value, json};

use super::settings::EventKind;
use super::words::{Words, words};
use super::{Event, Notification};

/// Longer texts are cut: a receiver that refuses a long message would not be told at all.
const MOST_CHARACTERS: usize = 3_000;

/// `{"text": …}`: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
pub(super) fn slack(event: &Event) -> Value {
    let Words { title, why, next, to_do } = words(event);
    let lines = [
        Some(format!("*{}*", escaped(&title))),
        why.map(|why| escaped(&why)),
        Some(format!("Next: {}", escaped(&next))),
        to_do.map(|to_do| format!("To do: {}", escaped(&to_do))),
    ];
    json!({ "text": lines.into_iter().flatten().collect::<Vec<_>>().join("\n") })
}

/// In a text from outside nothing may be a link, or call everybody of a channel.
fn escaped(text: &str) -> String {
    cut(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}

/// Structured mode: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>.
pub(super) fn cloud_event(event: &Event) -> Value {
    let Words { title, why, next, to_do } = words(event);
    let told = json!({
        "event": event.notification.word(),
        "owner": event.owner,
        "title": title,
        "why": why.as_deref().map(cut),
        "next": next,
        "to_do": to_do.as_deref().map(cut),
    });
    let (subject, more) = match &event.notification {
        Notification::Credential { member, is_repeated, .. } => (
            member.name.to_string(),
            json!({
                "credential": member.name,
                "username": member.username,
                "state": member.condition.state,
                "since": member.condition.since,
                "reason": member.condition.reason,
                "severity": member.condition.severity,
                "step": member.condition.step,
                "token_id": member.token_id,
                "rotation_id": member.rotation_id,
                "expires_at": member.expires_at,
                "next_look": member.condition.next_look,
                "next_rotation": member.condition.next_rotation,
                "predecessors": member.predecessors,
                "repeated": is_repeated,
            }),
        ),
        Notification::Unmanaged { account, count, is_repeated } => (
            account.clone(),
            json!({ "username": account, "unmanaged_tokens": count, "repeated": is_repeated }),
        ),
        Notification::Clocks { time, is_repeated } => (
            "clocks".to_owned(),
            json!({ "here": time.now, "motherduck": time.other, "repeated": is_repeated }),
        ),
        Notification::Test { sink } => (sink.clone(), json!({ "sink": sink })),
    };
    json!({
        "specversion": "1.0",
        "id": event.id,
        "source": format!("/pintail/{}", event.owner),
        "type": kind(&event.notification),
        "subject": subject,
        "time": event.at,
        "datacontenttype": "application/json",
        "data": joined(told, more),
    })
}

fn joined(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

const CLOCKS: &str = "dev.pintail.clock.disagrees";

fn kind(notification: &Notification) -> &'static str {
    match notification {
        Notification::Credential { kind, .. } => match kind {
            EventKind::Failed => "dev.pintail.rotation.failed",
            EventKind::Held => "dev.pintail.rotation.held",
            EventKind::RolledBack => "dev.pintail.rotation.rolled_back",
            EventKind::Refused => "dev.pintail.rotation.refused",
            EventKind::Blocked => "dev.pintail.rotation.blocked",
            EventKind::Compromised => "dev.pintail.rotation.compromised",
            EventKind::Recovered => "dev.pintail.rotation.recovered",
            EventKind::Expiring => "dev.pintail.token.expiring",
            EventKind::Unmanaged => "dev.pintail.account.unmanaged",
            EventKind::Paused => "dev.pintail.rotation.paused",
            EventKind::Resumed => "dev.pintail.rotation.resumed",
            EventKind::ClockDisagrees => CLOCKS,
        },
        Notification::Unmanaged { .. } => "dev.pintail.account.unmanaged",
        Notification::Clocks { .. } => CLOCKS,
        Notification::Test { .. } => "dev.pintail.test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_calls_nobody_and_links_nowhere() {
        assert_eq!(
            escaped("<!channel> & <http://x|y>"),
            "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"
        );
        assert_eq!(escaped(&"é".repeat(5_000)).chars().count(), MOST_CHARACTERS);
    }
}
