//! Regions as AWS's console shows them: `Europe (Frankfurt) eu-central-1`, or only `EU (Frankfurt)`.

/// Places in the console's names, with their codes.
const PLACES: [(&str, &str); 33] = [
    ("n. virginia", "us-east-1"),
    ("ohio", "us-east-2"),
    ("n. california", "us-west-1"),
    ("oregon", "us-west-2"),
    ("cape town", "af-south-1"),
    ("hong kong", "ap-east-1"),
    ("taipei", "ap-east-2"),
    ("hyderabad", "ap-south-2"),
    ("jakarta", "ap-southeast-3"),
    ("malaysia", "ap-southeast-5"),
    ("melbourne", "ap-southeast-4"),
    ("mumbai", "ap-south-1"),
    ("osaka", "ap-northeast-3"),
    ("seoul", "ap-northeast-2"),
    ("singapore", "ap-southeast-1"),
    ("sydney", "ap-southeast-2"),
    ("thailand", "ap-southeast-7"),
    ("tokyo", "ap-northeast-1"),
    ("canada", "ca-central-1"),
    ("calgary", "ca-west-1"),
    ("frankfurt", "eu-central-1"),
    ("ireland", "eu-west-1"),
    ("london", "eu-west-2"),
    ("milan", "eu-south-1"),
    ("paris", "eu-west-3"),
    ("spain", "eu-south-2"),
    ("stockholm", "eu-north-1"),
    ("zurich", "eu-central-2"),
    ("tel aviv", "il-central-1"),
    ("bahrain", "me-south-1"),
    ("uae", "me-central-1"),
    ("mexico", "mx-central-1"),
    ("são paulo", "sa-east-1"),
];

/// The code of a region that is written as the console shows it. `None` if the text is none of its names.
pub fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('(')?;
    let (place, code) = rest.split_once(')')?;
    if !code.trim().is_empty() {
        let code = code.trim();
        let fits = code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        return fits.then_some(code);
    }
    let place = place.trim().to_lowercase();
    let place = if place == "central" { "canada" } else { &place };
    PLACES.iter().find(|(known, _)| *known == place).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_console_are_codes() {
        for (text, expected) in [
            ("EU (Frankfurt)", Some("eu-central-1")),
            ("Europe (Frankfurt) eu-central-1", Some("eu-central-1")),
            ("US East (N. Virginia)", Some("us-east-1")),
            ("Canada (Central)", Some("ca-central-1")),
            ("South America (São Paulo)", Some("sa-east-1")),
            ("eu-central-1", None),
            ("Atlantis (Deep)", None),
            ("a (b) c d", None),
            ("(", None),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }

    #[test]
    fn every_place_is_read_by_its_name() {
        for (place, expected) in PLACES {
            assert_eq!(code(&format!("Area ({place})")), Some(expected));
        }
    }
}
