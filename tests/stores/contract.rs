//! What every kind of store promises.

use std::sync::Arc;

use jiff::Timestamp;
use pintail::names::{RotationId, TokenId};
use pintail::record::{Phase, Record, SecretContent, TokenType};
use pintail::rotation::world::Reading;
use pintail::secret::Token;
use pintail::stores::settings::{Format, StoreSettings};
use pintail::stores::{PublishError, Role, SecretRef, Store, StoreError};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use uuid::Uuid;

/// A kind of store, and a person's ways to its secrets that do not lead through pintail.
pub trait Fixture: Sized {
    async fn start() -> Self;
    fn settings(&self) -> StoreSettings;
    async fn write_by_hand(&self, path: &str, value: &Value);
    /// Writes the JSON text of a secret without a token.
    async fn write_text_by_hand(&self, path: &str, text: &str);
    /// The JSON text of a secret, as the store gives it out; in files it is without the token.
    async fn text(&self, path: &str) -> String;
    async fn delete(&self, path: &str);

    /// Whether the store itself sees to it that a secret is a JSON object.
    const HOLDS_ONLY_OBJECTS: bool = false;
    /// Whether the store gives out the very text that was written.
    const KEEPS_BYTES: bool = true;

    /// Whether its server can be had here. Where not, that was said aloud.
    fn is_there() -> bool {
        true
    }

    /// A secret that no other test knows.
    fn somewhere() -> SecretRef {
        somewhere()
    }

    async fn store(&self) -> Store {
        Store::open("main", &self.settings()).await.unwrap()
    }
}

/// A secret that no other test knows.
pub fn somewhere() -> SecretRef {
    SecretRef {
        path: format!("motherduck/{}", Uuid::new_v4()),
        token_field: "motherduck_token".to_owned(),
        token_id_field: Some("token_id".to_owned()),
        format: Format::Json,
        role: Role::Primary,
    }
}

/// A token made in a rotation of its own.
pub struct Made {
    pub id: TokenId,
    pub token: Token,
    rotation: RotationId,
}

pub fn made() -> Made {
    let id = Uuid::new_v4();
    let token = Token::new(&format!("s3cret.{id}")).unwrap();
    Made { id: TokenId(id), token, rotation: RotationId::starting_at(Timestamp::now()) }
}

impl Made {
    pub fn record(&self, phase: Phase, previous: &[TokenId]) -> Record {
        Record {
            token_id: self.id,
            token_name: format!("pintail/prod/etl/{}", self.rotation),
            token_type: TokenType::ReadWrite,
            username: "etl_prod".parse().unwrap(),
            created_at: "2026-11-01T00:00:00Z".parse().unwrap(),
            expires_at: Some("2026-12-01T00:00:00Z".parse().unwrap()),
            rotation_id: self.rotation,
            published_at: "2026-11-01T00:00:01Z".parse().unwrap(),
            previous_token_ids: previous.to_vec(),
            elsewhere_token_ids: vec![],
            first_token_at: None,
            unconfirmed_revocations: 0,
            renewal_ttl_seconds: None,
            pause: None,
            phase,
            token_sha256: self.token.sha256(),
            owner: "prod".parse().unwrap(),
        }
    }
}

/// Publishes over what is there now, and reads it back.
pub async fn publish(
    store: &Store,
    at: &SecretRef,
    made: &Made,
    phase: Phase,
    previous: &[TokenId],
) -> Reading {
    let over = store.read(at).await.unwrap();
    let record = made.record(phase, previous);
    store.publish(at, &over, &record, &made.token).await.unwrap();
    let reading = store.read(at).await.unwrap();
    assert_ne!(reading.version, over.version);
    let SecretContent::Managed { record: read, token } = &reading.content else {
        panic!("not managed: {reading:?}")
    };
    assert_eq!(**read, record);
    assert_eq!(token.sha256(), made.token.sha256());
    reading
}

pub fn text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} / {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error} / {error:?}");
        cause = error.source();
    }
    text
}

pub async fn a_missing_secret_is_vacant_and_the_first_write_creates_it<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let nothing = store.read(&at).await.unwrap();
    assert!(nothing.version.is_absent());
    assert!(matches!(nothing.content, SecretContent::Vacant));
    publish(&store, &at, &made(), Phase::Published, &[]).await;
    let (late, again) = (made(), nothing);
    let outcome =
        store.publish(&at, &again, &late.record(Phase::Published, &[]), &late.token).await;
    assert!(matches!(outcome, Err(PublishError::Conflict)), "{outcome:?}");
}

