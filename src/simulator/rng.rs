//! Repeatable chance: hashes of a seed and of what is being decided.
//!
//! Every number depends on the seed and on its own name only, never on how many were drawn before it.
//! So adding a fault to a scenario does not change the other draws.

/// Mixes two numbers into one that looks random (the finisher of SplitMix64).
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hashes text, so that a task id can be a seed.
pub(super) fn text(seed: u64, text: &str) -> u64 {
    text.bytes().fold(mix(seed, text.len() as u64), |sum, byte| mix(sum, u64::from(byte)))
}

/// A number from 0 up to but not including 1.
pub(super) fn unit(hash: u64) -> f64 {
    f64::from(u32::try_from(hash >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0)
}

/// `count` characters out of `a–z0–9`.
pub(super) fn word(mut hash: u64, count: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut word = String::with_capacity(count);
    for _ in 0..count {
        hash = mix(hash, 1);
        word.push(char::from(LETTERS[usize::try_from(hash % 36).unwrap_or(0)]));
    }
    word
}

/// Puts items into an order that depends on the seed only.
pub(super) fn shuffle<T>(seed: u64, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = usize::try_from(mix(seed, last as u64) % (last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
}
