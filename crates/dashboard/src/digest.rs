//! Short texts that differ if long ones do: tags of pages, and what a form has shown.

/// A digest of texts in their order. It differs if one of them differs, or if they are divided in another way.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    // FNV-1a with 128 bits. Nobody gains from a collision, which would only hide a change from somebody who reads a page.
    let start = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    // No text has this byte.
    let with_end = |text: &'a str| text.bytes().chain(std::iter::once(0xff));
    let hash = texts.into_iter().flat_map(with_end).fold(start, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_have_another_digest() {
        let all =
            [digest(["ab", "c"]), digest(["a", "bc"]), digest(["abc"]), digest(["c", "ab"]), digest([])];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(!all[index + 1..].contains(one), "{all:?}");
        }
        assert_eq!(digest(["ab", "c"]), all[0]);
    }
}
