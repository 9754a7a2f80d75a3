//! The known name that somebody probably meant.

/// How similar a name must be, from 0 to 1.
const SIMILAR: f64 = 0.6;
/// Longer names are not compared: they are no typing mistakes.
const LONGEST: usize = 100;

/// The known name that is most similar to `name`, if any is similar. Case, `-` and `_` make no difference.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let folded = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let wanted = folded(name);
    let similarity = |one: &str| strsim::normalized_damerau_levenshtein(&wanted, &folded(one));
    let rated = known.into_iter().map(|one| (one, similarity(one)));
    let best = rated.filter(|(_, rate)| *rate >= SIMILAR).max_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map(|(one, _)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_leads_to_the_name_that_was_meant() {
        let known = ["listen", "gateway_listen", "log", "log_format"];
        for (name, meant) in [
            ("lisen", Some("listen")),
            ("lgo", Some("log")),
            ("LISTEN", Some("listen")),
            ("gateway-listen", Some("gateway_listen")),
            ("logformat", Some("log_format")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(nearest(&"listen".repeat(1_000), known), None);
    }
}
