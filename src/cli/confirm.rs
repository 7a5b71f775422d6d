//! Confirmation of what cannot be undone: given on the command line, or asked for on a terminal, or not at all.

use std::io::{BufRead, IsTerminal, Write};

use super::by_hand::refused;
use super::error::CliError;

/// Who confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// The command line has.
    Given,
    /// The person at the terminal is asked.
    Asked,
}

impl Confirmation {
    /// Decides before anything is contacted: without `yes`, somebody must be there to be asked.
    pub(super) fn settle(yes: bool, operation: &str) -> Result<Self, CliError> {
        if yes {
            Ok(Self::Given)
        } else if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            Ok(Self::Asked)
        } else {
            let hint = Some("add --yes, or run it on a terminal".to_owned());
            Err(CliError::usage(
                format!("{operation} cannot be undone and was not confirmed"),
                hint,
            ))
        }
    }

    /// Goes on only if `yes` is typed.
    pub(super) fn yes(self, question: &str) -> Result<(), CliError> {
        self.typed(&format!("{question}\nType yes to go on: "), "yes")
    }

    /// Goes on only if `expected` is typed after `prompt`.
    pub(super) fn typed(self, prompt: &str, expected: &str) -> Result<(), CliError> {
        match self {
            Self::Given => Ok(()),
            Self::Asked => {
                ask(&mut std::io::stdin().lock(), &mut std::io::stderr().lock(), prompt, expected)
            }
        }
    }
}

fn ask(
    input: &mut dyn BufRead,
    screen: &mut dyn Write,
    prompt: &str,
    expected: &str,
) -> Result<(), CliError> {
    let mut answer = String::new();
    // A terminal that cannot be written or read has confirmed nothing.
    let heard = write!(screen, "{prompt}")
        .and_then(|()| screen.flush())
        .and_then(|()| input.read_line(&mut answer));
    if heard.is_ok() && answer.trim() == expected {
        Ok(())
    } else {
        Err(refused("not confirmed; nothing was changed", None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: &str) -> bool {
        let mut screen = Vec::new();
        let asked = ask(&mut answer.as_bytes(), &mut screen, "Type etl_prod: ", "etl_prod");
        assert_eq!(screen, b"Type etl_prod: ");
        asked.is_ok()
    }

    #[test]
    fn only_the_expected_word_confirms() {
        assert!(answered("etl_prod\n") && answered(" etl_prod \n"));
        for answer in ["", "\n", "y\n", "yes\n", "etl\n", "ETL_PROD\n"] {
            assert!(!answered(answer), "{answer:?}");
        }
    }
}
