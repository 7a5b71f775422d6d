//! A list of adoptions: a line `NAME TOKEN_ID` each, and `#` before comments.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::super::ExitCode;
use super::super::error::CliError;
use super::super::table::counted;
use super::AdoptRequest;
use crate::config::Config;
use crate::names::{CredentialName, TokenId};
use crate::redact::presentable;

/// A hundred thousand lines are not as long.
const MOST_BYTES: u64 = 8 << 20;
/// So much is shown of what is wrong with a word, which may be as long as the list.
const ERROR_CHARACTERS: usize = 200;
/// The most problems that are shown at once.
const SHOWN: usize = 20;

/// Reads `path`, or standard input if it is `-`.
pub(super) fn read(path: &Path, config: &Config) -> Result<Vec<AdoptRequest>, CliError> {
    let is_input = path.as_os_str() == "-";
    let read = if is_input {
        bounded(std::io::stdin().lock())
    } else {
        std::fs::File::open(path).and_then(bounded)
    };
    let place = if is_input { "standard input".to_owned() } else { path.display().to_string() };
    let text =
        read.map_err(|error| CliError::usage(format!("cannot read {place}: {error}"), None))?;
    parse(&text, config).map_err(|problems| {
        let mut lines: Vec<_> = problems.iter().take(SHOWN).map(|one| format!("  {one}")).collect();
        if let Some(more) = problems.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            lines.push(format!("  and {more} more"));
        }
        let count = counted(problems.len(), "problem");
        CliError {
            code: ExitCode::Usage,
            message: format!("{count} in {place}, nobody was contacted:\n{}", lines.join("\n")),
            hint: Some(
                "a line is the name of a credential and the ID of the token in its secret"
                    .to_owned(),
            ),
        }
    })
}

/// All of it, which may come out of a pipe: so much and no more.
fn bounded(input: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    input.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MOST_BYTES) {
        let reason = format!("it is larger than {MOST_BYTES} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

/// The wishes, or everything that is wrong with them.
fn parse(text: &str, config: &Config) -> Result<Vec<AdoptRequest>, Vec<String>> {
    let (mut requests, mut problems) = (vec![], vec![]);
    let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, id) = match words.as_slice() {
            [] => continue,
            [name, id] => (name.parse::<CredentialName>(), id.parse::<TokenId>()),
            _ => {
                problems.push(format!("line {number}: it is not a name and a token ID"));
                continue;
            }
        };
        match (name, id) {
            (Ok(name), Ok(token_id)) => {
                if !config.credentials.contains_key(&name) {
                    problems.push(format!("line {number}: there is no credential `{name}`"));
                }
                if let Some(first) = names.insert(name.clone(), number) {
                    problems
                        .push(format!("line {number}: `{name}` stands in line {first} already"));
                }
                if let Some(first) = ids.insert(token_id, number) {
                    problems.push(format!(
                        "line {number}: token {token_id} stands in line {first} already, and each credential needs its own"
                    ));
                }
                requests.push(AdoptRequest { line: Some(number), name, token_id, accepted: None });
            }
            (name, id) => {
                let told = [name.err(), id.err()].into_iter().flatten();
                let told = told.map(|error| presentable(&error.to_string(), ERROR_CHARACTERS));
                problems.extend(told.map(|error| format!("line {number}: {error}")));
            }
        }
    }
    if requests.is_empty() && problems.is_empty() {
        problems.push("there is no line in it".to_owned());
    }
    if problems.is_empty() { Ok(requests) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::super::super::bench::{Bench, TWO};
    use super::*;

    const ID: &str = "5e75beb8-f7f0-496c-8990-4a25e75bfa64";
    const OTHER: &str = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01";

    #[tokio::test]
    async fn a_list_is_names_and_ids_with_comments_between() {
        let bench = Bench::new(TWO).await;
        let text = format!("# by hand\n\netl {ID} # the old one\r\n\treader  {OTHER}\n");
        let requests = parse(&text, &bench.config).unwrap();
        let read: Vec<_> = requests
            .iter()
            .map(|request| {
                (request.line.unwrap(), request.name.as_str(), request.token_id.to_string())
            })
            .collect();
        assert_eq!(read, [(3, "etl", ID.to_owned()), (4, "reader", OTHER.to_owned())]);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_with_a_list_is_told_at_once() {
        let bench = Bench::new(TWO).await;
        let text =
            format!("etl {ID}\netl {OTHER}\nreader {ID}\ngone {OTHER}\nreader\nreader by-name\n");
        let problems = parse(&text, &bench.config).unwrap_err();
        for (part, problem) in [
            "line 2: `etl` stands in line 1",
            "line 3: token 5e75beb8",
            "line 4: there is no credential `gone`",
            "line 4: token 7f0c2f7e",
            "line 5: it is not a name and a token ID",
            "line 6: token ID \"by-name\" is not a UUID",
        ]
        .iter()
        .zip(&problems)
        {
            assert!(problem.starts_with(part), "{part:?} is not in {problem:?}");
        }
        assert_eq!(problems.len(), 6, "{problems:?}");
        assert_eq!(parse("# nothing\n", &bench.config).unwrap_err(), ["there is no line in it"]);
    }

    const WORDS: &[&str] = &[
        "etl",
        "reader",
        "gone",
        "#",
        "\n",
        "\r",
        "\t",
        "\u{feff}",
        "\u{a0}",
        "\u{2028}",
        "\u{1b}[2J",
        "-",
        "..",
        "/",
        "5e75beb8-f7f0-496c-8990-4a25e75bfa64",
        "5E75BEB8F7F0496C89904A25E75BFA64",
        "{5e75beb8}",
        "urn:uuid:",
    ];

    #[test]
    fn a_list_is_refused_in_words_that_are_fit_to_be_shown_or_names_each_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bench = runtime.block_on(Bench::new(TWO));
        crate::drawn::each("adoption", WORDS, |bytes| {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            match parse(text, &bench.config) {
                Ok(requests) => {
                    let of = |request: &AdoptRequest| {
                        bench.config.credentials.contains_key(&request.name)
                    };
                    assert!(!requests.is_empty() && requests.len() <= 2 && requests.iter().all(of));
                }
                Err(problems) => {
                    assert!(!problems.is_empty());
                    for one in &problems {
                        crate::drawn::assert_fit(one, 300);
                    }
                }
            }
        });
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let error = bounded(std::io::repeat(b'#')).unwrap_err().to_string();
        assert_eq!(error, "it is larger than 8388608 bytes");
        assert_eq!(bounded(&b"etl x"[..]).unwrap(), "etl x");
    }
}
