//! The parts of a page that a script replaces while somebody looks at it (`data-refresh`).
//!
//! A form sends what its reader has seen, such as the key that somebody compared or the version that somebody changes, in a
//! hidden field. In a part that is replaced, this value would change between the look and the press of the button. So no such
//! part may contain one: [`Deployment`](crate::deployment::Deployment) checks every page that a test reads.

/// Hidden fields that refreshed parts may have, because they don't say what somebody has seen.
const ALLOWED: [&str; 1] = [
    // The address of the list, to which the form returns.
    "back",
];

/// The contents of each part that is replaced.
pub(crate) fn refreshed_parts(html: &str) -> Vec<&str> {
    // The open elements: their names, and for those that are replaced, where their contents begin.
    let mut open: Vec<(&str, Option<usize>)> = Vec::new();
    let mut parts = Vec::new();
    for (start, tag) in tags(html) {
        if let Some(name) = tag.strip_prefix('/') {
            // Elements without an end tag end with the one that contains them.
            while let Some((opened, contents)) = open.pop() {
                parts.extend(contents.map(|from| &html[from..start]));
                if opened == name {
                    break;
                }
            }
        } else {
            let name = tag.split([' ', '/']).next().unwrap_or_default();
            let is_refreshed = tag.contains(" data-refresh ")
                || tag.contains(" data-refresh=")
                || tag.ends_with(" data-refresh");
            open.push((name, is_refreshed.then_some(start + tag.len() + 2)));
        }
    }
    parts
}

/// What is between `<` and `>`, and where the `<` is.
fn tags(html: &str) -> impl Iterator<Item = (usize, &str)> {
    html.match_indices('<').filter_map(|(start, _)| {
        let rest = &html[start + 1..];
        Some((start, &rest[..rest.find('>')?]))
    })
}

/// Panics if a form in a refreshed part sends what its reader has seen, or expects the reader to type it.
pub(crate) fn assert_forms_stay(path: &str, html: &str) {
    for part in refreshed_parts(html) {
        for (_, tag) in tags(part).filter(|(_, tag)| tag.starts_with("input ")) {
            let name =
                tag.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            let is_hidden = tag.contains("type=\"hidden\"") && !ALLOWED.contains(&name);
            assert!(
                !is_hidden && name != "confirm",
                "{path}: the field {name} is in a part that is replaced while somebody looks at it: put its form outside, or \
                 list the field with the reason if it doesn't say what somebody has seen"
            );
        }
    }
}

#[test]
fn parts_are_found_with_their_contents() {
    let html = "<p>a</p><div id=\"x\" data-refresh=\"nodes\"><img src=\"i\"><div><b>c</b></div></div><div>d</div>\
                <section data-refresh class=\"e\"><path d=\"\"></section>";
    assert_eq!(refreshed_parts(html), ["<img src=\"i\"><div><b>c</b></div>", "<path d=\"\">"]);
}

#[test]
#[should_panic(expected = "the field version is in a part")]
fn a_form_in_a_part_may_not_say_what_was_seen() {
    assert_forms_stay(
        "/ui",
        "<div data-refresh=\"a\"><form><input type=\"hidden\" name=\"version\" value=\"1\"></form></div>",
    );
}

#[test]
fn forms_elsewhere_may_say_what_was_seen() {
    let field = "<input type=\"hidden\" name=\"version\" value=\"1\">";
    let back = "<input type=\"hidden\" name=\"back\" value=\"/ui\">";
    assert_forms_stay("/ui", &format!("<div data-refresh>{back}</div><form>{field}</form>"));
}
