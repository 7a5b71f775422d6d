//! A file that lists accounts: one a line, or a JSON list of texts. A file that may have been cut short is no list.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::names::AccountName;

/// The largest file that is read.
const LARGEST: u64 = 16 * 1024 * 1024;
/// The most accounts that it may list.
const MOST: usize = 200_000;

/// Why a file is no list of accounts.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// It could not be read.
    #[error("cannot read it")]
    Read(#[source] std::io::Error),
    /// It is no file.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is too large.
    #[error("it is larger than {} MiB, or lists more than {MOST} accounts", LARGEST / 1024 / 1024)]
    TooLarge,
    /// It is not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// It lists nobody.
    #[error("it lists no account: to let a fleet go, take its rule out of the configuration")]
    Empty,
    /// The last line has no end.
    #[error("its last line does not end: it may have been cut short; end it with a newline")]
    CutShort,
    /// It begins like JSON and is none.
    #[error(
        "it is not a JSON list of usernames, or was cut short, near line {line} column {column}"
    )]
    NotJson {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A line that is no username.
    #[error("line or entry {number} is no username of a service account: {problem}")]
    Name {
        /// Which one.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// An account that stands there in two spellings.
    #[error("line or entry {number} names {account} again, in another case")]
    TwoSpellings {
        /// The second of them.
        number: usize,
        /// The account.
        account: AccountName,
    },
}

/// An account in JSON: a username, or an object that has one.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonEntry {
    Name(String),
    Object { username: String },
}

/// The accounts that the file at `path` lists, each once.
pub fn read(path: &Path) -> Result<Vec<AccountName>, AccountsError> {
    // A pipe would hold everything up.
    if !std::fs::metadata(path).map_err(AccountsError::Read)?.is_file() {
        return Err(AccountsError::NotAFile);
    }
    let file = std::fs::File::open(path).map_err(AccountsError::Read)?;
    let mut bytes = vec![];
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(AccountsError::Read)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return Err(AccountsError::TooLarge);
    }
    parse(&String::from_utf8(bytes).map_err(|_| AccountsError::NotText)?)
}

fn parse(text: &str) -> Result<Vec<AccountName>, AccountsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let names: Vec<(usize, String)> = if text.trim_start().starts_with(['[', '{']) {
        let entries: Vec<JsonEntry> = serde_json::from_str(text).map_err(|error| {
            AccountsError::NotJson { line: error.line(), column: error.column() }
        })?;
        let name = |entry| match entry {
            JsonEntry::Name(name) | JsonEntry::Object { username: name } => name,
        };
        entries.into_iter().map(name).enumerate().map(|(at, name)| (at + 1, name)).collect()
    } else {
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(AccountsError::CutShort);
        }
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim().to_owned()));
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect()
    };
    if names.len() > MOST {
        return Err(AccountsError::TooLarge);
    }
    let mut accounts: BTreeMap<AccountName, String> = BTreeMap::new();
    for (number, name) in names {
        let account: AccountName = name
            .parse()
            .map_err(|error| AccountsError::Name { number, problem: format!("{error}") })?;
        match accounts.insert(account.lower(), name) {
            Some(before) if before != account.as_str() => {
                return Err(AccountsError::TwoSpellings { number, account });
            }
            Some(_) | None => {}
        }
    }
    if accounts.is_empty() {
        return Err(AccountsError::Empty);
    }
    Ok(accounts.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let accounts = parse(text).map_err(|error| error.to_string())?;
        Ok(accounts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lines_and_json_say_the_same() {
        let wanted = Ok(vec!["customer_1".to_owned(), "customer_2".to_owned()]);
        for text in [
            "customer_1\ncustomer_2\n",
            "# all of them\r\n\r\n  Customer_2 \r\ncustomer_1\r\n",
            "\u{feff}customer_2\ncustomer_1\ncustomer_1\n",
            "[\"customer_1\", \"customer_2\"]",
            "[{\"username\": \"customer_1\", \"plan\": 3}, \"customer_2\"]\n",
        ] {
            assert_eq!(names(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_may_be_cut_short_or_is_no_list_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "lists no account"),
            ("# nobody\n", "lists no account"),
            ("[]", "lists no account"),
            ("customer_1\ncustomer_12", "cut short"),
            ("[\"customer_1\", \"cust", "cut short"),
            ("{\"users\": []}", "not a JSON list"),
            ("[\"customer_1\"] []", "not a JSON list"),
            ("[1]", "not a JSON list"),
            ("customer_1\n../up\n", "entry 2 is no username"),
            ("customer_1\nCustomer_1\n", "in another case"),
        ] {
            let refusal = names(text).unwrap_err();
            assert!(refusal.contains(reason), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn a_file_that_is_huge_or_not_text_or_no_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("customers.txt");
        std::fs::write(&file, b"customer_\xff\n").unwrap();
        assert!(matches!(read(&file), Err(AccountsError::NotText)));
        std::fs::File::create(&file).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(matches!(read(&file), Err(AccountsError::TooLarge)));
        assert!(matches!(read(dir.path()), Err(AccountsError::NotAFile)));
        let fifo = dir.path().join("pipe");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(read(&fifo), Err(AccountsError::NotAFile)));
        assert!(matches!(read(&dir.path().join("none")), Err(AccountsError::Read(_))));
    }
}
