//! How ids from clients are read, in a path, a query or a body.
//!
//! An id is absent if it isn't there, is empty, or is the text `undefined` or `null`, which JavaScript clients send
//! for a missing value. A malformed id is treated like an unknown one: it is not found (404), or left out of a
//! list.

use std::str::FromStr;

use crate::{Error, ResourceKind, Result};

/// Whether a text means that the client has no value.
pub fn is_absent(text: &str) -> bool {
    matches!(text.trim(), "" | "undefined" | "null")
}

/// Reads an id; `None` if it is absent. A malformed id is not found.
pub fn read_id<Id: FromStr>(text: Option<&str>, thing: ResourceKind) -> Result<Option<Id>> {
    match text {
        Some(text) if !is_absent(text) => text.trim().parse().map(Some).map_err(|_| Error::NotFound(thing)),
        _ => Ok(None),
    }
}

/// Reads a list of ids, without malformed ones.
pub fn read_list<'t, Id: FromStr>(texts: impl Iterator<Item = &'t str>) -> Vec<Id> {
    texts.filter_map(|text| text.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::id::WorkspaceId;

    const ID: &str = "00000000-0000-7000-8000-000000000001";

    #[test]
    fn an_id_is_absent_malformed_or_read() {
        let read = |text| read_id::<WorkspaceId>(text, ResourceKind::Workspace);
        for absent in [None, Some(""), Some(" "), Some("undefined"), Some("null")] {
            assert!(matches!(read(absent), Ok(None)), "{absent:?}");
        }
        for malformed in ["x", "Undefined", "00000000", "{00000000-0000-7000-8000-000000000001}"] {
            assert!(
                matches!(read(Some(malformed)), Err(Error::NotFound(ResourceKind::Workspace))),
                "{malformed}"
            );
        }
        assert_eq!(read(Some(&format!(" {ID} "))).unwrap().unwrap().to_string(), ID);
    }

    #[test]
    fn what_names_nothing_is_left_out_of_a_list() {
        let ids: Vec<WorkspaceId> = read_list(["x", ID, "undefined", ""].into_iter());
        assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), [ID]);
    }
}
