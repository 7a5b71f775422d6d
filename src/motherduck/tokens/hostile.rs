//! Answers of a MotherDuck that means harm, or of whatever stands before it, drawn by chance.

use serde_json::Value;

use super::super::answer::Asked;
use super::super::page::{self, Page};
use super::super::pages::MOST_VALUES;
use super::*;
use crate::drawn::{answer, assert_fit, each};
use crate::fault::{Diagnostic, chain};
use crate::http::body::{self, LargeAnswers};

const WORDS: &[&str] = &[
    "200",
    "201",
    "202",
    "204",
    "206",
    "301",
    "400",
    "401",
    "403",
    "404",
    "409",
    "429",
    "502",
    "503",
    "\"tokens\"",
    "\"id\"",
    "\"name\"",
    "\"created_ts\"",
    "\"expire_at\"",
    "\"next_cursor\"",
    "\"next_page_token\"",
    "\"has_more\"",
    "\"pagination\"",
    "\"total_count\"",
    "\"code\"",
    "\"NOT_FOUND\"",
    "\"issues\"",
    "\"message\"",
    "\"token\"",
    "null",
    "true",
    "false",
    "-1",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[[[[[[[[[[[",
    "\"9999-12-31T23:59:59Z\"",
    "\"-009999-01-01\"",
    "\"0001-01-01T00:00:00-23:59\"",
    "\"2026-11-01 10:20:30\"",
    "\"\\u001b[2J\\u202e\"",
    "\"\\ud800\"",
    "t0ken-of-the-admin",
    "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01",
    "Retry-After",
    "Date",
    "99999999999999999999",
    "Content-Type",
];
const ID: &str = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01";

#[test]
fn a_list_is_complete_or_an_error_and_no_word_of_an_answer_is_more_than_a_word() {
    let admin = Token::new("t0ken-of-the-admin").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let account = || "etl_prod".parse::<AccountName>().unwrap();
    let large = LargeAnswers::default();
    let judge = |operation: &Operation, bytes: &[u8]| {
        let asked =
            Asked { base: "https://h/", admin_place: "the file /x", operation, large: &large };
        let response = answer(bytes).response();
        runtime.block_on(asked.judge(reqwest::Response::from(response)))
    };
    let fit = |operation: &Operation, failure: Failure| {
        assert!(failure.hint().is_none_or(|hint| !hint.is_empty()));
        let said = chain(&operation.failed(failure));
        assert!(!said.contains("en-of-the"), "{said}");
        assert_fit(&said, 3_000);
    };
    each("motherduck", WORDS, |bytes| {
        let sent = answer(bytes);
        let list = Operation::ListTokens(account());
        match judge(&list, bytes) {
            Ok(read) => {
                assert_eq!(sent.status, 200, "nothing else is a list");
                let page = page::read::<ListedRow>(read.body(), "tokens");
                if body::values(read.body()) < MOST_VALUES {
                    assert_list(sent.body, page);
                }
            }
            Err(failure) => fit(&list, failure),
        }
        let create = Operation::CreateToken(account());
        let new = NewToken {
            name: "x",
            ttl: Some(Duration::MAX),
            token_type: TokenType::ReadWrite,
            description: None,
        };
        match judge(&create, bytes).and_then(|read| created(&read, &new, jiff::Timestamp::now())) {
            Ok(token) => {
                assert!((200..=299).contains(&sent.status));
                // What nobody asked for is not read, and may be no JSON in every letter.
                let Ok(told) = serde_json::from_slice::<Value>(sent.body) else { return };
                let told_id = told["id"].as_str().unwrap().parse::<Uuid>().unwrap();
                assert_eq!(token.id.0, told_id);
                token.token.lend(|text| assert!(told["token"].as_str().unwrap().contains(text)));
            }
            Err(failure) => fit(&create, failure),
        }
        let revoke = Operation::RevokeToken(account(), ID.parse().unwrap());
        match judge(&revoke, bytes) {
            Ok(_) => assert!(sent.status < 300 && sent.status != 202, "taken on is not done"),
            Err(failure) => {
                if matches!(failure, Failure::NotFound(_)) {
                    let told: Value = serde_json::from_slice(sent.body).unwrap();
                    assert!(
                        sent.status == 404 && told["code"] == "NOT_FOUND",
                        "nobody's word but its own"
                    );
                }
                fit(&revoke, failure);
            }
        }
    });
    drop(admin);
}

/// A page that is read has all the entries that stand there, by another way of reading.
fn assert_list(body: &[u8], page: Result<Page<ListedRow>, String>) {
    match page {
        Ok(page) => {
            let told: Value = serde_json::from_slice(body).unwrap();
            let rows = told["tokens"].as_array().unwrap();
            assert_eq!(page.entries.len(), rows.len());
            for (read, row) in page.entries.iter().zip(rows) {
                assert_eq!(Some(read.id), row["id"].as_str().and_then(|id| id.parse().ok()));
                assert_eq!(
                    read.expire_at.is_none(),
                    row["expire_at"].as_str().is_none_or(|at| at.trim().is_empty())
                );
            }
            if told["has_more"] == true || told["pagination"]["has_more"] == true {
                assert!(page.next.is_some(), "there is more");
            }
        }
        Err(reason) => assert_fit(&reason, 200),
    }
}