pub async fn the_users_own_keys_survive_every_write<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let by_hand = json!({"motherduck_token": "made-by-hand", "dsn": "md:x", "nested": {"n": [1]}});
    fixture.write_by_hand(&at.path, &by_hand).await;
    let reading = store.read(&at).await.unwrap();
    let SecretContent::Unmanaged { token } = &reading.content else { panic!("{reading:?}") };
    assert_eq!(token.sha256(), Token::new("made-by-hand").unwrap().sha256());
    let (first, second) = (made(), made());
    publish(&store, &at, &first, Phase::Published, &[]).await;
    publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    let reading = publish(&store, &at, &second, Phase::Retiring, &[first.id]).await;
    assert_eq!(format!("{:?}", reading.others), "UserKeys(2 keys)");
    let object: Value = serde_json::from_str(&fixture.text(&at.path).await).unwrap();
    assert_eq!(object["dsn"], by_hand["dsn"]);
    assert_eq!(object["nested"], by_hand["nested"]);
}

pub async fn a_stale_reading_is_a_conflict_and_changes_nothing<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let (first, second, late) = (made(), made(), made());
    let stale = publish(&store, &at, &first, Phase::Published, &[]).await;
    let now = publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    let record = late.record(Phase::Published, &[first.id]);
    for _ in 0..2 {
        let outcome = store.publish(&at, &stale, &record, &late.token).await;
        assert!(matches!(outcome, Err(PublishError::Conflict)), "{outcome:?}");
    }
    assert_eq!(store.read(&at).await.unwrap().version, now.version);
}

pub async fn a_change_by_hand_makes_a_reading_stale<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let first = made();
    let stale = publish(&store, &at, &first, Phase::Published, &[]).await;
    fixture.write_by_hand(&at.path, &json!({"motherduck_token": "by-hand", "k": 1})).await;
    let late = made();
    let record = late.record(Phase::Published, &[first.id]);
    let outcome = store.publish(&at, &stale, &record, &late.token).await;
    assert!(matches!(outcome, Err(PublishError::Conflict)), "{outcome:?}");
    let reading = store.read(&at).await.unwrap();
    assert!(matches!(reading.content, SecretContent::Unmanaged { .. }), "{reading:?}");
}

async fn race(settings: StoreSettings, at: &SecretRef) {
    let mut ready = vec![];
    for _ in 0..8 {
        // Each has a store of its own, as several processes would.
        let store = Store::open("main", &settings).await.unwrap();
        let reading = store.read(at).await.unwrap();
        ready.push((store, reading));
    }
    assert!(ready.iter().all(|(_, reading)| reading.version == ready[0].1.version));
    let start = Arc::new(Barrier::new(ready.len()));
    let racers = ready.into_iter().map(|(store, reading)| {
        let (at, start) = (at.clone(), Arc::clone(&start));
        tokio::spawn(async move {
            let made = made();
            let record = made.record(Phase::Published, &[]);
            start.wait().await;
            (made.id, store.publish(&at, &reading, &record, &made.token).await)
        })
    });
    let racers: Vec<_> = racers.collect();
    let mut winners = vec![];
    for racer in racers {
        let (id, outcome) = racer.await.unwrap();
        match outcome {
            Ok(()) => winners.push(id),
            Err(PublishError::Conflict) => {}
            Err(other) => panic!("neither won nor lost: {}", text(&other)),
        }
    }
    let store = Store::open("main", &settings).await.unwrap();
    let SecretContent::Managed { record, .. } = store.read(at).await.unwrap().content else {
        panic!()
    };
    assert_eq!(winners, [record.token_id]);
}

pub async fn of_eight_racing_publishers_exactly_one_wins<F: Fixture>() {
    let fixture = F::start().await;
    let at = F::somewhere();
    race(fixture.settings(), &at).await;
    race(fixture.settings(), &at).await;
    race(fixture.settings(), &at).await;
}

pub async fn a_predecessor_is_recalled_before_and_after_the_seal<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let (first, second) = (made(), made());
    assert!(store.recall(&at, first.id).await.unwrap().is_none());
    publish(&store, &at, &first, Phase::Published, &[]).await;
    publish(&store, &at, &first, Phase::Retiring, &[]).await;
    for phase in [Phase::Published, Phase::Retiring] {
        publish(&store, &at, &second, phase, &[first.id]).await;
        let (record, token) = store.recall(&at, first.id).await.unwrap().unwrap();
        assert_eq!(record.token_id, first.id);
        assert_eq!(token.sha256(), first.token.sha256());
    }
    assert!(store.recall(&at, made().id).await.unwrap().is_none());
}

