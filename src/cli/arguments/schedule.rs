//! `schedule` on the command line.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::names::CredentialName;

/// `schedule`.
#[derive(Debug, Clone, Args)]
pub struct Schedule {
    /// The credentials; all of them if none is named.
    #[arg(value_name = "NAME")]
    pub names: Vec<CredentialName>,
    /// How many runs of each are shown.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub count: u16,
    /// Show the runs after this instant instead of those after now: 2027-03-28T01:00:00Z, or a day such as 2027-03-28,
    /// which begins at 00:00 UTC.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub from: Option<Timestamp>,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let day = |text: &str| {
        let day: Date = text.parse().ok()?;
        day.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
    };
    text.parse().ok().or_else(|| day(text)).ok_or_else(|| {
        "use an instant such as 2027-03-28T01:00:00Z, or a day such as 2027-03-28".to_owned()
    })
}
