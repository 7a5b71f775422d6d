//! A guide as its fenced blocks: what is to be run, and what the page says that it printed.

use std::path::Path;

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Commands that are run: "```sh walked".
    Run,
    /// A command that runs until the guide's end: "```sh walked in-background".
    Background,
    /// What the commands above printed, in part: "```text".
    Printed,
    /// A file that is written: "```toml walked NAME".
    File,
}

/// A block of a guide.
#[derive(Debug, Clone)]
pub struct Block {
    pub kind: Kind,
    /// The file's name.
    pub name: String,
    pub text: String,
    /// Where it stands.
    pub line: usize,
}

/// The blocks of a page that a test has something to do with, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let mut all: Vec<Block> = vec![];
    let mut open: Option<Option<Block>> = None;
    for (line, text) in (1..).zip(text.lines()) {
        let fence = text.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, None) => None,
            (None, Some(info)) => {
                let words: Vec<_> = info.split_whitespace().collect();
                let block = |kind, name: &str| {
                    let (name, text) = (name.to_owned(), String::new());
                    Some(Block { kind, name, text, line })
                };
                Some(match words.as_slice() {
                    ["sh", "walked"] => block(Kind::Run, ""),
                    ["sh", "walked", "in-background"] => block(Kind::Background, ""),
                    ["toml", "walked", name] => block(Kind::File, name),
                    // Of a block that is not walked nobody knows what it prints.
                    ["text"] if !all.is_empty() => block(Kind::Printed, ""),
                    _ => None,
                })
            }
            (Some(block), Some(_)) => {
                all.extend(block);
                None
            }
            (Some(block), None) => Some(block.map(|mut block| {
                block.text.push_str(text.trim_start_matches("   "));
                block.text.push('\n');
                block
            })),
        };
    }
    assert!(open.is_none(), "{page}: a block has no end");
    all
}
