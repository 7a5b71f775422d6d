//! What stands in the files of a version: the three that there always are, and those of templates.

use std::fmt;

use secrecy::zeroize::Zeroizing;

use crate::record::{Fields, Record, UserKeys, encode};
use crate::secret::Token;
use crate::stores::Template;

/// The bare text of the token.
pub(super) const TOKEN: &str = "token";
/// The token as an assignment.
pub(super) const ENVIRONMENT: &str = "motherduck.env";
/// The record and the user's own keys.
pub(super) const RECORD: &str = "record.json";

/// The names that consumers open, whatever the templates.
pub(crate) const NAMES: [&str; 3] = [TOKEN, ENVIRONMENT, RECORD];

/// The contents of the files of one version. They hold the token: never printed, wiped on drop.
pub(super) struct Files(pub(super) Vec<(String, Zeroizing<Vec<u8>>)>);

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files(…)")
    }
}

impl Files {
    /// The files that serve `token`.
    pub(super) fn render(
        record: &Record,
        others: &UserKeys,
        fields: Fields<'_>,
        token: &Token,
    ) -> Self {
        let lines = encode(record, others, fields).to_lines("");
        let mut json = Zeroizing::new(Vec::with_capacity(lines.len() + 1));
        json.extend_from_slice(lines.as_bytes());
        json.push(b'\n');
        let bare = token.lend(|text| text.as_bytes().to_vec());
        let environment = token.lend(|text| assignment(fields.token, text));
        Self(vec![
            (TOKEN.to_owned(), Zeroizing::new(bare)),
            (ENVIRONMENT.to_owned(), Zeroizing::new(environment.into_bytes())),
            (RECORD.to_owned(), json),
        ])
    }

    /// The files that serve what a person put there, as it is.
    pub(super) fn imported(
        token: Option<Zeroizing<Vec<u8>>>,
        record: Option<Zeroizing<Vec<u8>>>,
        token_field: &str,
        templates: &[Template],
    ) -> Self {
        let mut files = vec![];
        if let Some(bytes) = token {
            let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
            if let Ok(token) = Token::new(&text) {
                let environment = token.lend(|text| assignment(token_field, text));
                files.push((ENVIRONMENT.to_owned(), Zeroizing::new(environment.into_bytes())));
                files.extend(shaped(templates, &token));
            }
            files.push((TOKEN.to_owned(), bytes));
        }
        files.extend(record.map(|record| (RECORD.to_owned(), record)));
        Self(files)
    }

    /// The same, and what `templates` make of `token`.
    pub(super) fn with(mut self, templates: &[Template], token: &Token) -> Self {
        self.0.extend(shaped(templates, token));
        self
    }
}

fn shaped(
    templates: &[Template],
    token: &Token,
) -> impl Iterator<Item = (String, Zeroizing<Vec<u8>>)> {
    templates.iter().map(|template| (template.name().to_owned(), template.render(token)))
}

/// One line that systemd's `EnvironmentFile`, and a shell, read as setting the variable to exactly `text`. So do Docker
/// and Podman (`--env-file`), which know no quotes, with every token that needs none: MotherDuck's never do.
fn assignment(token_field: &str, text: &str) -> String {
    let mut name: String = token_field
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/+=:@,".contains(c)) {
        return format!("{name}={text}\n");
    }
    if !text.contains(['\'', '\\']) {
        return format!("{name}='{text}'\n");
    }
    // Within double quotes both know the backslash, before these four.
    let mut quoted = String::new();
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    format!("{name}=\"{quoted}\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shell makes of it.
    fn in_a_shell(text: &str) -> String {
        let script = format!("{}printf %s \"$t\"", assignment("t", text));
        let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    }

    #[test]
    fn an_assignment_is_safe_for_systemd_and_for_a_shell() {
        assert_eq!(assignment("motherduck_token", "a*b"), "motherduck_token='a*b'\n");
        assert_eq!(assignment("my-token", "$x"), "my_token='$x'\n");
        assert_eq!(assignment("1st", "~a"), "_1st='~a'\n");
        for odd in [r#"a'b"c\d$e`f"#, "$HOME", "~", "a;b", "a&b", "#a", "a*?[b]", "{a,b}", "é"] {
            assert_eq!(in_a_shell(odd), odd);
        }
    }

    #[test]
    fn a_token_as_motherduck_makes_them_needs_no_quotes() {
        for plain in ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.a-b_c", "a/b+c==", "a:b@c,d"] {
            assert_eq!(assignment("t", plain), format!("t={plain}\n"));
            assert_eq!(in_a_shell(plain), plain);
        }
    }

    #[test]
    fn files_with_a_token_in_them_are_not_printed() {
        let files = Files(vec![(TOKEN.to_owned(), Zeroizing::new(b"s3cret".to_vec()))]);
        assert_eq!(format!("{files:?}"), "Files(…)");
    }
}
