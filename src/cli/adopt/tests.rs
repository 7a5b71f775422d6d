//! Adoptions over a sandbox and files.

use super::super::bench::{Bench, TWO, assert_keeps, both};
use super::*;
use crate::record::{Record, SecretContent};
use crate::rotation::world::{CreatedToken, Site};
use crate::secret::Token;

use super::many::{Adoptions, Outcome};

fn request(name: &str, token_id: TokenId) -> AdoptRequest {
    AdoptRequest { line: None, name: name.parse().unwrap(), token_id, accepted: None }
}

async fn record_of(bench: &Bench, name: &str) -> Record {
    let engine = bench.engine().await;
    let world = engine.world(&name.parse().unwrap(), CancellationToken::new()).unwrap();
    let content = world.read(Site::Store).await.unwrap().content;
    let SecretContent::Managed { record, .. } = content else { panic!("{content:?}") };
    *record
}

async fn by_hand(bench: &Bench, credential: &str) -> CreatedToken {
    let created = bench.made_by_hand("etl_prod", &format!("made by hand for {credential}")).await;
    bench.put(credential, &created.token);
    created
}

#[tokio::test]
async fn a_hand_made_token_is_managed_afterwards_and_stays_as_it_was() {
    let bench = Bench::new(TWO).await;
    let hand = by_hand(&bench, "etl").await;
    let adopted =
        take_in(&bench.engine().await, &request("etl", hand.id), TakeOver::No).await.unwrap();
    let (text, json) = both(&adopted);
    assert_eq!(json["token_id"], hand.id.to_string());
    assert!(text.contains("cannot be proved"), "{text}");
    assert_keeps(&text, &hand.token);
    assert_keeps(&json.to_string(), &hand.token);
    let record = record_of(&bench, "etl").await;
    assert_eq!((record.token_id, record.created_at), (hand.id, hand.created_at));
    assert_eq!(bench.served("etl").sha256(), hand.token.sha256());
    assert_eq!(bench.listed("etl_prod").await, [hand.id]);

    let again =
        take_in(&bench.engine().await, &request("etl", hand.id), TakeOver::No).await.unwrap_err();
    assert_eq!(again.code, ExitCode::Failed);
    assert!(again.message.contains("manages the secret already"), "{}", again.message);
}

#[tokio::test]
async fn an_adopted_token_is_rotated_like_any_other() {
    let bench = Bench::new(TWO).await;
    let hand = by_hand(&bench, "etl").await;
    take_in(&bench.engine().await, &request("etl", hand.id), TakeOver::No).await.unwrap();
    let report = bench.rotate("etl").await;
    assert_eq!(report.revoked, [hand.id]);
    assert_eq!(bench.listed("etl_prod").await, [report.token_id.unwrap()]);
}

#[tokio::test]
async fn a_token_that_was_put_over_a_served_one_is_adopted_and_nothing_is_revoked() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    let hand = by_hand(&bench, "etl").await;
    let adopted =
        take_in(&bench.engine().await, &request("etl", hand.id), TakeOver::No).await.unwrap();
    assert_eq!(adopted.previous_token_ids, [served]);
    assert_eq!(bench.served("etl").sha256(), hand.token.sha256());
    assert!(bench.listed("etl_prod").await.contains(&served));
}

#[tokio::test]
async fn a_token_that_does_not_connect_is_not_adopted() {
    let bench = Bench::new(TWO).await;
    let hand = bench.made_by_hand("etl_prod", "made by hand").await;
    bench.put("etl", &Token::new("another.text.altogether").unwrap());
    let into_error =
        take_in(&bench.engine().await, &request("etl", hand.id), TakeOver::No).await.unwrap_err();
    assert!(into_error.message.contains("does not connect"), "{}", into_error.message);
    assert!(!into_error.message.contains("altogether"), "{}", into_error.message);
    assert_eq!(bench.served("etl").lend(str::to_owned), "another.text.altogether");
}

