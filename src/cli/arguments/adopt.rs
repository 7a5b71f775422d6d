//! The arguments of `adopt`.

use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args};

use super::{Names, Pattern};
use crate::names::{CredentialName, TokenId};

/// `adopt`.
#[derive(Debug, Clone, Args)]
#[command(
    group = ArgGroup::new("source").args(["token_id", "from"]).required(true),
    after_help = "Examples:\n  \
        pintail adopt etl_prod --token-id 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01\n  \
        pintail adopt --from adopt.txt --dry-run\n  \
        pintail adopt 'customer_*' --from adopt.txt --store main"
)]
pub struct Adopt {
    /// The credential whose secret holds the token; with --from, the credentials whose lines are meant, by names,
    /// patterns such as 'etl_*' and filters, or all.
    #[command(flatten)]
    pub names: Names,
    /// The ID of the token that the secret holds, as MotherDuck lists it.
    ///
    /// Tokens are opaque, so that nobody can prove that this ID and the secret's text belong together. Compare them
    /// well: the next rotation revokes the token with this ID, and the text would live on under another.
    #[arg(long, value_name = "UUID", requires = "names", conflicts_with_all = ["accounts", "states", "stores", "fleets"])]
    token_id: Option<TokenId>,
    /// Adopt all that this file lists: a line `NAME TOKEN_ID` each, with `#` before comments; `-` is standard input.
    ///
    /// All lines are checked first, and nothing is changed while one of them cannot be adopted. What is adopted
    /// already is left as it is, so that a file may be used again. `pintail import` writes such a file.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Check everything short of a connection with the tokens, show what would be adopted, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Take a secret over although another deployment's record is in it. That deployment must no longer run.
    #[arg(long)]
    pub take_over: bool,
    /// Adopt the token although the endpoint says that it opens this, which is no account: an endpoint that answers the
    /// same whatever the token, for example.
    #[arg(long, value_name = "ANSWER", value_parser = NonEmptyStringValueParser::new())]
    pub accept_account: Option<String>,
}

/// What is to be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdoptSource<'a> {
    /// The token that one credential's secret holds.
    One(&'a CredentialName, TokenId),
    /// What a file lists; `-` is standard input.
    File(&'a Path),
}

impl Adopt {
    /// What is to be adopted; `None` where several credentials would get one token.
    pub fn source(&self) -> Option<AdoptSource<'_>> {
        match (self.names.names.as_slice(), self.token_id, &self.from) {
            (_, None, Some(file)) => Some(AdoptSource::File(file)),
            ([Pattern::Name(name)], Some(id), None) => Some(AdoptSource::One(name, id)),
            (_, Some(_) | None, Some(_) | None) => None,
        }
    }

    /// The credentials that are named one by one.
    pub fn names(&self) -> Vec<CredentialName> {
        match self.source() {
            Some(AdoptSource::One(name, _)) => vec![name.clone()],
            Some(AdoptSource::File(_)) | None => vec![],
        }
    }

    /// Whether only some of a file's lines are meant.
    pub fn is_choosy(&self) -> bool {
        !self.names.names.is_empty() || !self.names.filters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        adopt: Adopt,
    }

    #[test]
    fn every_combination_is_refused_or_means_one_source() {
        const ID: &str = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01";
        let options: [&[&str]; 5] =
            [&["etl"], &["--token-id", ID], &["--from", "list"], &["--dry-run"], &["--take-over"]];
        for bits in 0..32_u32 {
            let is_given = |at: usize| bits & (1 << at) != 0;
            let words = options.iter().enumerate().filter(|(at, _)| is_given(*at));
            let words = words.flat_map(|(_, words)| words.iter().copied());
            let line = Line::try_parse_from(std::iter::once("adopt").chain(words));
            let source = line.as_ref().ok().map(|line| line.adopt.source());
            let (etl, id) = ("etl".parse().unwrap(), ID.parse().unwrap());
            let expected = match [0, 1, 2].map(is_given) {
                [true, true, false] => Some(Some(AdoptSource::One(&etl, id))),
                [_, false, true] => Some(Some(AdoptSource::File(Path::new("list")))),
                _ => None,
            };
            assert_eq!(source, expected, "{bits:b}");
            if let Ok(line) = line {
                let flags = (line.adopt.dry_run, line.adopt.take_over);
                assert_eq!(flags, (is_given(3), is_given(4)), "{bits:b}");
            }
        }
    }
    #[test]
    fn several_credentials_do_not_get_one_token() {
        const ID: &str = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01";
        for names in [&["etl_*"][..], &["one", "two"]] {
            let words = ["adopt", "--token-id", ID].into_iter().chain(names.iter().copied());
            assert_eq!(Line::try_parse_from(words).unwrap().adopt.source(), None);
        }
        let filtered = ["adopt", "etl", "--token-id", ID, "--store", "main"];
        assert!(Line::try_parse_from(filtered).is_err());
    }
}
