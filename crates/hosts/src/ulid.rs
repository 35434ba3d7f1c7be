//! ULIDs: 48 bits of milliseconds, 80 bits of chance, written as 26 characters of Crockford's base 32.

use crate::time::Timestamp;

/// Characters of a ULID.
pub(crate) const DIGITS: usize = 26;
/// Crockford's base 32 has no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The n-th of a change: its time, then the low 80 bits of its seed, counted up by `n` (wrapping within them). Of `at`,
/// the low 48 bits are taken, which last until the year 10889.
pub(crate) const fn nth(at: Timestamp, seed: u128, n: u32) -> u128 {
    const CHANCE: u128 = (1 << 80) - 1;
    let time = at.as_millis() as u128;
    (time << 80) | ((seed & CHANCE).wrapping_add(n as u128) & CHANCE)
}

/// Reads either case. Crockford's stand-ins (`O` for 0, `I` and `L` for 1) are not taken: one id, one text.
pub(crate) fn read(text: &str) -> Option<u128> {
    if text.len() != DIGITS {
        return None;
    }
    let mut bits: u128 = 0;
    for (place, byte) in text.bytes().enumerate() {
        let digit = (0u8..)
            .zip(ALPHABET)
            .find(|(_, letter)| **letter == byte.to_ascii_uppercase())
            .map(|(value, _)| value);
        match digit {
            // 26 digits hold 130 bits: the first has room for three.
            Some(value) if place > 0 || value < 8 => bits = (bits << 5) | u128::from(value),
            _ => return None,
        }
    }
    Some(bits)
}

/// The text of a ULID.
pub(crate) fn text(bits: u128) -> String {
    let mut text = String::with_capacity(DIGITS);
    for place in (0..DIGITS).rev() {
        let digit = (bits >> (5 * place)) & 31;
        let letter = usize::try_from(digit).ok().and_then(|d| ALPHABET.get(d));
        text.extend(letter.map(|&letter| char::from(letter)));
    }
    text
}
