//! Patterns with `*` (any characters, or none) and `?` (any one).

/// Whether `glob` means the whole of `name`. It goes back to the last `*` at most, so that no pattern takes long. Names
/// are ASCII.
pub(crate) fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&letter) = name.get(read) {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == letter => (at, read) = (at + 1, read + 1),
            Some(_) | None => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, read) = (after + 1, from + 1);
            }
        }
    }
    glob.iter().skip(at).all(|&rest| rest == b'*')
}
