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
        let bare = token.lend(|text| Zeroizing::new(text.as_bytes().to_vec()));
        let environment = token.lend(|text| assignment(fields.token, text));
        Self(vec![
            (TOKEN.to_owned(), bare),
            (ENVIRONMENT.to_owned(), environment),
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
            // What is not text is no token.
            if let Ok(token) = Token::new(std::str::from_utf8(&bytes).unwrap_or_default()) {
                let environment = token.lend(|text| assignment(token_field, text));
                files.push((ENVIRONMENT.to_owned(), environment));
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
fn assignment(token_field: &str, text: &str) -> Zeroizing<Vec<u8>> {
    let mut name: String = token_field
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/+=:@,".contains(c)) {
        return line(&[&name, "=", text, "\n"]);
    }
    if !text.contains(['\'', '\\']) {
        return line(&[&name, "='", text, "'\n"]);
    }
    // Within double quotes both know the backslash, before these four.
    let mut quoted = Zeroizing::new(String::with_capacity(2 * text.len()));
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    line(&[&name, "=\"", &quoted, "\"\n"])
}

/// The parts in one, of which nothing stays behind.
fn line(parts: &[&str]) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        line.extend_from_slice(part.as_bytes());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::wiped::concat;
    use crate::secret::wiped::remains::Needle;

    fn assigned(name: &str, text: &str) -> String {
        String::from_utf8(assignment(name, text).to_vec()).unwrap()
    }

    /// What a shell makes of it.
    fn in_a_shell(text: &str) -> String {
        let script = format!("{}printf %s \"$t\"", assigned("t", text));
        let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    }

    #[test]
    fn an_assignment_is_safe_for_systemd_and_for_a_shell() {
        assert_eq!(assigned("motherduck_token", "a*b"), "motherduck_token='a*b'\n");
        assert_eq!(assigned("my-token", "$x"), "my_token='$x'\n");
        assert_eq!(assigned("1st", "~a"), "_1st='~a'\n");
        for odd in [r#"a'b"c\d$e`f"#, "$HOME", "~", "a;b", "a&b", "#a", "a*?[b]", "{a,b}", "é"] {
            assert_eq!(in_a_shell(odd), odd);
        }
    }

    #[test]
    fn a_token_as_motherduck_makes_them_needs_no_quotes() {
        for plain in ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.a-b_c", "a/b+c==", "a:b@c,d"] {
            assert_eq!(assigned("t", plain), format!("t={plain}\n"));
            assert_eq!(in_a_shell(plain), plain);
        }
    }

    #[test]
    fn nothing_remains_of_a_token_that_was_written_to_files() {
        let needle = Needle::draw();
        for more in ["", "'", "'$"] {
            let token = needle.lend(|text| Token::new(&concat(&[text, more])).unwrap());
            let fields = Fields { token: "motherduck_token", token_id: None };
            let others = UserKeys::default();
            let files = Files::render(&Record::sample(&token), &others, fields, &token);
            let served = files.0.into_iter().find(|(name, _)| *name == TOKEN).map(|(_, text)| text);
            drop((Files::imported(served, None, "token", &[]), token));
            assert!(!needle.is_in_memory(), "{more}");
        }
    }

    #[test]
    fn files_with_a_token_in_them_are_not_printed() {
        let files = Files(vec![(TOKEN.to_owned(), Zeroizing::new(b"s3cret".to_vec()))]);
        assert_eq!(format!("{files:?}"), "Files(…)");
    }
}
