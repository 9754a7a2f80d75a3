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
        let value = char::from(digit).to_digit(16)?;
        u8::try_from(value).ok()
    };
    pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect()
}

/// Reads exactly 64 lower-case digits: a SHA-256, or a signature.
#[inline]
pub fn decode_32(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.try_into().ok()?;
    let (mut values, mut is_wrong) = ([0; 64], false);
    // By arithmetic, like `digit`, and checked once at the end: the compiler makes several at once.
    for (value, character) in values.iter_mut().zip(text) {
        let (digit, letter) = (character.wrapping_sub(b'0'), character.wrapping_sub(b'a'));
        *value = if digit < 10 { digit } else { letter.wrapping_add(10) };
        is_wrong |= digit >= 10 && letter >= 6;
    }
    let mut out = [0; 32];
    for (byte, [high, low]) in out.iter_mut().zip(values.as_chunks::<2>().0) {
        *byte = high << 4 | low;
    }
    (!is_wrong).then_some(out)
}

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
