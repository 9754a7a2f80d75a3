//! Strings and numbers of canonical JSON. Values in memory are written by the crate `serde_json_canonicalizer`, with
//! which these must agree.

use std::fmt::Write as _;

/// Writes a string with minimal escaping (RFC 8785 §3.2.2.2).
pub(super) fn write_string(out: &mut String, string: &str) {
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            // Writing to a String can't fail.
            c if c < ' ' => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Writes a number as ECMAScript prints it (RFC 8785 §3.2.2.3).
pub(super) fn write_number(out: &mut String, number: &serde_json::Number) {
    // Integers above 2^53 have no exact ECMAScript form. They print as the double that they become there.
    const EXACT: u64 = 1 << 53;
    if let Some(integer) = number.as_i64().filter(|integer| integer.unsigned_abs() <= EXACT) {
        _ = write!(out, "{integer}");
    } else {
        out.push_str(ryu_js::Buffer::new().format(number.as_f64().unwrap_or(0.0)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::canonical_text::{Limits, read_object};

    /// The canonical text of a value, which is the same whether it is written from memory or while it is read.
    fn canonical(text: &str) -> String {
        let value: Value = serde_json::from_str(text).unwrap();
        let written = serde_json_canonicalizer::to_string(&value).unwrap();
        let limits = Limits { bytes: 1_000, values: 100, members: 100, depth: 10 };
        let object = format!("{{\"value\":{text}}}");
        let read = read_object(object.as_bytes(), &limits, "", []).unwrap();
        assert_eq!(read.text, format!("{{\"value\":{written}}}"));
        written
    }

    #[test]
    fn the_example_of_the_rfc_comes_out_as_printed_there() {
        // RFC 8785 §3.2.2 and §3.2.3.
        let input = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        assert_eq!(
            canonical(input),
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
    }

    #[test]
    fn members_are_sorted_by_utf16_code_units() {
        let input = r#"{"\u20ac":"Euro","\r":"CR","\ufb33":"Dalet","1":"One","\ud83d\ude00":"Smile","\u0080":"Control","\u00f6":"o"}"#;
        let order: Vec<_> = ["CR", "One", "Control", "o", "Euro", "Smile", "Dalet"].to_vec();
        let text = canonical(input);
        let positions: Vec<_> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(positions.is_sorted(), "{text}");
    }

    #[test]
    fn numbers_are_printed_as_ecmascript_does() {
        for (input, printed) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("-1.5", "-1.5"),
            ("1e21", "1e+21"),
            ("123456789012345680000", "123456789012345680000"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("1.25e-9", "1.25e-9"),
            ("9007199254740992", "9007199254740992"),
            ("1700000000123", "1700000000123"),
            ("-42", "-42"),
            // Between two shortest texts that are equally near, ECMAScript takes the even one.
            ("2023347301156851.25", "2023347301156851.2"),
            ("2023347301156851.75", "2023347301156851.8"),
        ] {
            assert_eq!(canonical(input), printed, "{input}");
        }
    }
}
