//! The secrets that this process holds, taken out of texts.

use std::borrow::Cow;
use std::collections::HashMap;

use super::MARK;
use crate::secret::each_held;

/// From this length on a part of a secret is one.
const PART: usize = 8;
/// What is shorter than a part is taken out where it stands as a word, unless it is so short that it may mean anything.
const SHORTEST: usize = 4;

/// `text` without any part of the secrets that this process holds.
pub fn strike(text: &str) -> Cow<'_, str> {
    let mut parts: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, part) in text.as_bytes().windows(PART).enumerate() {
        parts.entry(part).or_default().push(at);
    }
    let mut struck = vec![];
    each_held(|secret| {
        let secret = beyond_host(secret);
        if secret.len() < PART {
            struck.extend(words(text, secret).map(|at| (at, at + secret.len())));
            return;
        }
        let found = secret.as_bytes().windows(PART).filter_map(|part| parts.get(part));
        struck.extend(found.flatten().map(|at| (*at, at + PART)));
    });
    marked(text, struck)
}

/// `text` without the secrets that this process holds, each as a whole: for texts of our own.
pub fn strike_whole(text: &str) -> Cow<'_, str> {
    let mut struck = vec![];
    each_held(|secret| {
        let secret = beyond_host(secret);
        if secret.len() >= PART {
            struck.extend(text.match_indices(secret).map(|(at, found)| (at, at + found.len())));
        }
    });
    marked(text, struck)
}

/// Of a URL that is a secret, the host is none.
fn beyond_host(secret: &str) -> &str {
    let Some((_, rest)) = secret.split_once("://") else { return secret };
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default()
}

fn words<'a>(text: &'a str, secret: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let found = text.match_indices(secret).filter(move |(at, found)| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
        is_apart(before) && is_apart(after)
    });
    found.filter(|(_, found)| found.len() >= SHORTEST).map(|(at, _)| at)
}

/// `text` with a mark in place of each of the ranges, which may overlap.
fn marked(text: &str, mut ranges: Vec<(usize, usize)>) -> Cow<'_, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_unstable();
    let (mut shown, mut end, mut is_struck) = (String::with_capacity(text.len()), 0, false);
    let mut ranges = ranges.into_iter().peekable();
    for (at, c) in text.char_indices() {
        while let Some((_, until)) = ranges.next_if(|(from, _)| *from < at + c.len_utf8()) {
            end = end.max(until);
        }
        let is_within = at < end;
        if is_within && !is_struck {
            shown.push_str(MARK);
        }
        if !is_within {
            shown.push(c);
        }
        is_struck = is_within;
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Token;

    #[test]
    fn a_url_that_is_a_secret_hides_neither_other_urls_nor_its_host() {
        let _url = Token::new("https://hooks.example.com/services/T0/B0/s3cr3tpath").unwrap();
        let said = "https://hooks.example.com/ said no to /B0/s3cr3tpath";
        assert_eq!(strike(said), "https://hooks.example.com/ said no to [redacted]");
    }

    #[test]
    fn a_short_secret_is_struck_where_it_is_a_word() {
        let _short = Token::new("root").unwrap();
        assert_eq!(strike("token root, not /rootless"), "token [redacted], not /rootless");
    }

    #[test]
    fn texts_of_our_own_lose_whole_secrets_alone() {
        let _token = Token::new("ein-längeres-geheimnis").unwrap();
        assert_eq!(strike_whole("a längeres b"), "a längeres b");
        assert_eq!(strike("a längeres b"), "a [redacted] b");
        assert_eq!(strike_whole("a ein-längeres-geheimnis"), "a [redacted]");
    }
}
