//! Hexadecimal digits: hashes, signatures, keys in files.

/// Appends the bytes as lower-case digits.
#[inline]
pub fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    for (digits, byte) in out[start..].chunks_exact_mut(2).zip(bytes) {
        digits.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// The bytes as lower-case digits.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(2 * bytes.len());
    append(&mut out, bytes);
    // Digits are ASCII, so this can't fail.
    String::from_utf8(out).unwrap_or_default()
}

/// A digit by arithmetic: without a table and a branch, the compiler makes several at once.
const fn digit(value: u8) -> u8 {
    b'0' + value + (value > 9) as u8 * (b'a' - b'0' - 10)
}

/// Reads an even number of digits of either case.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let value = |digit: u8| {
        let value = VALUES[usize::from(digit.to_ascii_lowercase())];
        (value != NONE).then_some(value)
    };
    pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect()
}

/// Reads exactly 64 lower-case digits: a SHA-256, or a signature.
#[inline]
pub fn decode_32(text: &[u8]) -> Option<[u8; 32]> {
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
        let bytes = decode_32(text.as_bytes()).unwrap();
        assert_eq!(encode(&bytes), text);
        for wrong in ["", "0", &text[1..], &text[2..], &text.to_uppercase(), &text.replace('0', "g")] {
            assert_eq!(decode_32(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn every_byte_reads_back_in_either_case() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = encode(&bytes);
        assert_eq!(decode(&text), Some(bytes.clone()));
        assert_eq!(decode(&text.to_uppercase()), Some(bytes));
        assert_eq!(decode(""), Some(Vec::new()));
        for wrong in ["0", "0g", "+f", "é", "00 "] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
