//! Words that buckets and repositories are found by. Case and accents don't matter, and a word is found by its
//! beginning.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

/// The most words by which one resource is found. Further words of its names are ignored.
pub const MAX_WORDS: usize = 32;
/// The longest stored word, in characters. The rest of a longer word is ignored.
pub const MAX_WORD_CHARS: usize = 64;
/// The longest search, in characters.
pub const MAX_SEARCH_CHARS: usize = 255;
/// The most words of a search.
pub const MAX_SEARCH_WORDS: usize = 8;

/// The words of a resource's names, sorted and without repetitions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of several names. The first ones count if there are more than [`MAX_WORDS`].
    pub fn of(names: &[&str]) -> Self {
        let mut words = BTreeSet::new();
        for word in names.iter().flat_map(|name| folded_words(name)) {
            if words.len() == MAX_WORDS {
                break;
            }
            words.insert(word);
        }
        Self(words.into_iter().collect())
    }

    /// Parses what [`Self::to_text`] wrote.
    pub fn from_text(text: &str) -> Self {
        Self(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// The words, separated by spaces.
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }

    /// The words in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The first word with this beginning.
    pub fn first_with(&self, prefix: &str) -> Option<&str> {
        self.iter().find(|word| word.starts_with(prefix))
    }
}

/// Why a text can't be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSearch {
    /// The text is longer than [`MAX_SEARCH_CHARS`].
    #[error("must be at most {MAX_SEARCH_CHARS} characters long")]
    TooLong,
    /// The text has more than [`MAX_SEARCH_WORDS`] words.
    #[error("must have at most {MAX_SEARCH_WORDS} words")]
    TooManyWords,
    /// The text has no letter and no digit.
    #[error("must contain a letter or a digit")]
    NoWord,
}

/// What somebody searches for: beginnings of words, all of which a resource must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

impl SearchWords {
    /// Parses a search. A word that another one begins with is left out, because it restricts nothing.
    pub fn parse(text: &str) -> Result<Self, InvalidSearch> {
        if text.chars().nth(MAX_SEARCH_CHARS).is_some() {
            return Err(InvalidSearch::TooLong);
        }
        let all: BTreeSet<String> = folded_words(text).collect();
        let is_longest = |word: &&String| !all.iter().any(|other| other != *word && other.starts_with(*word));
        let words: Vec<String> = all.iter().filter(is_longest).cloned().collect();
        match words.len() {
            0 => Err(InvalidSearch::NoWord),
            1..=MAX_SEARCH_WORDS => Ok(Self(words)),
            _ => Err(InvalidSearch::TooManyWords),
        }
    }

    /// A search that finds everything of this name, and perhaps more: its first words, as many as a search may have.
    /// `None` if the name has no letter and no digit.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        let mut length = 0;
        for word in folded_words(name) {
            length += word.chars().count() + 1;
            if words.len() == MAX_SEARCH_WORDS || length > MAX_SEARCH_CHARS {
                break;
            }
            words.push(word);
        }
        Self::parse(&words.join(" ")).ok()
    }

    /// The words, separated by spaces, as [`Self::parse`] reads them.
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }

    /// The beginnings of words, sorted; at least one.
    pub fn prefixes(&self) -> &[String] {
        &self.0
    }

    /// Whether a resource has words with all of these beginnings.
    pub fn match_all(&self, words: &Words) -> bool {
        self.0.iter().all(|prefix| words.first_with(prefix).is_some())
    }
}

/// Sorts after every word with this beginning, and before every other word that sorts after it.
pub fn end_of(prefix: &str) -> String {
    // The last code point is no letter or digit, so no word contains it.
    format!("{prefix}{}", char::MAX)
}

/// Splits a text at everything that is neither letter nor digit. NFKD separates accents from letters and replaces
/// compatibility characters such as ligatures.
fn folded_words(text: &str) -> impl Iterator<Item = String> {
    let letters: String =
        text.nfkd().filter(|c| canonical_combining_class(*c) == 0).flat_map(folded).collect();
    let words: Vec<String> = letters
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(MAX_WORD_CHARS).collect())
        .collect();
    words.into_iter()
}

/// Folds case by way of upper case, so that `ß` equals `ss` and `ς` equals `σ`, as Unicode's full case folding does.
fn folded(letter: char) -> impl Iterator<Item = char> {
    letter.to_uppercase().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(name: &str) -> String {
        Words::of(&[name]).to_text()
    }

    #[test]
    fn case_accents_and_separators_do_not_matter() {
        assert_eq!(words("Überseefotos_2024.RAW-eu"), "2024 eu raw uberseefotos");
        assert_eq!(words("ÜBERSEEFOTOS"), words("u\u{308}berseefotos"));
        assert_eq!(words("Straße"), words("STRASSE"));
        assert_eq!(words("ΟΔΟΣ"), words("οδος"));
        assert_eq!(words("ﬁles"), "files");
        assert_eq!(words("Łódź İzmir"), "izmir łodz");
        assert_eq!(words("日本 東京"), "日本 東京");
    }

    #[test]
    fn all_words_of_a_search_must_match_by_their_beginning() {
        let bucket = Words::of(&["Customer Photos", "photos-eu-central-1"]);
        for (search, is_found) in [
            ("photos", true),
            ("PHO cust", true),
            ("eu-central", true),
            ("hotos", false),
            ("photos us", false),
            ("photosx", false),
        ] {
            assert_eq!(SearchWords::parse(search).unwrap().match_all(&bucket), is_found, "{search}");
        }
    }

    #[test]
    fn searches_and_words_are_bounded() {
        assert_eq!(SearchWords::parse(&"a".repeat(10_000)), Err(InvalidSearch::TooLong));
        assert_eq!(SearchWords::parse(" -_./ "), Err(InvalidSearch::NoWord));
        assert_eq!(SearchWords::parse("a b c d e f g h i"), Err(InvalidSearch::TooManyWords));
        assert_eq!(SearchWords::parse("p pho photos p").unwrap().prefixes(), ["photos"]);
        let many: Vec<String> = (0..100).map(|number| format!("w{number}")).collect();
        let many = many.join(" ");
        assert_eq!(Words::of(&[&many]).iter().count(), MAX_WORDS);
        assert_eq!(words(&"x".repeat(200)).len(), MAX_WORD_CHARS);
        assert_eq!(SearchWords::parse(&"x".repeat(200)).unwrap().prefixes()[0].len(), MAX_WORD_CHARS);
    }

    #[test]
    fn the_end_of_a_prefix_sorts_between_its_words_and_the_next() {
        let end = end_of("pho");
        assert!("pho" < end.as_str() && "phozzz\u{10FFFD}" < end.as_str() && end.as_str() < "php");
    }

    proptest! {
        #[test]
        fn a_name_is_found_by_its_own_search(name in "([a-zß1é. -]|ü|日|ﬁ|\u{301}){0,300}") {
            let words = Words::of(&[&name]);
            match SearchWords::of_name(&name) {
                Some(search) => {
                    prop_assert!(search.match_all(&words));
                    prop_assert_eq!(SearchWords::parse(&search.to_text()), Ok(search));
                }
                None => prop_assert!(words.to_text().is_empty()),
            }
        }
    }

    #[test]
    fn words_are_read_back_from_their_text() {
        let all = Words::of(&["Customer Photos", "x"]);
        assert_eq!(Words::from_text(&all.to_text()), all);
        assert_eq!(Words::from_text(""), Words::default());
    }
}
