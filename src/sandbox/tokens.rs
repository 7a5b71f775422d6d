//! Token texts as MotherDuck makes them: JWTs in form, opaque to everybody but their maker.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::record::TokenType;
use crate::secret::{Token, TokenError};

/// The region that every token claims.
const REGION: &str = "aws-us-east-1";

/// Makes a new token text for `username`.
pub(super) fn mint(
    username: &str,
    token_type: TokenType,
    now: Timestamp,
) -> Result<Token, TokenError> {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let claims = json!({
        "email": format!("{username}@sandbox.invalid"),
        "session": format!("{username}.sandbox.invalid"),
        "pat": opaque(),
        "userId": username,
        "iss": "md_pat",
        "readOnly": token_type == TokenType::ReadScaling,
        "tokenType": token_type.as_str(),
        "mdRegion": REGION,
        "iat": now.as_second(),
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    Token::new(&format!("{}.{}.{}", part(&header), part(&claims), opaque()))
}

/// A text that nobody can guess, of 244 random bits.
pub(super) fn opaque() -> String {
    let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_jwt_in_form_and_tells_its_region() {
        let token = mint("etl_prod", TokenType::ReadScaling, Timestamp::UNIX_EPOCH).unwrap();
        let parts = token.lend(|text| text.split('.').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parts.len(), 3);
        let claims = URL_SAFE_NO_PAD.decode(&parts[1]).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["mdRegion"], "aws-us-east-1");
        assert_eq!(claims["readOnly"], true);
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let mint = || mint("etl_prod", TokenType::ReadWrite, Timestamp::UNIX_EPOCH).unwrap();
        assert_ne!(mint().sha256(), mint().sha256());
    }
}
