//! The sandbox's switches: one for each thing that MotherDuck does not document or may do badly.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{Identity, SandboxError};
use crate::names::AccountName;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How the sandbox behaves. Everything is off by default.
#[derive(Debug, Clone, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each off or on")]
pub struct Options {
    /// Where the REST API listens: a loopback address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = ANY_PORT, value_parser = loopback)]
    pub rest_listen: SocketAddr,
    /// Where the Postgres endpoint listens: a loopback address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = ANY_PORT, value_parser = loopback)]
    pub postgres_listen: SocketAddr,
    /// Keeps state and secrets here, across restarts; by default in a temporary directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Service accounts that exist from the start, separated by commas
    #[arg(long, value_name = "USERNAME", value_delimiter = ',')]
    pub accounts: Vec<AccountName>,
    /// A file of further such accounts, one username a line, with `#` before comments
    #[arg(long, value_name = "FILE")]
    pub accounts_file: Option<PathBuf>,
    /// Every request and every connection takes that much longer
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub latency: Duration,
    /// A revoked token keeps working for that long
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub revocation_delay: Duration,
    /// A new token appears in the list only after that long
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub listing_delay: Duration,
    /// The `Date` of every answer is off by so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    pub date_off: i64,
    /// Expired tokens stay in the list
    #[arg(long)]
    pub keep_expired: bool,
    /// A second living token of the same name in one account is accepted, and not refused with 409
    #[arg(long)]
    pub duplicate_names: bool,
    /// What the Postgres endpoint answers to `SELECT current_user`
    #[arg(long, value_name = "ANSWER", value_enum, default_value_t = Identity::Username)]
    pub identity: Identity,
    /// The Postgres endpoint asks nobody for a password, and lets everybody in
    #[arg(long)]
    pub no_password: bool,
    /// What users without the Admin role may do with tokens of their own account, separated by commas; nothing by default
    #[arg(long, value_name = "DEED", value_delimiter = ',')]
    pub members_may: Vec<OwnTokens>,
    /// The organisation's plan has neither read scaling nor embedded dives: both are refused
    #[arg(long)]
    pub lite_plan: bool,
    /// The probability that a REST request fails with 500, 502 or 503 before taking effect
    #[arg(long, value_name = "0..1", default_value_t = 0.0, value_parser = probability)]
    pub fail_rate: f64,
    /// The probability that a REST request takes effect and its answer is lost
    #[arg(long, value_name = "0..1", default_value_t = 0.0, value_parser = probability)]
    pub lose_reply_rate: f64,
    /// Gateway errors (502, 503, 504) have an HTML body
    #[arg(long)]
    pub gateway_html: bool,
    /// REST requests per second; those beyond are answered 429
    #[arg(long, value_name = "N")]
    pub rate_limit: Option<NonZeroU32>,
    /// What the 429 says about when to come back: `none`, a number of seconds, or `date`
    #[arg(long, value_name = "FORM", default_value = "none", num_args = 0..=1, default_missing_value = "1")]
    pub retry_after: RetryAfter,
    /// Makes the random faults the same in every run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Something to do with tokens of one's own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum OwnTokens {
    /// Create them.
    Create,
    /// List them.
    List,
    /// Revoke them.
    Revoke,
}

/// The form of the `Retry-After` header of a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RetryAfter {
    /// No such header.
    #[default]
    None,
    /// This number of seconds.
    Seconds(u32),
    /// An HTTP date, a second from now.
    Date,
}

impl std::str::FromStr for RetryAfter {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "date" => Ok(Self::Date),
            seconds => {
                let seconds = seconds.parse().map(Self::Seconds);
                seconds.map_err(|_| "use `none`, a number of seconds, or `date`".to_owned())
            }
        }
    }
}

impl TryFrom<String> for RetryAfter {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RetryAfter> for String {
    fn from(form: RetryAfter) -> Self {
        match form {
            RetryAfter::None => "none".to_owned(),
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Date => "date".to_owned(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rest_listen: ANY_PORT,
            postgres_listen: ANY_PORT,
            dir: None,
            accounts: Vec::new(),
            accounts_file: None,
            latency: Duration::ZERO,
            revocation_delay: Duration::ZERO,
            listing_delay: Duration::ZERO,
            date_off: 0,
            keep_expired: false,
            identity: Identity::Username,
            no_password: false,
            duplicate_names: false,
            members_may: Vec::new(),
            lite_plan: false,
            fail_rate: 0.0,
            lose_reply_rate: 0.0,
            gateway_html: false,
            rate_limit: None,
            retry_after: RetryAfter::None,
            seed: None,
        }
    }
}

impl Options {
    /// Checks what the command line has checked already, for options that were made in code.
    pub(super) fn check(&self) -> Result<(), SandboxError> {
        for address in [self.rest_listen, self.postgres_listen] {
            if !address.ip().is_loopback() {
                return Err(SandboxError::NotLoopback { address });
            }
        }
        for (switch, rate) in
            [("fail_rate", self.fail_rate), ("lose_reply_rate", self.lose_reply_rate)]
        {
            if !(0.0..=1.0).contains(&rate) {
                return Err(SandboxError::NotAProbability { switch });
            }
        }
        Ok(())
    }
}

/// An address of this machine alone, as an argument.
pub(crate) fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "not an address with a port, such as 127.0.0.1:0".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the sandbox is for this machine only: give a loopback address".to_owned())
    }
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("not a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let all = std::iter::once("sandbox").chain(arguments.iter().copied());
        CommandLine::try_parse_from(all).map(|line| line.options)
    }

    #[test]
    fn the_command_line_and_the_code_have_the_same_defaults() {
        assert_eq!(parse(&[]).unwrap(), Options::default());
    }

    #[test]
    fn every_switch_is_read_from_the_command_line() {
        let options = parse(&[
            "--accounts=etl_prod,etl_test",
            "--accounts-file=accounts.txt",
            "--latency=20ms",
            "--revocation-delay=2s",
            "--listing-delay=1s",
            "--date-off=-90",
            "--keep-expired",
            "--identity=email",
            "--no-password",
            "--duplicate-names",
            "--members-may=list,revoke",
            "--lite-plan",
            "--fail-rate=0.1",
            "--lose-reply-rate=0.2",
            "--gateway-html",
            "--rate-limit=5",
            "--retry-after=date",
            "--seed=7",
        ])
        .unwrap();
        assert_eq!(options.accounts.len(), 2);
        assert_eq!(options.accounts_file, Some("accounts.txt".into()));
        assert_eq!(options.revocation_delay, Duration::from_secs(2));
        assert!(options.lite_plan && options.duplicate_names && options.keep_expired);
        assert_eq!(options.date_off, -90);
        assert!(options.identity == Identity::Email && options.no_password);
        assert_eq!(options.members_may, [OwnTokens::List, OwnTokens::Revoke]);
        assert_eq!(options.retry_after, RetryAfter::Date);
        assert!((options.lose_reply_rate - 0.2).abs() < f64::EPSILON);
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused() {
        assert!(parse(&["--rest-listen=0.0.0.0:80"]).is_err());
        let options =
            Options { postgres_listen: ([192, 168, 0, 1], 0).into(), ..Options::default() };
        assert!(matches!(options.check(), Err(SandboxError::NotLoopback { .. })));
    }

    #[test]
    fn a_rate_is_a_probability() {
        assert!(parse(&["--fail-rate=1.5"]).is_err());
        assert!(parse(&["--fail-rate=NaN"]).is_err());
        let options = Options { lose_reply_rate: -0.1, ..Options::default() };
        assert!(matches!(options.check(), Err(SandboxError::NotAProbability { .. })));
    }
}
