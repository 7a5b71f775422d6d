//! Whether a text is still somewhere in this process's memory.

use std::fs::File;
use std::os::unix::fs::FileExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use secrecy::zeroize::Zeroizing;

use crate::secret::Token;

/// What is searched for is kept so, and never as it is.
const MASK: u8 = 0xa5;
const LENGTH: usize = 600;
/// Of freed memory the first bytes are written over: what is long is found by pieces from its inside.
const PIECE: usize = 24;
const AT_ONCE: usize = 1 << 20;

/// A text to search for, as long as MotherDuck's tokens are.
pub(crate) struct Needle(Vec<u8>);

impl Needle {
    /// One that nobody else has.
    pub(crate) fn draw() -> Self {
        let letters = std::iter::repeat_with(fastrand::alphanumeric).take(LENGTH);
        Self(letters.map(|letter| u8::try_from(letter).unwrap() ^ MASK).collect())
    }

    /// Lends the text, which is wiped afterwards.
    pub(crate) fn lend<T>(&self, borrower: impl FnOnce(&str) -> T) -> T {
        let text: Zeroizing<Vec<u8>> =
            self.0.iter().map(|byte| byte ^ MASK).collect::<Vec<_>>().into();
        borrower(std::str::from_utf8(&text).unwrap())
    }

    /// The text as a token.
    pub(crate) fn token(&self) -> Token {
        self.lend(|text| Token::new(text).unwrap())
    }

    /// Whether a part of the text, or of what base64 makes of it, is in memory that can be written to.
    pub(crate) fn is_in_memory(&self) -> bool {
        let pieces = self.pieces();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut buffer = vec![0; AT_ONCE + PIECE];
        for (start, end) in writable() {
            let mut at = start;
            while at < end {
                let wanted = usize::try_from(end - at).unwrap().min(buffer.len());
                // Some of it, such as the kernel's own pages, is not to be read.
                let Ok(read) = memory.read_at(&mut buffer[..wanted], at) else { break };
                if read == 0 {
                    break;
                }
                if holds(&buffer[..read], &pieces) {
                    return true;
                }
                at += read.min(AT_ONCE) as u64;
            }
        }
        false
    }

    /// Masked pieces.
    fn pieces(&self) -> Vec<Vec<u8>> {
        let mut pieces: Vec<_> = self.0.chunks_exact(PIECE).skip(2).map(<[u8]>::to_vec).collect();
        for before in 0..3 {
            let encoded = self.lend(|text| {
                let text = Zeroizing::new([&"   "[..before], text].concat());
                Zeroizing::new(STANDARD.encode(text.as_bytes()))
            });
            let masked: Vec<_> = encoded.bytes().map(|byte| byte ^ MASK).collect();
            pieces.extend(masked.chunks_exact(PIECE).skip(2).map(<[u8]>::to_vec));
        }
        pieces
    }
}

/// Whether one of the pieces stands in there, unmasked.
fn holds(memory: &[u8], pieces: &[Vec<u8>]) -> bool {
    let mut begins = vec![false; 1 << 16];
    let start =
        |bytes: &[u8], mask: u8| usize::from(bytes[0] ^ mask) << 8 | usize::from(bytes[1] ^ mask);
    for piece in pieces {
        begins[start(piece, MASK)] = true;
    }
    memory.windows(PIECE).filter(|window| begins[start(window, 0)]).any(|window| {
        let is_it = |piece: &Vec<u8>| piece.iter().zip(window).all(|(a, b)| a ^ MASK == *b);
        pieces.iter().any(is_it)
    })
}

/// The parts of the memory that can be written to.
fn writable() -> Vec<(u64, u64)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let address = |text: &str| u64::from_str_radix(text, 16).unwrap();
    maps.lines()
        .filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            rest.starts_with("rw").then(|| (address(start), address(end)))
        })
        .collect()
}
