//! Questions to the person at the terminal.

use std::io::{BufRead, IsTerminal, Write};

use super::super::error::CliError;

/// So often an answer that is not understood is asked for again.
const TRIES: usize = 3;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// The person at the terminal.
    Person,
    /// Nobody: what was found, or the default.
    Defaults,
    /// Nobody, and nothing may be assumed.
    Nobody,
}

impl Answers {
    /// `yes` is the flag.
    pub(super) fn of(yes: bool) -> Self {
        if yes {
            Self::Defaults
        } else if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            Self::Person
        } else {
            Self::Nobody
        }
    }

    /// The answer to `question`, whose flag is `flag`, unless it was `given`.
    pub(super) fn or_ask<T>(
        self,
        given: Option<T>,
        flag: &str,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        if let Some(given) = given {
            return Ok(given);
        }
        match (self, default) {
            (Self::Person, default) => {
                let (input, screen) = (std::io::stdin(), std::io::stderr());
                ask(&mut input.lock(), &mut screen.lock(), question, default, read)
            }
            (Self::Defaults, Some(default)) => read(default).map_err(|why| {
                let hint = Some(format!("give {flag}"));
                CliError::usage(format!("{default:?} does not do for {flag}: {why}"), hint)
            }),
            (Self::Defaults, None) => {
                let hint = Some(format!("give {flag}, or run it on a terminal without --yes"));
                Err(CliError::usage(format!("{flag} is missing"), hint))
            }
            (Self::Nobody, _) => {
                let hint = format!(
                    "give {flag}, add --yes for what was found and the defaults, or run it on a terminal"
                );
                Err(CliError::usage(
                    format!("{flag} is missing, and nobody can be asked"),
                    Some(hint),
                ))
            }
        }
    }
}

fn ask<T>(
    input: &mut dyn BufRead,
    screen: &mut dyn Write,
    question: &str,
    default: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, CliError> {
    let offered = default.map(|default| format!(" [{default}]")).unwrap_or_default();
    for _ in 0..TRIES {
        let mut line = String::new();
        let heard = write!(screen, "{question}{offered}: ")
            .and_then(|()| screen.flush())
            .and_then(|()| input.read_line(&mut line));
        if !heard.is_ok_and(|bytes| bytes > 0) {
            break;
        }
        let answer = match (line.trim(), default) {
            ("", Some(default)) => default,
            (answer, _) => answer,
        };
        match read(answer) {
            Ok(answer) => return Ok(answer),
            Err(why) => {
                // Asked again below, or ended with an error that is told.
                let _ = writeln!(screen, "  {why}");
            }
        }
    }
    Err(CliError::usage("no answer; nothing was written", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &str, default: Option<&str>) -> (Option<u32>, String) {
        let mut screen = Vec::new();
        let read = |text: &str| text.parse::<u32>().map_err(|_| "a number, please".to_owned());
        let answer = ask(&mut input.as_bytes(), &mut screen, "How many", default, read);
        (answer.ok(), String::from_utf8(screen).unwrap())
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again_and_no_answer_ends_it() {
        assert_eq!(asked("\n", Some("7")), (Some(7), "How many [7]: ".to_owned()));
        assert_eq!(asked(" 3 \n", Some("7")).0, Some(3));
        let (answer, screen) = asked("many\n2\n", None);
        assert_eq!(answer, Some(2));
        assert_eq!(screen.matches("How many: ").count(), 2);
        assert!(screen.contains("a number, please"));
        assert_eq!(asked("", Some("7")).0, None);
        assert_eq!(asked("a\nb\nc\n4\n", None).0, None);
    }

    #[test]
    fn where_nobody_can_be_asked_nothing_is_assumed_without_yes() {
        let read = |text: &str| Ok(text.to_owned());
        let default = Some("file");
        let given = |answers: Answers, given: Option<&str>, default| {
            answers.or_ask(given.map(str::to_owned), "--store", "Which store", default, read)
        };
        assert_eq!(given(Answers::Nobody, Some("vault"), default).unwrap(), "vault");
        assert_eq!(given(Answers::Defaults, None, default).unwrap(), "file");
        for missing in [given(Answers::Nobody, None, default), given(Answers::Defaults, None, None)]
        {
            let error = missing.unwrap_err();
            assert!(error.message.contains("--store") && error.hint.is_some(), "{error:?}");
        }
    }
}
