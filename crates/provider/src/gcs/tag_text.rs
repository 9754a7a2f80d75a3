//! Tags as the text that is stored in an object's metadata.

use http::{HeaderMap, StatusCode};

use crate::driver::{HiddenMetadata, Tag, decode_tags, encode_tags};
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};

/// The longest text of tags, in bytes. It fits ten tags of the longest keys and values in ASCII. The service allows
/// 8 KiB for all metadata.
const MAX_TEXT: usize = 4 * 1024;

/// The tags of an object.
pub(super) fn tags_of(hidden: &HiddenMetadata) -> Vec<Tag> {
    hidden.tags.as_deref().and_then(decode_tags).unwrap_or_default()
}

/// The text of tags, if there are any.
pub(super) fn text_of(tags: &[Tag]) -> Result<Option<String>, ProviderError> {
    if tags.is_empty() {
        return Ok(None);
    }
    let text = encode_tags(tags);
    if text.len() > MAX_TEXT {
        let code = Some("InvalidTag".into());
        return Err(
            ErrorAnswer::new(StatusCode::BAD_REQUEST, ErrorKind::Invalid, code, &HeaderMap::new()).into()
        );
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_tags_of_ascii_fit_and_longer_ones_are_refused() {
        let tags = |letter: &str| -> Vec<Tag> {
            let tag = |n| Tag { key: format!("{n}{}", letter.repeat(127)), value: letter.repeat(256) };
            (0..10).map(tag).collect()
        };
        let text = text_of(&tags("x")).unwrap();
        let hidden = HiddenMetadata { tags: text, ..Default::default() };
        assert_eq!(tags_of(&hidden), tags("x"));
        let error = text_of(&tags("ü")).unwrap_err();
        assert_eq!(error.answer().unwrap().code.as_deref(), Some("InvalidTag"));
        assert_eq!(text_of(&[]).unwrap(), None);
    }
}
