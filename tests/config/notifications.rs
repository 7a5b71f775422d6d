//! `[notifications.NAME]`: what is taken, with which defaults, and what is refused.

use std::time::Duration;

use pintail::http::settings::HeaderSource;
use pintail::notifications::settings::{EventKind, SinkForm};
use pintail::secret::SecretSource;

use super::{HEAD, assert_refused, load, load_with};

fn sink(body: &str) -> String {
    format!("{HEAD}[notifications.oncall]\n{body}")
}

#[test]
fn a_sink_is_told_of_everything_once_a_day_unless_it_is_written_otherwise() {
    let config = load(&sink("slack.url.file = \"/run/secrets/slack\"")).unwrap();
    let oncall = &config.notifications["oncall"];
    let url = SecretSource::File("/run/secrets/slack".into());
    assert_eq!(oncall.form, SinkForm::Slack { url });
    assert_eq!(oncall.events, EventKind::ALL.into());
    assert_eq!(oncall.repeat_after, Duration::from_hours(24));
    assert_eq!((oncall.expiry_within, oncall.timeout), (None, Duration::from_secs(10)));
    let config = load(&sink(
        "events = [\"held\", \"refused\"]\nrepeat_after = \"4h\"\nexpiry_within = \"3d\"\n\
         webhook = { url = \"https://bus.example/in\", headers = { X-Key = { env = \"KEY\" } }, timeout = \"2s\" }",
    ));
    let config = config.unwrap();
    let oncall = &config.notifications["oncall"];
    let SinkForm::CloudEvents { url, headers } = &oncall.form else { panic!("{oncall:?}") };
    assert_eq!(url.as_str(), "https://bus.example/in");
    assert_eq!(headers["X-Key"], HeaderSource::Secret(SecretSource::Env("KEY".to_owned())));
    assert_eq!(oncall.events, [EventKind::Held, EventKind::Refused].into());
    assert_eq!(oncall.expiry_within, Some(Duration::from_hours(72)));
}

#[test]
fn a_later_source_changes_the_kind_of_a_sink() {
    let first = sink("slack.url.file = \"/run/secrets/slack\"");
    let later = "[notifications.oncall.webhook]\nurl = \"https://bus.example/in\"";
    let config = load_with(&[&first, later], &[]).unwrap();
    let form = &config.notifications["oncall"].form;
    assert!(matches!(form, SinkForm::CloudEvents { .. }), "{form:?}");
}

#[test]
fn a_sink_that_cannot_be_told_is_refused_with_its_key() {
    for (body, parts) in [
        ("", &["notifications.oncall", "exactly one kind", "`slack`", "`webhook`"][..]),
        (
            "slack.url.env = \"U\"\nwebhook.url = \"https://x\"",
            &["notifications.oncall", "exactly one kind"],
        ),
        ("slack = {}", &["notifications.oncall.slack.url", "required"]),
        ("webhook.url = \"http://bus.example\"", &["notifications.oncall.webhook.url", "https://"]),
        ("webhook.url = \"https://u:p@bus.example\"", &["webhook.url", "password"]),
        (
            "slack.url.env = \"U\"\nevents = [\"helt\"]",
            &["notifications.oncall.events", "one of", "held", "rolled_back", "unmanaged"],
        ),
        ("slack.url.env = \"U\"\nevents = []", &["notifications.oncall.events", "one event"]),
        ("slack.url.env = \"U\"\nevent = []", &["notifications.oncall.event", "`events`"]),
        ("slack.url.env = \"U\"\nrepeat_after = \"0s\"", &["notifications.oncall.repeat_after"]),
        ("webhook = { url = \"https://x\", headers = { \"a b\" = \"c\" } }", &["headers.\"a b\""]),
    ] {
        assert_refused(load(&sink(body)), parts);
    }
    assert_refused(load(&format!("{HEAD}[notification.x]")), &["`notifications`"]);
}

#[test]
fn the_url_of_a_slack_webhook_in_the_configuration_is_refused_and_not_shown() {
    let url = "https://hooks.slack.com/services/T000/B000/s3cr3t";
    let text = super::refusal(load(&sink(&format!("slack.url = \"{url}\""))));
    assert!(text.contains("notifications.oncall.slack.url") && text.contains("file"), "{text}");
    assert!(!text.contains("s3cr3t") && !text.contains("hooks.slack"), "{text}");
}
