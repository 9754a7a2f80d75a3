//! The hexadecimal digits of signatures and hashes.

/// Appends the bytes as lower-case digits.
pub(crate) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    for (digits, byte) in out[start..].chunks_exact_mut(2).zip(bytes) {
        digits.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// A digit by arithmetic: without a table and a branch, the compiler makes several at once.
const fn digit(value: u8) -> u8 {
    b'0' + value + (value > 9) as u8 * (b'a' - b'0' - 10)
}

/// Reads exactly 64 lower-case digits: a SHA-256, or a signature.
pub(crate) fn read_32(text: &[u8]) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut out = [0; 32];
    if pairs.len() != out.len() {
        return None;
    }
    // Checked once at the end, so that no digit waits for the one before it.
    let mut seen = 0;
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen & NONE == 0).then_some(out)
}

/// The value of characters that are no lower-case digits. The digits themselves have none of its bits.
const NONE: u8 = 0xf0;

/// The value of each character as a digit, or `NONE`.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0;
    while digit < 10 {
        values[b'0' as usize + digit as usize] = digit;
        digit += 1;
    }
    while digit < 16 {
        values[b'a' as usize + digit as usize - 10] = digit;
        digit += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sixty_four_lower_case_digits_are_a_hash() {
        let text = "00ff".repeat(16);
        let bytes = read_32(text.as_bytes()).unwrap();
        let mut back = Vec::new();
        push(&mut back, &bytes);
        assert_eq!(back, text.as_bytes());
        for wrong in ["", "0", &text[1..], &text[2..], &text.to_uppercase(), &text.replace('0', "g")] {
            assert_eq!(read_32(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