pub async fn a_version_is_never_used_twice<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let (first, second) = (made(), made());
    let mut back = first.record(Phase::Published, &[second.id]);
    back.rotation_id = second.rotation;
    let mut versions = vec![
        publish(&store, &at, &first, Phase::Published, &[]).await.version,
        publish(&store, &at, &second, Phase::Published, &[first.id]).await.version,
    ];
    // Rolled back, then touched, then sealed.
    for phase in [Phase::Published, Phase::Published, Phase::Retiring] {
        back.phase = phase;
        let over = store.read(&at).await.unwrap();
        store.publish(&at, &over, &back, &first.token).await.unwrap();
        versions.push(store.read(&at).await.unwrap().version);
    }
    let distinct: std::collections::HashSet<_> = versions.iter().collect();
    assert_eq!(distinct.len(), versions.len(), "{versions:?}");
}

pub async fn asking_whether_it_could_be_written_changes_nothing<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let nothing = store.read(&at).await.unwrap();
    store.ensure_writable(&at, &nothing).await.unwrap();
    assert!(store.read(&at).await.unwrap().version.is_absent());
    let first = made();
    let served = publish(&store, &at, &first, Phase::Published, &[]).await;
    for _ in 0..3 {
        store.ensure_writable(&at, &served).await.unwrap();
    }
    assert_eq!(store.read(&at).await.unwrap().version, served.version);
    publish(&store, &at, &made(), Phase::Published, &[first.id]).await;
}

pub async fn a_deleted_secret_is_vacant_and_can_be_written_again<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let stale = publish(&store, &at, &made(), Phase::Published, &[]).await;
    publish(&store, &at, &made(), Phase::Published, &[]).await;
    fixture.delete(&at.path).await;
    let deleted = store.read(&at).await.unwrap();
    assert!(matches!(deleted.content, SecretContent::Vacant));
    store.ensure_writable(&at, &deleted).await.unwrap();
    let late = made();
    let record = late.record(Phase::Published, &[]);
    assert!(store.publish(&at, &stale, &record, &late.token).await.is_err());
    publish(&store, &at, &made(), Phase::Published, &[]).await;
}

pub async fn what_is_no_record_is_refused_by_name_and_not_shown<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let others = [json!(["s3cret-in-a-list"]), json!("s3cret-text")];
    for value in others.iter().filter(|_| !F::HOLDS_ONLY_OBJECTS) {
        fixture.write_by_hand(&at.path, value).await;
        let error = store.read(&at).await.unwrap_err();
        assert!(matches!(error, StoreError::NotAnObject { .. }), "{error}");
        let text = text(&error);
        assert!(text.contains(&at.path) && text.contains("is not a JSON object"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let damaged = json!({"managed_by": "pintail", "token_id": "s3cret-pasted-here"});
    for damaged in [json!({"pintail": damaged}), damaged] {
        fixture.write_by_hand(&at.path, &damaged).await;
        let error = store.read(&at).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        let text = text(&error);
        assert!(text.contains(&at.path), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

pub async fn nothing_printable_holds_a_token<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let at = F::somewhere();
    let (first, second) = (made(), made());
    let stale = publish(&store, &at, &first, Phase::Published, &[]).await;
    let now = publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    let late = made();
    let record = late.record(Phase::Published, &[first.id]);
    let conflict = store.publish(&at, &stale, &record, &late.token).await.unwrap_err();
    let recalled = store.recall(&at, first.id).await.unwrap();
    let printed = format!("{store:?} {stale:?} {now:?} {recalled:?} {}", text(&conflict));
    assert!(!printed.contains("s3cret"), "{printed}");
}

/// The contract's tests for one kind of store.
macro_rules! contract {
    ($fixture:ty) => {
        $crate::contract::contract!(
            $fixture:
            a_missing_secret_is_vacant_and_the_first_write_creates_it
            the_users_own_keys_survive_every_write
            a_stale_reading_is_a_conflict_and_changes_nothing
            a_change_by_hand_makes_a_reading_stale
            of_eight_racing_publishers_exactly_one_wins
            a_predecessor_is_recalled_before_and_after_the_seal
            a_version_is_never_used_twice
            asking_whether_it_could_be_written_changes_nothing
            a_deleted_secret_is_vacant_and_can_be_written_again
            what_is_no_record_is_refused_by_name_and_not_shown
            nothing_printable_holds_a_token
        );
    };
    ($fixture:ty: $($test:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                if <$fixture as $crate::contract::Fixture>::is_there() {
                    $crate::contract::$test::<$fixture>().await;
                }
            }
        )*
    };
}
pub(crate) use contract;
