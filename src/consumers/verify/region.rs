//! The Postgres endpoint's host, as a token's own text tells it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use crate::secret::Token;

/// The longest name of a region that is believed.
const LONGEST: usize = 40;

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "mdRegion")]
    region: String,
}

/// The host of the region that the JWT `token` names in its claim `mdRegion`; `None` if it names none that can be
/// believed. The claim is not trusted: it can only ever lead to a host below `motherduck.com`.
pub(super) fn host(token: &Token) -> Option<String> {
    let payload = token.lend(|text| {
        let payload = text.split('.').nth(1)?.trim_end_matches('=');
        URL_SAFE_NO_PAD.decode(payload).ok().map(Zeroizing::new)
    })?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    host_of(&claims.region)
}

/// `aws-us-east-1` is served at `pg.us-east-1-aws.motherduck.com`.
fn host_of(region: &str) -> Option<String> {
    let (cloud, place) = region.split_once('-')?;
    let cloud_is_name = !cloud.is_empty() && cloud.bytes().all(|b| b.is_ascii_lowercase());
    let place_is_name = place.starts_with(|c: char| c.is_ascii_alphanumeric())
        && place.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (cloud_is_name && place_is_name && region.len() <= LONGEST)
        .then(|| format!("pg.{place}-{cloud}.motherduck.com"))
}

#[cfg(test)]
pub(super) fn jwt(claims: &serde_json::Value) -> Token {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    Token::new(&format!("{}.{}.{}", part("{}"), part(&claims.to_string()), part("signed"))).unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_region_of_a_token_names_its_host() {
        let token = jwt(&json!({"mdRegion": "aws-us-east-1", "email": "a@b"}));
        assert_eq!(host(&token).as_deref(), Some("pg.us-east-1-aws.motherduck.com"));
    }

    #[test]
    fn a_claim_cannot_lead_away_from_motherduck() {
        for region in [
            "",
            "aws",
            "-",
            "aws-",
            "-us",
            "aws-us.evil.com/",
            "aws-us@evil",
            "aws-US",
            "AWS-us",
            "aws--us",
            "aws-us\n",
            "aws-é",
            &format!("aws-{}", "a".repeat(60)),
        ] {
            assert_eq!(host(&jwt(&json!({"mdRegion": region}))), None, "{region:?}");
        }
    }

    #[test]
    fn a_token_without_a_region_names_no_host() {
        for token in [
            jwt(&json!({})),
            jwt(&json!({"mdRegion": 7})),
            Token::new("opaque").unwrap(),
            Token::new("a.b.c").unwrap(),
        ] {
            assert_eq!(host(&token), None);
        }
    }

    const WORDS: &[&str] = &[
        "{",
        "}",
        "\"mdRegion\"",
        "\"aws-us-east-1\"",
        "\"aws-\"",
        "\"-\"",
        "\"aws-x.evil.example/\"",
        "\"aws-x@evil.example\"",
        "\"aws-..\"",
        "null",
        ".",
        "=",
        "e30",
        "_-_-",
        "\\u002e",
    ];

    #[test]
    fn whatever_a_token_says_it_leads_nowhere_but_to_motherduck() {
        crate::drawn::each("region", WORDS, |bytes| {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            let claims = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(bytes));
            for host in [text, &claims].iter().filter_map(|text| host(&Token::new(text).ok()?)) {
                let name =
                    host.strip_prefix("pg.").and_then(|host| host.strip_suffix(".motherduck.com"));
                let is_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                assert!(name.is_some_and(|name| name.bytes().all(is_label)), "{host}");
            }
        });
    }
}
