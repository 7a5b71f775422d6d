//! Answers of a Vault that means harm, or of whatever stands before it, drawn by chance.

use serde_json::Value as Json;

use super::super::settings::Format;
use super::reply::Reply;
use super::*;
use crate::drawn::{answer, assert_fit, each};
use crate::fault::Diagnostic;
use crate::http::body::Bytes;
use crate::record::SecretContent;

const WORDS: &[&str] = &[
    "200",
    "204",
    "307",
    "400",
    "403",
    "404",
    "412",
    "429",
    "472",
    "473",
    "501",
    "502",
    "503",
    "\"errors\"",
    "\"data\"",
    "\"metadata\"",
    "\"version\"",
    "\"auth\"",
    "\"client_token\"",
    "\"lease_duration\"",
    "\"wrap_info\"",
    "\"warnings\"",
    "null",
    "true",
    "-1",
    "0",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[[[[[[[[[",
    "\"\\u0000\\u001b[2J\"",
    "\"\\ud800\"",
    "hvs.t0ken-of-vault",
    "\\u200bhvs.t0ken-of-va",
    "\"check-and-set parameter did not match the current version\"",
    "\"no data provided\"",
    "\"Vault is sealed\"",
    "\"created_time\"",
    "\"deletion_time\"",
    "\"destroyed\"",
    "\"pintail\"",
    "\"motherduck_token\"",
];

#[test]
fn an_answer_is_read_as_what_it_is_and_its_words_are_fit_to_be_shown() {
    let held = Token::new("hvs.t0ken-of-vault").unwrap();
    let at = SecretRef {
        path: "x".to_owned(),
        token_field: "motherduck_token".to_owned(),
        token_id_field: Some("token_id".to_owned()),
        format: Format::Json,
        role: Role::Primary,
    };
    each("vault", WORDS, |bytes| {
        let sent = answer(bytes);
        let status = sent.status.try_into().unwrap();
        let reply = Reply { status, body: Bytes::new(sent.body.to_vec()), turn: None };
        for doing in [Capability::Read, Capability::Create] {
            let refusal = reply.refusal();
            let error = VaultError::new(doing, "secret", "x", &refusal);
            let said =
                format!("{} {}", crate::fault::chain(&error), error.hint().unwrap_or_default());
            assert!(!said.contains("ken-of-v"), "{said}");
            assert_fit(&said, 3_000);
        }
        let told: Option<Json> = serde_json::from_slice(sent.body).ok();
        match reply.missing() {
            Some(Missing::Never) => {
                let errors = told.as_ref().and_then(|told| told["errors"].as_array());
                assert!(
                    sent.status == 404 && errors.is_some_and(Vec::is_empty),
                    "only Vault's own word"
                );
            }
            Some(Missing::Deleted(version)) => {
                let told = told.unwrap();
                assert!(sent.status == 404 && told["data"]["metadata"]["version"] == version);
            }
            None => {
                let Ok(Kept { data: Some(data), metadata }) = reply.data() else { return };
                assert!((200..=299).contains(&sent.status));
                let read = object(&at, data.get())
                    .and_then(|object| reading(&at, Version::new(metadata.version), object));
                match read {
                    Ok(Reading { content: SecretContent::Managed { record, token }, .. }) => {
                        assert_eq!(record.token_sha256, token.sha256());
                    }
                    Ok(_) => {}
                    Err(error) => assert_fit(&crate::fault::chain(&error), 3_000),
                }
            }
        }
        if let Ok(auth) = reply.auth() {
            assert!((200..=299).contains(&sent.status));
            let _ = Token::new(&auth.client_token.0);
        }
    });
    drop(held);
}
