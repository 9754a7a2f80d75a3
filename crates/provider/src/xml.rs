//! Reads XML responses of providers as a sequence of elements, in any order, and escapes text for documents.
//!
//! A hostile response can't exhaust memory: depth is limited, only XML's five entities and character references are
//! resolved, and a document type declaration is refused.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

const MAX_DEPTH: usize = 16;
/// Azure's documents begin with a byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const XML_1_0: XmlVersion = XmlVersion::Implicit1_0;

/// The document isn't XML or has an unexpected root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnexpectedXml;

/// An element, at its end tag.
pub struct Element<'a> {
    /// The names of the enclosing elements, the root first.
    pub path: &'a [String],
    /// The name without a namespace prefix.
    pub name: &'a str,
    /// The text directly inside the element.
    pub text: &'a str,
    /// Whether the element has the attribute `Encoded="true"`, with which Azure marks percent-encoded names that
    /// XML couldn't represent.
    pub encoded: bool,
}

impl Element<'_> {
    /// The name of the enclosing element. Empty for the root.
    pub fn parent(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// Reads a document whose root is `root`, and calls `visit` at the end of every element.
pub fn read(
    document: &[u8],
    root: &str,
    mut visit: impl FnMut(Element<'_>) -> Result<(), UnexpectedXml>,
) -> Result<(), UnexpectedXml> {
    let document = document.strip_prefix(BYTE_ORDER_MARK).unwrap_or(document);
    let mut reader = Reader::from_reader(document);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut encoded = false;
    let mut finished = false;
    loop {
        match reader.read_event().map_err(|_| UnexpectedXml)? {
            Event::Start(start) => {
                let name = std::str::from_utf8(start.local_name().into_inner())
                    .map_err(|_| UnexpectedXml)?
                    .to_owned();
                if open.len() >= MAX_DEPTH || finished || (open.is_empty() && name != root) {
                    return Err(UnexpectedXml);
                }
                open.push(name);
                text.clear();
                let attribute = start.try_get_attribute("Encoded").map_err(|_| UnexpectedXml)?;
                encoded = attribute.is_some_and(|attribute| &*attribute.value == b"true");
            }
            Event::Text(part) => text.push_str(&part.xml_content(XML_1_0).map_err(|_| UnexpectedXml)?),
            Event::CData(part) => text.push_str(&part.xml_content(XML_1_0).map_err(|_| UnexpectedXml)?),
            Event::GeneralRef(reference) => {
                if let Some(character) = reference.resolve_char_ref().map_err(|_| UnexpectedXml)? {
                    text.push(character);
                } else {
                    let name = reference.decode().map_err(|_| UnexpectedXml)?;
                    text.push_str(resolve_predefined_entity(&name).ok_or(UnexpectedXml)?);
                }
            }
            Event::End(_) => {
                let name = open.pop().ok_or(UnexpectedXml)?;
                visit(Element {
                    path: &open,
                    name: &name,
                    text: &text,
                    encoded: std::mem::take(&mut encoded),
                })?;
                text.clear();
                finished = open.is_empty();
            }
            Event::DocType(_) => return Err(UnexpectedXml),
            Event::Eof => return if finished { Ok(()) } else { Err(UnexpectedXml) },
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// Appends text to a document. Control characters, which XML mostly doesn't allow, apostrophes, which it doesn't
/// need to escape, and the two noncharacters are left to `special`.
pub fn escape(out: &mut String, text: &str, special: impl Fn(&mut String, char)) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' | '\u{fffe}' | '\u{ffff}' => special(out, character),
            _ if character.is_control() => special(out, character),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_the_text_is_escaped_and_the_rest_left_to_the_caller() {
        let mut out = String::new();
        escape(&mut out, "<a>&\"b\"'\u{1}é", |out, special| {
            out.push_str(if special == '\'' { "[apostrophe]" } else { "[control]" });
        });
        assert_eq!(out, "&lt;a&gt;&amp;&quot;b&quot;[apostrophe][control]é");
    }

    fn elements(document: &str) -> Result<Vec<String>, UnexpectedXml> {
        let mut seen = Vec::new();
        read(document.as_bytes(), "R", |element| {
            seen.push(format!("{}/{}={}", element.path.join("/"), element.name, element.text));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn elements_come_with_their_path_and_text() {
        let document = "<?xml version='1.0'?>\n<a:R xmlns:a='x'><A><B>1 &lt;&amp;&#x20AC;<![CDATA[<]]></B></A><C/></a:R>";
        assert_eq!(elements(document).unwrap(), ["R/A/B=1 <&€<", "R/A=", "R/C=", "/R="]);
    }

    #[test]
    fn what_is_not_s3_xml_is_refused() {
        let deep = format!("<R>{}", "<a>".repeat(100));
        for document in [
            "",
            "hello",
            "<html></html>",
            "<R><a></R>",
            "<R>",
            "<R/><R/>",
            "<!DOCTYPE R [<!ENTITY a 'b'>]><R>&a;</R>",
            "<R>&unknown;</R>",
            &deep,
        ] {
            assert_eq!(elements(document), Err(UnexpectedXml), "{document}");
        }
    }
}
