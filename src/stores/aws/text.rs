//! What the string of a secret says: a JSON object, or the bare token.

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use secrecy::zeroize::Zeroizing;

use crate::names::TokenId;
use crate::record::{Object, Record, SecretContent, UserKeys, encode_with_token};
use crate::rotation::world::{Reading, Version};
use crate::secret::{Token, TokenError};
use crate::stores::settings::Format;
use crate::stores::{SecretRef, StoreError, object, reading, served};

/// The string that serves `token`.
pub(super) fn render(
    at: &SecretRef,
    over: &Reading,
    record: &Record,
    token: &Token,
) -> Zeroizing<String> {
    match at.format {
        Format::Json => encode_with_token(record, &over.others, at.fields(), token).to_text(),
        Format::Plain => token.lend(|text| Zeroizing::new(text.to_owned())),
    }
}

/// What the string of one version says.
pub(super) fn read(
    at: &SecretRef,
    version: Version,
    output: &GetSecretValueOutput,
) -> Result<Reading, StoreError> {
    match at.format {
        Format::Json => reading(at, version, parse(at, output)?),
        Format::Plain => {
            let content = bare(at, output.secret_string())?;
            Ok(Reading { version, content, others: UserKeys::default() })
        }
    }
}

/// The record and the token of an older version, if it served `id`. A bare token tells nothing of itself.
pub(super) fn recall(
    at: &SecretRef,
    output: &GetSecretValueOutput,
    id: TokenId,
) -> Option<(Record, Token)> {
    match at.format {
        Format::Json => served(parse(at, output).ok()?, at, id),
        Format::Plain => None,
    }
}

/// A bare token is one that a record elsewhere may describe. An object would lose all its keys to one, and any other
/// text itself.
fn bare(at: &SecretRef, text: Option<&str>) -> Result<SecretContent, StoreError> {
    let not_plain = || StoreError::NotPlain { path: at.path.clone() };
    let text = text.ok_or_else(not_plain)?;
    if text.trim_start().starts_with('{') {
        return Err(not_plain());
    }
    match Token::new(text) {
        Ok(token) => Ok(SecretContent::Unmanaged { token }),
        Err(TokenError::Empty) => Ok(SecretContent::Vacant),
        Err(TokenError::NotOneWord) => Err(not_plain()),
    }
}

fn parse(at: &SecretRef, output: &GetSecretValueOutput) -> Result<Object, StoreError> {
    let text = output.secret_string();
    object(at, text.ok_or_else(|| StoreError::NotAnObject { path: at.path.clone() })?)
}
