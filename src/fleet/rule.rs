//! A rule: where its accounts come from, and how many may join or leave.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::glob;
use crate::names::FleetName;

/// How many members may leave at once where no number was chosen, if that is more than their share.
const FEW: usize = 3;
/// The share of the members, in percent, that may leave at once where none was chosen.
const SHARE: usize = 5;
/// The most that any limit may say.
const MOST: u32 = 100_000;

/// Why a value of a rule is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A pattern that no username can match.
    #[error("`{0}` matches no username: use letters, digits, '_', '*' and '?'")]
    Pattern(String),
    /// A pattern that matches whatever there is.
    #[error(
        "`{0}` matches every account of the organisation: write what the accounts' names have in common, such as \
         \"customer_*\""
    )]
    Everything(String),
    /// A number of accounts in a time.
    #[error(
        "this must be a number of accounts in a time, up to {MOST}, such as \"20/h\", \"5/m\" or \"200/d\""
    )]
    JoinRate,
    /// A number of accounts, or a share of them.
    #[error("this must be a number of accounts, such as 3, or a share of them, such as \"5%\"")]
    LeaveLimit,
}

/// A rule without the looks of its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: FleetName,
    /// Where the accounts come from.
    pub source: Source,
    /// How many first tokens are made in a time.
    pub joins_at_most: JoinRate,
    /// How many members leave at once.
    pub leaves_at_most: LeaveLimit,
}

/// Where the accounts of a rule come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// MotherDuck's list of users: service accounts whose names match.
    MotherDuck {
        /// What their names have in common.
        matching: Glob,
        /// Those that are meant otherwise.
        except: Vec<Glob>,
    },
    /// A file that lists them.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MotherDuck { matching, .. } => write!(f, "MotherDuck's users `{matching}`"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// A pattern of usernames with `*` and `?`, compared without case as MotherDuck compares usernames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Whether it means the account of that name.
    pub fn matches(&self, username: &str) -> bool {
        glob::matches(self.0.as_bytes(), username.to_ascii_lowercase().as_bytes())
    }

    /// A pattern that means some accounts and leaves others out.
    pub fn of_some(text: &str) -> Result<Self, RuleError> {
        let glob: Self = text.parse()?;
        if text.contains(|c| !matches!(c, '*' | '?')) {
            Ok(glob)
        } else {
            Err(RuleError::Everything(text.to_owned()))
        }
    }
}

impl FromStr for Glob {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '*' | '?');
        if text.is_empty() || text.len() > 255 || !text.chars().all(plain) {
            return Err(RuleError::Pattern(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many accounts may get their first token in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinRate {
    /// So many,
    pub count: usize,
    /// in any time as long as this.
    pub per: Duration,
}

impl Default for JoinRate {
    /// Twenty an hour.
    fn default() -> Self {
        Self { count: 20, per: Duration::from_hours(1) }
    }
}

impl FromStr for JoinRate {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (count, unit) = text.split_once('/').ok_or(RuleError::JoinRate)?;
        let per = match unit.trim() {
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            "d" => Duration::from_hours(24),
            _ => return Err(RuleError::JoinRate),
        };
        let count: u32 = count.trim().parse().map_err(|_| RuleError::JoinRate)?;
        let count = usize::try_from(count).ok().filter(|_| count <= MOST);
        Ok(Self { count: count.ok_or(RuleError::JoinRate)?, per })
    }
}

impl fmt::Display for JoinRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            60 => "m",
            3_600 => "h",
            _ => "d",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// How many members may leave at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LeaveLimit {
    /// One in twenty, or three.
    #[default]
    Usual,
    /// So many in a hundred.
    Share(usize),
    /// So many.
    Count(usize),
}

impl LeaveLimit {
    /// The number for a fleet of `members`.
    pub fn of(self, members: usize) -> usize {
        let share = |percent: usize| members.saturating_mul(percent) / 100;
        match self {
            Self::Usual => share(SHARE).max(FEW),
            Self::Share(percent) => share(percent),
            Self::Count(count) => count,
        }
    }
}

impl FromStr for LeaveLimit {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let number = |text: &str| -> Result<u32, RuleError> {
            text.trim().parse().map_err(|_| RuleError::LeaveLimit)
        };
        let (number, limit): (u32, fn(usize) -> Self) = match text.trim().strip_suffix('%') {
            Some(share) => (
                number(share).ok().filter(|it| *it <= 100).ok_or(RuleError::LeaveLimit)?,
                Self::Share,
            ),
            None => (number(text)?, Self::Count),
        };
        let number = usize::try_from(number).ok().filter(|_| number <= MOST);
        number.map(limit).ok_or(RuleError::LeaveLimit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_compared_without_case_and_never_means_everything() {
        let glob = Glob::of_some("Customer_*").unwrap();
        assert!(glob.matches("customer_1") && glob.matches("CUSTOMER_x"));
        assert!(!glob.matches("customer") && !glob.matches("a_customer_1"));
        for everything in ["*", "**", "?*", "????*"] {
            let refused = Glob::of_some(everything);
            assert_eq!(refused, Err(RuleError::Everything(everything.to_owned())));
        }
        for nothing in ["", "a b", "../*", "a-*", "é*", "[a]*"] {
            assert_eq!(Glob::of_some(nothing), Err(RuleError::Pattern(nothing.to_owned())));
        }
    }

    #[test]
    fn limits_are_read_as_they_are_written() {
        let hour = Duration::from_hours(1);
        assert_eq!("20/h".parse(), Ok(JoinRate { count: 20, per: hour }));
        assert_eq!("0/m".parse::<JoinRate>().map(|rate| rate.count), Ok(0));
        assert_eq!("200/d".parse::<JoinRate>().unwrap().to_string(), "200/d");
        for text in ["", "20", "/h", "-1/h", "1/y", "1.5/h", "4294967296/h", "100001/h"] {
            assert_eq!(text.parse::<JoinRate>(), Err(RuleError::JoinRate), "{text}");
        }
        assert_eq!("7%".parse(), Ok(LeaveLimit::Share(7)));
        assert_eq!("0".parse(), Ok(LeaveLimit::Count(0)));
        for text in ["", "%", "101%", "-3", "a few"] {
            assert_eq!(text.parse::<LeaveLimit>(), Err(RuleError::LeaveLimit), "{text}");
        }
    }

    #[test]
    fn one_in_twenty_may_leave_or_three() {
        let usual = [0, 1, 59, 60, 80, 2_000].map(|members| LeaveLimit::Usual.of(members));
        assert_eq!(usual, [3, 3, 3, 3, 4, 100]);
        assert_eq!(LeaveLimit::Share(10).of(9), 0);
        assert_eq!(LeaveLimit::Count(7).of(1), 7);
    }
}
