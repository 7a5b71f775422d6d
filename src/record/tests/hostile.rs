//! Secrets that somebody else wrote, drawn by chance.

use super::*;
use crate::drawn::{assert_fit, each};
use crate::record::object::Member;

const WORDS: &[&str] = &[
    "\"pintail\"",
    "\"motherduck_token\"",
    "\"token_id\"",
    "\"phase\"",
    "\"retiring\"",
    "\"managed_by\"",
    "null",
    "true",
    "-0",
    "1e400",
    "\"\"",
    "{}",
    "[]",
    "\"token_id_field\"",
    "false",
    "\"9999-12-31T23:59:59Z\"",
    "\"-009999-01-01T00:00:00Z\"",
    "\"\\ud800\"",
    "\"\\u0000\\u202e\"",
    "18446744073709551616",
    "\"token_sha256\"",
    "\"unconfirmed_revocations\"",
    "\"elsewhere_token_ids\"",
    "\"00000000-0000-0000-0000-000000000000\"",
];

#[test]
fn a_secret_that_is_read_can_be_written_over_and_says_the_same_again() {
    each("record", WORDS, |bytes| {
        let Some(object) = std::str::from_utf8(bytes).ok().and_then(Object::parse) else { return };
        let theirs = object.clone();
        let (content, others) = match decode(object, USUAL) {
            Ok(parts) => parts,
            Err(error) => {
                assert_fit(&error.to_string(), 1_000);
                assert_fit(&error.hint(), 1_000);
                return;
            }
        };
        let (record, token) = match content {
            SecretContent::Managed { record, token } => {
                assert_eq!(record.token_sha256, token.sha256());
                (*record, token)
            }
            SecretContent::Vacant
            | SecretContent::Unmanaged { .. }
            | SecretContent::Edited { .. } => (super::record(&token()), token()),
        };
        let written = encode_with_token(&record, &others, USUAL, &token);
        let text = written.to_text();
        let (again, kept) = decode(Object::parse(&text).unwrap(), USUAL).unwrap();
        let SecretContent::Managed { record: same, .. } = again else { panic!("{}", *text) };
        assert_eq!(*same, record);
        assert_eq!(
            encode_with_token(&record, &kept, USUAL, &token),
            written,
            "the second time is the same"
        );
        // Not one key of theirs is gone.
        let ours = |member: &&Member| {
            [&["motherduck_token", "pintail", "token_id"][..], &keys::FIELDS, &["managed_by"]]
                .concat()
                .iter()
                .any(|key| member.is_named(key))
        };
        for member in theirs.members().iter().filter(|member| !ours(member)) {
            assert!(written.members().contains(member), "{}", *text);
        }
    });
}
