//! Rewrites documents in responses, so that they don't reveal the provider's bucket name or the folder.

use bucketry_provider::xml::{self, UnexpectedXml};

use crate::front::s3::xml::{Document, escape};

/// What to do with an element.
pub(super) enum XmlElement {
    /// Keep it.
    Kept,
    /// Replace its content with this text.
    Holding(String),
    /// Remove it with its content.
    LeftOut,
}

/// Rewrites a document. `decide` gets the name and text of each element below the root.
pub(super) fn rewrite(
    document: &[u8],
    root: &'static str,
    mut decide: impl FnMut(&str, &str) -> XmlElement,
) -> Result<Document, UnexpectedXml> {
    // The rewritten children of each open element, by depth.
    let mut inside: Vec<String> = Vec::new();
    let mut rewritten = Document::new(root);
    xml::read(document, root, |element| {
        let depth = element.path.len();
        inside.resize_with(inside.len().max(depth + 2), String::new);
        let content = std::mem::take(&mut inside[depth + 1]);
        if depth == 0 {
            rewritten.append(&content);
            return Ok(());
        }
        let out = &mut inside[depth];
        match decide(element.name, element.text) {
            XmlElement::LeftOut => {}
            XmlElement::Holding(text) => write(out, element.name, |out| escape(out, &text)),
            XmlElement::Kept if content.is_empty() => {
                write(out, element.name, |out| escape(out, element.text));
            }
            XmlElement::Kept => write(out, element.name, |out| out.push_str(&content)),
        }
        Ok(())
    })?;
    Ok(rewritten)
}

fn write(out: &mut String, name: &str, content: impl FnOnce(&mut String)) {
    for part in ["<", name, ">"] {
        out.push_str(part);
    }
    content(out);
    for part in ["</", name, ">"] {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_replaced_and_the_rest_stays() {
        let document = b"<?xml version='1.0'?><R xmlns='x'><Bucket>theirs</Bucket><Key>folder/a&amp;b</Key>\n\
            <Owner><ID>account</ID></Owner><Part><ETag>&quot;e&quot;</ETag><New><Deep>1</Deep></New></Part><Part/></R>";
        let rewritten = rewrite(document, "R", |name, text| match name {
            "Bucket" => XmlElement::Holding("ours".to_owned()),
            "Key" => XmlElement::Holding(text.trim_start_matches("folder/").to_owned()),
            "Owner" => XmlElement::LeftOut,
            _ => XmlElement::Kept,
        });
        let text = String::from_utf8(rewritten.unwrap().finish().to_vec()).unwrap();
        assert_eq!(
            text.split_once("2006-03-01/\">").unwrap().1,
            "<Bucket>ours</Bucket><Key>a&amp;b</Key><Part><ETag>&quot;e&quot;</ETag><New><Deep>1</Deep></New></Part>\
             <Part></Part></R>"
        );
        assert!(rewrite(b"<Error/>", "R", |_, _| XmlElement::Kept).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_again_stays_the_same(text in "(<a>|</a>|<b/>|<K>|</K>|x| |&amp;|&#x41;|<!--c-->|<|\"){0,24}") {
            let document = format!("<R>{text}</R>");
            let rewritten = |document: &[u8]| rewrite(document, "R", |_, _| XmlElement::Kept).map(Document::finish);
            if let Ok(once) = rewritten(document.as_bytes()) {
                prop_assert_eq!(rewritten(&once), Ok(once));
            }
        }
    }
}