#[tokio::test]
async fn a_token_that_another_credential_serves_is_not_adopted_twice() {
    let bench = Bench::new(TWO).await;
    let hand = by_hand(&bench, "etl").await;
    take_in(&bench.engine().await, &request("etl", hand.id), TakeOver::No).await.unwrap();
    bench.put("reader", &hand.token);
    let into_error = take_in(&bench.engine().await, &request("reader", hand.id), TakeOver::No)
        .await
        .unwrap_err();
    assert!(into_error.message.contains("belongs to credential etl"), "{}", into_error.message);
}

#[tokio::test]
async fn another_deployments_secret_is_taken_over_only_when_asked_for() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    let config = bench.of_owner("staging", TWO);
    let engine = Engine::open(config).await.unwrap();
    let into_error = take_in(&engine, &request("etl", served), TakeOver::No).await.unwrap_err();
    assert!(into_error.hint.unwrap().contains("--take-over"));
    let adopted = take_in(&engine, &request("etl", served), TakeOver::Yes).await.unwrap();
    assert_eq!(adopted.token_id, served);
    assert_eq!(record_of(&bench, "etl").await.owner.as_str(), "staging");
}

#[tokio::test]
async fn an_unknown_credential_is_a_usage_error_that_names_near_ones() {
    let bench = Bench::new(TWO).await;
    let into_error = configured(&bench.config, &["raeder".parse().unwrap()]).unwrap_err();
    assert_eq!(into_error.code, ExitCode::Usage);
    assert!(into_error.message.contains("raeder"), "{}", into_error.message);
    assert_eq!(into_error.hint.as_deref(), Some("did you mean `reader`?"));
}

fn outcomes(adoptions: &Adoptions) -> Vec<Outcome> {
    adoptions.adoptions.iter().map(|line| line.outcome).collect()
}

#[tokio::test]
async fn many_are_adopted_one_by_one_and_the_list_may_be_used_again() {
    let bench = Bench::new(TWO).await;
    let tokens = [by_hand(&bench, "etl").await, by_hand(&bench, "reader").await];
    let requests = [request("etl", tokens[0].id), request("reader", tokens[1].id)];
    let engine = bench.engine().await;
    let dry = adopt_all(&engine, &requests, TakeOver::No, Mode::DryRun).await;
    assert_eq!(outcomes(&dry), [Outcome::Ready, Outcome::Ready]);
    let (text, _) = both(&dry);
    assert!(text.ends_with("2 ready, 0 failed\nnothing was changed: it was a dry run\n"), "{text}");
    assert!(!bench.path("secrets/motherduck/etl/record.json").exists());

    let adopted = adopt_all(&engine, &requests, TakeOver::No, Mode::Adopt).await;
    let (text, json) = both(&adopted);
    assert_eq!(outcomes(&adopted), [Outcome::Adopted, Outcome::Adopted], "{text}");
    assert_eq!(adopted.code(), ExitCode::Settled);
    assert_eq!(json["adoptions"][1]["outcome"], "adopted");
    for (name, token) in [("etl", &tokens[0]), ("reader", &tokens[1])] {
        assert_eq!(record_of(&bench, name).await.token_id, token.id);
        assert_keeps(&text, &token.token);
        assert_keeps(&json.to_string(), &token.token);
    }
    let again = adopt_all(&engine, &requests, TakeOver::No, Mode::Adopt).await;
    assert_eq!(outcomes(&again), [Outcome::AlreadyManaged, Outcome::AlreadyManaged]);
    assert_eq!(again.code(), ExitCode::Settled);
}

#[tokio::test]
async fn nothing_is_adopted_while_one_line_cannot_be() {
    let bench = Bench::new(TWO).await;
    let hand = by_hand(&bench, "etl").await;
    let requests = [request("etl", hand.id), request("reader", TokenId(uuid::Uuid::new_v4()))];
    let adoptions = adopt_all(&bench.engine().await, &requests, TakeOver::No, Mode::Adopt).await;
    let (text, json) = both(&adoptions);
    assert_eq!(outcomes(&adoptions), [Outcome::Ready, Outcome::Failed], "{text}");
    assert_eq!(adoptions.code(), ExitCode::Failed);
    assert!(json["adoptions"][1]["error"].as_str().unwrap().starts_with("reader: "), "{json}");
    assert!(!bench.path("secrets/motherduck/etl/record.json").exists());
}
