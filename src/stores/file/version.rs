//! The names of versions: a number that orders them, and a UUID that makes each name the only one of its kind.

use std::fmt;

use uuid::Uuid;

/// The name of a version's directory: `..000000000007-<uuid>`.
///
/// The number alone would not do: after a crash between making the directory and switching to it, the next writer
/// may come to the same number, and a reader of the first would take it for the second.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VersionName {
    number: u64,
    id: Uuid,
}

impl VersionName {
    /// A fresh name above all of `taken`.
    pub(crate) fn above<'a>(taken: impl IntoIterator<Item = &'a Self>) -> Self {
        let highest = taken.into_iter().map(|name| name.number).max().unwrap_or(0);
        Self { number: highest.saturating_add(1), id: Uuid::new_v4() }
    }

    /// Reads a directory's name; `None` for anything that is not a version of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, id) = text.strip_prefix("..")?.split_once('-')?;
        let name = Self { number: number.parse().ok()?, id: Uuid::try_parse(id).ok()? };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "..{:012}-{}", self.number, self.id.hyphenated())
    }
}

/// What a switch to a version means that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unswitched {
    /// Another version is served: it did not take place, and never will.
    Refused,
    /// It took place nevertheless, as was seen on network file systems; or nobody can tell.
    Unknown,
}

/// What a failed switch to `next` means, by the version that is served now, if that can be read.
pub(crate) fn failed_switch<E>(
    served: &Result<Option<VersionName>, E>,
    next: &VersionName,
) -> Unswitched {
    match served {
        Ok(Some(served)) if served == next => Unswitched::Unknown,
        Ok(_) => Unswitched::Refused,
        Err(_) => Unswitched::Unknown,
    }
}

/// Which of `existing` are crashed writers' leftovers: made after the version that is served, and never served.
pub(super) fn leftovers<'a>(
    existing: &'a [VersionName],
    current: Option<&VersionName>,
) -> Vec<&'a VersionName> {
    existing.iter().filter(|name| current.is_none_or(|current| *name > current)).collect()
}

/// Which of `existing` are more than `keep` versions older than the one that is served.
pub(super) fn outdated<'a>(
    existing: &'a [VersionName],
    current: &VersionName,
    keep: usize,
) -> Vec<&'a VersionName> {
    let mut older: Vec<_> = existing.iter().filter(|name| *name < current).collect();
    older.sort_unstable_by(|a, b| b.cmp(a));
    older.split_off(keep.min(older.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_nothing_else_is_a_version() {
        let name = VersionName::above([]);
        assert_eq!(VersionName::parse(&name.to_string()), Some(name));
        for text in ["..data", "..lock", "token", "..2026_11_22_03_08_53.387", "..7-x", "..1-", ""]
        {
            assert_eq!(VersionName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_fresh_name_is_above_all_others_and_never_the_same_twice() {
        let first = VersionName::above([]);
        let second = VersionName::above([&first]);
        let third = VersionName::above([&second, &first]);
        assert!(first < second && second < third);
        assert_ne!(VersionName::above([&first]), second);
    }

    #[test]
    fn what_was_served_recently_is_kept_and_what_was_never_served_is_a_leftover() {
        let mut names: Vec<VersionName> = vec![];
        for _ in 0..5 {
            names.push(VersionName::above(&names));
        }
        let current = names[3].clone();
        assert_eq!(leftovers(&names, Some(&current)), [&names[4]]);
        assert_eq!(leftovers(&names, None).len(), 5);
        assert_eq!(outdated(&names, &current, 2), [&names[0]]);
        assert!(outdated(&names, &current, 9).is_empty());
    }

    #[test]
    fn a_switch_that_failed_is_refused_only_if_another_version_is_seen_served() {
        let next = VersionName::above([]);
        let another = VersionName::above([&next]);
        for (served, expected) in [
            (Ok(Some(another)), Unswitched::Refused),
            (Ok(None), Unswitched::Refused),
            (Ok(Some(next.clone())), Unswitched::Unknown),
            (Err(()), Unswitched::Unknown),
        ] {
            assert_eq!(failed_switch(&served, &next), expected, "{served:?}");
        }
    }
}
