//! The header `traceparent` of W3C Trace Context (level 2, §3.2).

use http::HeaderMap;
use opentelemetry::trace::{SpanId, TraceId};

const TRACE_PARENT: &str = "traceparent";

/// The span of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// Whether the caller records its span.
    pub(crate) sampled: bool,
}

impl TraceParent {
    /// Reads the header. A missing, repeated or malformed one is `None`: the request then begins a new trace.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACE_PARENT).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value.to_str().ok()?)
    }

    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. Later versions may append fields.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let version = hex::<1>(fields.next()?)?;
        let trace_id = TraceId::from_bytes(hex(fields.next()?)?);
        let span_id = SpanId::from_bytes(hex(fields.next()?)?);
        let [flags] = hex::<1>(fields.next()?)?;
        let has_more = fields.next().is_some();
        if version == [0xff] || (version == [0] && has_more) {
            return None;
        }
        if trace_id == TraceId::INVALID || span_id == SpanId::INVALID {
            return None;
        }
        Some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

/// Bytes from lower-case hexadecimal digits, exactly as many as fit.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn the_callers_span_and_its_flag_are_read() {
        for (flags, sampled) in [("00", false), ("01", true), ("03", true), ("02", false)] {
            let parent = TraceParent::parse(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!(
                (parent.trace_id.to_string(), parent.span_id.to_string()),
                (TRACE.into(), SPAN.into())
            );
            assert_eq!(parent.sampled, sampled, "{flags}");
        }
        assert!(TraceParent::parse(&format!("01-{TRACE}-{SPAN}-01-more")).is_some(), "a later version");
    }

    #[test]
    fn malformed_headers_are_ignored() {
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            "-".repeat(10_000),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[16..]),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}é-{SPAN}-01"),
        ] {
            assert_eq!(TraceParent::parse(&wrong), None, "{wrong}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(TraceParent::of(&headers), None);
        let value = format!("00-{TRACE}-{SPAN}-01");
        headers.append(TRACE_PARENT, value.parse().unwrap());
        assert!(TraceParent::of(&headers).is_some());
        headers.append(TRACE_PARENT, value.parse().unwrap());
        assert_eq!(TraceParent::of(&headers), None, "it is unclear which one is meant");
    }
}
