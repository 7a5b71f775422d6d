//! What others may send: everything that once was telling, and for a while what is drawn near it, held against a
//! promise.
//!
//! A second for each promise; `PINTAIL_FUZZ_SECONDS` says how many others it is to be. What breaks a promise is cut
//! down to what matters and shown: it belongs in `tests/corpus`.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestError, TestRunner};

/// Nothing that is this short may take longer.
const LIMIT: Duration = Duration::from_secs(20);
/// What is drawn in one go.
const CASES: u32 = 64;
/// So often what was found is cut down.
const SHRINKS: u32 = 400;

/// Holds each file of `tests/corpus/NAME`, and what is drawn near them and of `words`, against a promise: `holds`
/// panics where it is broken.
pub fn each(name: &str, words: &'static [&'static str], holds: impl Fn(&[u8])) {
    let watch = Watch::start(name);
    let holds = |bytes: &[u8]| {
        watch.begin(bytes);
        holds(bytes);
        watch.end();
    };
    let samples = samples(name);
    for (file, sample) in &samples {
        println!("{name}/{file}");
        holds(sample);
    }
    let samples: Vec<_> = samples.into_iter().map(|(_, sample)| sample).collect();
    let drawn = drawn(samples, words);
    let begun = Instant::now();
    while begun.elapsed() < time() {
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            max_shrink_iters: SHRINKS,
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(&drawn, |bytes| {
            holds(&bytes);
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, bytes)) => {
                panic!("{name}: {reason}: keep this in its corpus: {}", bytes.escape_ascii())
            }
            Err(TestError::Abort(reason)) => panic!("{name}: {reason}"),
        }
    }
}

/// A text that people are shown: one that nothing in it can break up, colour, turn or hide.
pub fn assert_fit(text: &str, most: usize) {
    let is_unfit = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
    };
    assert!(!text.chars().any(is_unfit), "{text:?}");
    assert!(text.chars().count() <= most, "{} characters: {text}", text.chars().count());
}

/// An HTTP answer: a line with the status, a line for each header, an empty one, and the body.
pub struct Answer<'a> {
    pub status: u16,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
}

/// Takes such bytes for an answer. What no server could send is left out.
pub fn answer(bytes: &[u8]) -> Answer<'_> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match end {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines =
        head.split(|byte| *byte == b'\n').map(|line| std::str::from_utf8(line).unwrap_or(""));
    let status = lines.next().and_then(|line| line.trim().parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    Answer {
        status: status.filter(|status| (200..=599).contains(status)).unwrap_or(200),
        headers: headers.map(|(name, value)| (name.trim(), value.trim())).collect(),
        body,
    }
}

