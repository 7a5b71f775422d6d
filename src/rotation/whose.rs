//! Whose a token is, as the endpoint says that it opens, and how far such an answer can be believed; pure.
//!
//! That an endpoint answers with the account is likely and not certain, so no answer may stop a rotation by itself. A
//! token that pintail had created for an account *is* that account's: its answer shows whether the endpoint tells
//! accounts at all.

use crate::names::{AccountName, TokenName};
use crate::record::Record;
use crate::rotation::world::Answer;

/// Whose a token turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The account's: the endpoint named it.
    Own,
    /// Nobody knows: the endpoint was not asked, or did not say.
    Unanswered,
    /// Nobody knows: the endpoint gave this answer, and is not known to tell accounts.
    Unclear(String),
    /// Another account's, of this name.
    Another(String),
}

/// What speaks for a token's being its account's, beside what an endpoint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// pintail had it created for the account, and kept the digest of its text.
    Created,
    /// The word of whoever put it there.
    Claimed,
}

impl Origin {
    /// The origin of the text that `record` describes. Only the rotation that created a token writes it under its own
    /// ID: an adoption, and a roll-back, have another one.
    pub fn of(record: &Record) -> Self {
        let created_in = TokenName::parse(&record.token_name).map(|name| name.rotation);
        if created_in == Some(record.rotation_id) { Self::Created } else { Self::Claimed }
    }
}

/// Whether an endpoint tells accounts, as far as tokens of a known origin have shown; of one account, in one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calibration(Option<(String, Tells)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Accounts,
    Nothing,
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// This.
    Settled(Whose),
    /// Another account's, if there is an account of this name; else it is unclear.
    IfThereIs(String),
}

impl Calibration {
    /// Judges what an endpoint said of a token of `origin` that should be `account`'s, and learns from it.
    pub fn judge(
        &mut self,
        account: &AccountName,
        origin: Origin,
        answer: Option<&Answer>,
    ) -> Judgement {
        let Some(Answer { account: named, endpoint }) = answer else {
            return Judgement::Settled(Whose::Unanswered);
        };
        let is_own = named.eq_ignore_ascii_case(account.as_str());
        if origin == Origin::Created {
            let tells = if is_own { Tells::Accounts } else { Tells::Nothing };
            self.0 = Some((endpoint.clone(), tells));
        }
        let known = self.0.as_ref().filter(|(at, _)| at == endpoint).map(|(_, tells)| *tells);
        match (known, is_own) {
            (Some(Tells::Nothing), _) => Judgement::Settled(Whose::Unclear(named.clone())),
            (Some(Tells::Accounts) | None, true) => Judgement::Settled(Whose::Own),
            (Some(Tells::Accounts), false) => Judgement::Settled(Whose::Another(named.clone())),
            (None, false) => Judgement::IfThereIs(named.clone()),
        }
    }
}

impl Judgement {
    /// What it is, with what is known of the accounts that there are.
    pub fn given(self, there_is: impl FnOnce(&str) -> bool) -> Whose {
        match self {
            Self::Settled(whose) => whose,
            Self::IfThereIs(named) if there_is(&named) => Whose::Another(named),
            Self::IfThereIs(named) => Whose::Unclear(named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(account: &str, endpoint: &str) -> Answer {
        Answer { account: account.to_owned(), endpoint: endpoint.to_owned() }
    }

    /// Tokens of `etl_prod`, by what they are known to be and what an endpoint called `pg` says of them in turn, in a
    /// world with the accounts `etl_prod` and `other`.
    fn judged(heard: &[(Origin, &str)]) -> Vec<Whose> {
        let mut calibration = Calibration::default();
        let account = "etl_prod".parse().unwrap();
        let judge = |(origin, named): &(Origin, &str)| {
            let judgement = calibration.judge(&account, *origin, Some(&answer(named, "pg")));
            judgement.given(|name| name.eq_ignore_ascii_case("other"))
        };
        heard.iter().map(judge).collect()
    }

    fn unclear(named: &str) -> Whose {
        Whose::Unclear(named.to_owned())
    }

    fn another(named: &str) -> Whose {
        Whose::Another(named.to_owned())
    }

    use Origin::{Claimed, Created};

    #[test]
    fn an_account_is_the_same_in_any_case() {
        assert_eq!(
            judged(&[(Claimed, "ETL_Prod"), (Created, "Etl_prod")]),
            [Whose::Own, Whose::Own]
        );
    }

    #[test]
    fn a_token_that_was_created_for_an_account_is_its_own_whatever_the_endpoint_says() {
        for named in ["postgres", "etl@example.com", "other"] {
            assert_eq!(judged(&[(Created, named)]), [unclear(named)]);
        }
    }

    #[test]
    fn an_endpoint_that_is_known_to_tell_accounts_is_believed() {
        let heard = [(Created, "etl_prod"), (Claimed, "nobody_knows")];
        assert_eq!(judged(&heard), [Whose::Own, another("nobody_knows")]);
    }

    #[test]
    fn an_endpoint_that_is_known_to_tell_nothing_is_not_believed_though_an_account_has_that_name() {
        let heard = [(Created, "other"), (Claimed, "other"), (Claimed, "etl_prod")];
        assert_eq!(judged(&heard), [unclear("other"), unclear("other"), unclear("etl_prod")]);
    }

    #[test]
    fn an_endpoint_of_which_nothing_is_known_is_believed_where_it_names_an_account_that_there_is() {
        assert_eq!(judged(&[(Claimed, "OTHER")]), [another("OTHER")]);
        assert_eq!(judged(&[(Claimed, "postgres")]), [unclear("postgres")]);
    }

    #[test]
    fn the_latest_token_of_a_known_origin_counts() {
        let heard = [(Created, "postgres"), (Created, "etl_prod"), (Claimed, "nobody_knows")];
        assert_eq!(judged(&heard)[2], another("nobody_knows"));
    }

    #[test]
    fn what_is_known_of_one_endpoint_is_not_known_of_another() {
        let mut calibration = Calibration::default();
        let account = "etl_prod".parse().unwrap();
        calibration.judge(&account, Created, Some(&answer("etl_prod", "one")));
        let there = calibration.judge(&account, Claimed, Some(&answer("nobody", "two")));
        assert_eq!(there, Judgement::IfThereIs("nobody".to_owned()));
        let nothing = calibration.judge(&account, Claimed, None);
        assert_eq!(nothing, Judgement::Settled(Whose::Unanswered));
    }
}
