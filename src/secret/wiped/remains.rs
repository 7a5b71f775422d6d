//! Whether a text is still somewhere in this process's memory.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
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
pub(crate) struct Needle {
    text: Vec<u8>,
    pieces: Vec<Vec<u8>>,
    /// By the first two bytes, unmasked: whether a piece begins so.
    begins: Vec<bool>,
    /// Made before there is anything to find, since what is made later may be made in the memory that is searched.
    room: RefCell<(Vec<u8>, Vec<u8>)>,
}

impl Needle {
    /// One that nobody else has.
    pub(crate) fn draw() -> Self {
        let letters = std::iter::repeat_with(fastrand::alphanumeric).take(LENGTH);
        let text: Vec<_> = letters.map(|letter| u8::try_from(letter).unwrap() ^ MASK).collect();
        let pieces = pieces(&text);
        let mut begins = vec![false; 1 << 16];
        for piece in &pieces {
            begins[beginning(piece) ^ beginning(&[MASK; 2])] = true;
        }
        let room = RefCell::new((vec![0; AT_ONCE + PIECE], vec![0; AT_ONCE]));
        Self { text, pieces, begins, room }
    }

    /// Lends the text, which is wiped afterwards.
    pub(crate) fn lend<T>(&self, borrower: impl FnOnce(&str) -> T) -> T {
        borrower(&unmasked(&self.text))
    }

    /// The text as a token.
    pub(crate) fn token(&self) -> Token {
        self.lend(|text| Token::new(text).unwrap())
    }

    /// Whether a part of the text, or of what base64 makes of it, is in memory that can be written to.
    pub(crate) fn is_in_memory(&self) -> bool {
        let (buffer, maps) = &mut *self.room.borrow_mut();
        let mut length = 0;
        let mut file = File::open("/proc/self/maps").unwrap();
        loop {
            match file.read(&mut maps[length..]).unwrap() {
                0 => break,
                read => length += read,
            }
        }
        let maps = std::str::from_utf8(&maps[..length]).unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        writable(maps).any(|(start, end)| {
            let mut at = start;
            while at < end {
                let wanted = usize::try_from(end - at).unwrap().min(buffer.len());
                // Some of it, such as the kernel's own pages, is not to be read.
                match memory.read_at(&mut buffer[..wanted], at) {
                    Ok(read) if read > 0 => {
                        if self.is_in(&buffer[..read]) {
                            return true;
                        }
                        at += read.min(AT_ONCE) as u64;
                    }
                    Ok(_) | Err(_) => break,
                }
            }
            false
        })
    }

    fn is_in(&self, memory: &[u8]) -> bool {
        memory.windows(PIECE).filter(|window| self.begins[beginning(window)]).any(|window| {
            let is_it = |piece: &Vec<u8>| piece.iter().zip(window).all(|(a, b)| a ^ MASK == *b);
            self.pieces.iter().any(is_it)
        })
    }
}

fn unmasked(text: &[u8]) -> Zeroizing<String> {
    let mut unmasked = Zeroizing::new(String::with_capacity(text.len()));
    unmasked.extend(text.iter().map(|byte| char::from(byte ^ MASK)));
    unmasked
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// Masked pieces of a masked text, and of what base64 makes of it behind other text.
fn pieces(text: &[u8]) -> Vec<Vec<u8>> {
    let cut =
        |masked: &[u8]| masked.chunks_exact(PIECE).skip(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let mut pieces = cut(text);
    for before in ["", " ", "  "] {
        let text = super::concat(&[before, &unmasked(text)]);
        let encoded = Zeroizing::new(STANDARD.encode(text.as_bytes()));
        pieces.extend(cut(&encoded.bytes().map(|byte| byte ^ MASK).collect::<Vec<_>>()));
    }
    pieces
}

/// The parts of the memory that can be written to.
fn writable(maps: &str) -> impl Iterator<Item = (u64, u64)> {
    let address = |text: &str| u64::from_str_radix(text, 16).unwrap();
    maps.lines().filter_map(move |line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        rest.starts_with("rw").then(|| (address(start), address(end)))
    })
}
