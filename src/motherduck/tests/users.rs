//! What is promised of users: a list that ends, and accounts that exist only by the service's own word.

use super::*;

const GONE: &str = r#"{"message":"User not found","code":"NOT_FOUND"}"#;
const DUCKLINGS: &str = r#"{"read_write":{"instance_size":"pulse"},"read_scaling":{"instance_size":"pulse","flock_size":4}}"#;

fn page(ids: &[u8], next: Option<&str>, total: Option<u64>) -> Reply {
    let users: Vec<_> = ids
        .iter()
        .map(|n| json!({"id": n.to_string(), "username": format!("u{n}"), "is_deprovisioned": false, "roles": ["Member"]}))
        .collect();
    reply(200, json!({"users": users, "next_page_token": next, "total_count": total}).to_string())
}

#[tokio::test]
async fn users_are_listed_page_by_page_and_each_once() {
    let fake =
        Fake::playing([page(&[1, 2], Some("p2"), Some(3)), page(&[2, 3], None, Some(3))]).await;
    let users = fake.client.list_users().await.unwrap();
    assert_eq!(
        users.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(),
        ["u1", "u2", "u3"]
    );
    let lines: Vec<_> = fake.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(lines, ["GET /v1/users?limit=1000", "GET /v1/users?limit=1000&page_token=p2"]);
}

#[tokio::test]
async fn a_page_token_that_repeats_ends_the_list_unless_users_are_missing() {
    for (total, complete) in [(Some(2), true), (None, true), (Some(3), false)] {
        let fake =
            Fake::playing([page(&[1], Some("again"), total), page(&[2], Some("again"), total)])
                .await;
        let users = fake.client.list_users().await;
        assert_eq!(fake.seen().len(), 2);
        assert_eq!(users.is_ok(), complete, "{total:?}");
    }
}

#[tokio::test]
async fn a_list_of_all_users_that_leaves_somebody_out_is_an_error() {
    let complete = vec![page(&[1, 2], Some("p2"), Some(3)), page(&[2, 3], None, Some(3))];
    let uncounted = vec![page(&[1, 2], None, None)];
    let short = vec![page(&[1, 2], None, Some(3))];
    let repeated = vec![page(&[1, 2], Some("p2"), Some(4)), page(&[2, 3], None, Some(4))];
    let in_a_circle = vec![page(&[1], Some("again"), None), page(&[2], Some("again"), None)];
    let empty = vec![page(&[], None, Some(0))];
    let cut = vec![reply(200, r#"{"users":[{"id":"1","username":"u1","roles":[]},{"id":"#)];
    let partial = vec![reply(206, r#"{"users":[],"next_page_token":null}"#)];
    let nothing = vec![reply(200, "")];
    for (replies, is_whole) in [
        (complete, true),
        (uncounted, true),
        (short, false),
        (repeated, false),
        (in_a_circle, false),
        (empty, false),
        (cut, false),
        (partial, false),
        (nothing, false),
    ] {
        let fake = Fake::playing(replies).await;
        let listed = fake.client.list_all_users().await;
        assert_eq!(listed.is_ok(), is_whole, "{listed:?}");
    }
}

#[tokio::test]
async fn a_user_is_a_service_account_by_its_flag_or_else_by_having_no_address() {
    let user = |more: serde_json::Value| {
        let mut user = json!({"id": "1", "username": "u"});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<User>(user).unwrap()
    };
    assert!(user(json!({})).is_service_account());
    assert!(!user(json!({"email": "a@b"})).is_service_account());
    assert!(user(json!({"email": "a@b", "is_service_account": true})).is_service_account());
    assert!(!user(json!({"is_service_account": false})).is_service_account());
}

#[tokio::test]
async fn an_account_is_absent_only_by_the_services_own_word() {
    let fake =
        Fake::playing([reply(200, DUCKLINGS), reply(404, GONE), reply(404, "Not Found")]).await;
    assert_eq!(fake.client.find_account(&account()).await.unwrap(), Existence::Exists);
    assert_eq!(fake.client.find_account(&account()).await.unwrap(), Existence::Absent);
    let error = fake.client.find_account(&account()).await.unwrap_err();
    assert!(matches!(failure(&error), Failure::PlainNotFound { .. }));
}

#[tokio::test]
async fn an_account_that_exists_is_not_created() {
    let fake = Fake::playing([reply(200, DUCKLINGS)]).await;
    assert_eq!(fake.client.ensure_account(&account()).await.unwrap(), Creation::Exists);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn an_account_that_is_absent_is_created_once() {
    let fake = Fake::playing([reply(404, GONE), reply(200, r#"{"username":"etl_prod"}"#)]).await;
    assert_eq!(fake.client.ensure_account(&account()).await.unwrap(), Creation::Created);
    let created = &fake.seen()[1];
    assert_eq!(created.line, "POST /v1/users");
    assert_eq!(created.body, r#"{"username":"etl_prod"}"#);
}

#[tokio::test]
async fn a_creation_that_failed_counts_as_existing_only_after_a_look() {
    let troubles = || [reply(400, "{}"), reply(409, "{}"), reply(500, "{}"), Reply::Nothing];
    for trouble in troubles() {
        let fake = Fake::playing([reply(404, GONE), trouble, reply(200, DUCKLINGS)]).await;
        assert_eq!(fake.client.ensure_account(&account()).await.unwrap(), Creation::Exists);
    }
    for trouble in troubles() {
        let fake = Fake::playing([reply(404, GONE), trouble, reply(404, GONE)]).await;
        let error = fake.client.ensure_account(&account()).await.unwrap_err();
        assert!(told(&error).starts_with("cannot create account etl_prod"), "{}", told(&error));
        assert_eq!(fake.seen().len(), 3, "it is sent once");
    }
}

#[tokio::test]
async fn a_refused_creation_is_not_looked_after() {
    let body = r#"{"code":"FORBIDDEN","issues":[{"message":"minimum role is Admin"}]}"#;
    let fake = Fake::playing([reply(404, GONE), reply(403, body)]).await;
    let error = fake.client.ensure_account(&account()).await.unwrap_err();
    assert!(told(&error).contains("minimum role is Admin"), "{}", told(&error));
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_deletion_is_repeated_and_a_lost_reply_is_no_failure() {
    let fake = Fake::playing([Reply::Nothing, reply(404, GONE)]).await;
    assert_eq!(fake.client.delete_account(&account()).await.unwrap(), Deletion::AlreadyGone);
    let fake = Fake::playing([reply(204, "")]).await;
    assert_eq!(fake.client.delete_account(&account()).await.unwrap(), Deletion::Deleted);
    assert_eq!(fake.seen()[0].line, "DELETE /v1/users/etl_prod");
    let fake = Fake::playing([reply(404, "Not Found")]).await;
    fake.client.delete_account(&account()).await.unwrap_err();
}
