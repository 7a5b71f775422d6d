//! Whose the simulated tokens are, what the endpoint says of it, and people who put another one there and adopt it.

use super::ground::{FIELDS, Ground};
use crate::names::{RotationId, TokenId};
use crate::record::{Phase, Record, encode_with_token};
use crate::secret::Token;

/// The account of the credential, and another one that there is.
pub(super) const ACCOUNT: &str = "etl_prod";
pub(super) const OTHER_ACCOUNT: &str = "bi_prod";

/// What the endpoint says of which account a connection opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// The account, in whatever case.
    Right,
    /// The same whoever asks, and no account's name.
    Constant,
    /// The same whoever asks: the name of an account that there is.
    AnothersName,
    /// Nothing.
    Nothing,
}

impl Ground {
    /// What the endpoint says of the token with this text.
    pub(super) fn named(&self, text: &str) -> Option<String> {
        let theirs = self.token_with(text).is_some_and(|id| self.theirs.contains(&id));
        let account = if theirs { OTHER_ACCOUNT } else { "Etl_Prod" };
        match self.names {
            Names::Right => Some(account.to_owned()),
            Names::Constant => Some("postgres".to_owned()),
            Names::AnothersName => Some(OTHER_ACCOUNT.to_owned()),
            Names::Nothing => None,
        }
    }

    /// Whether the text that consumers read is a living token of another account, and the endpoint would say so.
    pub(super) fn serves_theirs(&self) -> bool {
        let is_theirs = |id| self.theirs.contains(&id) && self.alive(id);
        self.names == Names::Right && self.served_id().is_some_and(is_theirs)
    }

    /// A token of the other account, which some consumer of that account uses too.
    fn token_of_other_account(&mut self) -> TokenId {
        let id = self.foreign_token("used by the other account");
        self.theirs.insert(id);
        id
    }

    /// A person puts a token of the other account there and adopts it under the ID of one of our account's that somebody
    /// uses elsewhere, with a pintail that does not ask whose it is.
    pub(super) fn adopt_theirs(&mut self) {
        let Some(before) = self.served().map(|stored| stored.record.clone()) else { return };
        let theirs = self.token_of_other_account();
        let used = self.foreign_token("used by hand");
        self.protected = [theirs, used].into();
        self.edited = true;
        self.is_adopted_wrongly = true;
        let previous = std::iter::once(before.token_id).chain(before.previous_token_ids.clone());
        let previous = previous.filter(|id| self.alive(*id)).collect();
        self.adopt(used, theirs, previous, before);
    }

    /// A person revokes the served token, puts one there that was made by hand, and adopts it.
    pub(super) fn adopt_own(&mut self) {
        let Some(before) = self.served().map(|stored| stored.record.clone()) else { return };
        if let Some(id) = self.served_id() {
            self.kill(id);
        }
        let mine = self.foreign_token("made by hand");
        if let Some(token) = self.tokens.get_mut(&mine) {
            token.ours = true;
        }
        let previous = before.previous_token_ids.iter().copied().filter(|id| self.alive(*id));
        self.adopt(mine, mine, previous.collect(), before);
    }

    /// Puts into the record how often running a revoked token went on connecting.
    pub(super) fn count_unconfirmed(&mut self, count: u8) {
        let Some(before) = self.served().map(|stored| stored.record.clone()) else { return };
        let token = Token::new(&Self::text_of(before.token_id)).unwrap();
        let record = Record { unconfirmed_revocations: count, ..before };
        self.store_mut().overwrite(|stored| {
            stored.object = encode_with_token(&record, &stored.others, FIELDS, &token);
            stored.record = record;
        });
    }

    fn adopt(&mut self, id: TokenId, text_of: TokenId, previous: Vec<TokenId>, before: Record) {
        let text = Self::text_of(text_of);
        let token = Token::new(&text).unwrap();
        let adopted = &self.tokens[&id];
        let record = Record {
            token_id: id,
            token_name: adopted.name.clone(),
            created_at: adopted.created_at,
            expires_at: Some(adopted.expires_at),
            rotation_id: RotationId::starting_at(self.now),
            published_at: self.now,
            previous_token_ids: previous,
            phase: Phase::Published,
            token_sha256: token.sha256(),
            ..before
        };
        self.places[self.here].served.insert(text_of);
        self.store_mut().overwrite(|stored| {
            stored.object = encode_with_token(&record, &stored.others, FIELDS, &token);
            stored.record = record;
            stored.text = text;
        });
    }
}