impl Answer<'_> {
    /// As an HTTP client has it.
    pub fn response(&self) -> http::Response<Vec<u8>> {
        let mut response = http::Response::new(self.body.to_vec());
        *response.status_mut() = self.status.try_into().unwrap();
        for (name, value) in &self.headers {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, value.parse()) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

fn time() -> Duration {
    let seconds = std::env::var("PINTAIL_FUZZ_SECONDS");
    seconds.map_or(Duration::from_secs(1), |text| {
        Duration::from_secs(text.parse().expect("PINTAIL_FUZZ_SECONDS is a number of seconds"))
    })
}

fn samples(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let files =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut samples: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    samples.sort();
    assert!(!samples.is_empty(), "{} is empty", folder.display());
    samples
}

/// Bytes near the samples, bytes made of words, and any bytes.
fn drawn(samples: Vec<Vec<u8>>, words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let near = (select(samples), vec(edit(words), 1..6))
        .prop_map(|(sample, edits)| edits.iter().fold(sample, |bytes, edit| edit.made(bytes)));
    let piece = prop_oneof![
        6 => select(words).prop_map(|word| word.as_bytes().to_vec()),
        2 => select(&[" ", ",", ":", "\n", "\r\n", "\"", "{", "}", "[", "]", "-", "/", "."][..])
            .prop_map(|mark| mark.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    let made = vec(piece, 0..24).prop_map(|pieces| pieces.concat());
    prop_oneof![6 => near, 3 => made, 1 => vec(any::<u8>(), 0..200)]
}

/// A change of some bytes.
#[derive(Debug, Clone)]
enum Edit {
    Cut(Index, usize),
    Put(Index, Vec<u8>),
    Flip(Index, u8),
    /// A stretch once more, so many times.
    Again(Index, usize, usize),
    /// Another word in place of one.
    Word(Index, &'static str),
    Drop(Index),
    /// Two words in each other's place.
    Swap(Index, Index),
}

fn edit(words: &'static [&'static str]) -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        1 => (at(), 1..40_usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        1 => (at(), vec(any::<u8>(), 1..6)).prop_map(|(at, bytes)| Edit::Put(at, bytes)),
        2 => (at(), select(words)).prop_map(|(at, word)| Edit::Put(at, word.into())),
        1 => (at(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        1 => (at(), 1..60_usize, 1..40_usize).prop_map(|(at, length, times)| Edit::Again(at, length, times)),
        6 => (at(), select(words)).prop_map(|(at, word)| Edit::Word(at, word)),
        2 => at().prop_map(Edit::Drop),
        1 => (at(), at()).prop_map(|(one, other)| Edit::Swap(one, other)),
    ]
}

impl Edit {
    fn made(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match self {
            Self::Cut(at, length) => {
                let from = place(at);
                let to = (from + length).min(bytes.len());
                bytes.drain(from..to);
            }
            Self::Put(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Flip(at, bit) => {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                }
            }
            Self::Again(at, length, times) => {
                let from = place(at);
                let stretch = bytes[from..(from + length).min(bytes.len())].repeat(*times);
                bytes.splice(from..from, stretch);
            }
            Self::Word(at, word) => {
                if let Some(range) = word_at(&bytes, *at) {
                    bytes.splice(range, word.bytes());
                }
            }
            Self::Drop(at) => {
                if let Some(range) = word_at(&bytes, *at) {
                    bytes.drain(range);
                }
            }
            Self::Swap(one, other) => {
                if let (Some(one), Some(other)) = (word_at(&bytes, *one), word_at(&bytes, *other))
                    && one.end <= other.start
                {
                    let (first, second) =
                        (bytes[one.clone()].to_vec(), bytes[other.clone()].to_vec());
                    bytes.splice(other, first);
                    bytes.splice(one, second);
                }
            }
        }
        bytes
    }
}

fn word_at(bytes: &[u8], at: Index) -> Option<Range<usize>> {
    let words = words(bytes);
    (!words.is_empty()).then(|| words[at.index(words.len())].clone())
}

/// Texts in quotes, runs of letters and digits, and each other mark by itself.
fn words(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_of_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-' | b'.');
    let mut words = vec![];
    let mut from = 0;
    while from < bytes.len() {
        let rest = &bytes[from..];
        let length = match rest[0] {
            b'"' => rest[1..].iter().position(|byte| *byte == b'"').map_or(1, |at| at + 2),
            byte if is_of_word(byte) => {
                rest.iter().position(|byte| !is_of_word(*byte)).unwrap_or(rest.len())
            }
            _ => 1,
        };
        if !rest[0].is_ascii_whitespace() {
            words.push(from..from + length);
        }
        from += length;
    }
    words
}

/// Ends the process, and says with what it stood still, when something takes too long.
struct Watch(Arc<Mutex<Seen>>);

/// Since when it is looked at, and what it is.
type Seen = Option<(Instant, Vec<u8>)>;

impl Watch {
    fn start(name: &str) -> Self {
        let looked_at: Arc<Mutex<Seen>> = Arc::default();
        let (name, seen) = (name.to_owned(), Arc::downgrade(&looked_at));
        std::thread::spawn(move || {
            while let Some(now) = seen.upgrade() {
                if let Some((begun, bytes)) = &*now.lock().unwrap()
                    && begun.elapsed() > LIMIT
                {
                    eprintln!(
                        "{name}: it takes too long: keep this in its corpus: {}",
                        bytes.escape_ascii()
                    );
                    std::process::abort();
                }
                drop(now);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self(looked_at)
    }

    fn begin(&self, bytes: &[u8]) {
        *self.0.lock().unwrap() = Some((Instant::now(), bytes.to_vec()));
    }

    fn end(&self) {
        *self.0.lock().unwrap() = None;
    }
}
