//! List Containers: what the credential shows besides its container.

use http::Method;

use crate::azure::AzureDriver;
use crate::azure::request::Call;
use crate::connection::ResponseTimeout;
use crate::error::ProviderError;
use crate::xml::{self, UnexpectedXml};

/// How many containers are asked for. One of them may be the driver's own.
const AT_MOST: &str = "1001";
/// The limit on the list: each container may have 8 KiB of properties.
const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;

impl AzureDriver {
    /// Lists the account's containers and counts the others.
    pub(super) async fn count_other_containers(&self) -> Result<u64, ProviderError> {
        let call = Call::account(Method::GET, &[("comp", "list"), ("maxresults", AT_MOST)]);
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, MAX_LIST_BYTES, ResponseTimeout::Usual).await?;
        count_others(&document, &self.container)
            .map_err(|UnexpectedXml| ProviderError::NotAnObjectStore { status: Some(head.status) })
    }
}

/// The containers that the service itself creates don't count.
fn count_others(document: &[u8], container: &str) -> Result<u64, UnexpectedXml> {
    let mut others = 0;
    xml::read(document, "EnumerationResults", |element| {
        let is_name = element.parent() == "Container" && element.name == "Name";
        if is_name && element.text != container && !element.text.starts_with('$') {
            others += 1;
        }
        Ok(())
    })?;
    Ok(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_containers_of_a_list_are_counted() {
        let list = |names: &[&str]| {
            let all: Vec<String> =
                names.iter().map(|name| format!("<Container><Name>{name}</Name></Container>")).collect();
            let all = all.concat();
            format!(
                "\u{feff}<EnumerationResults><Containers>{all}</Containers><NextMarker/></EnumerationResults>"
            )
        };
        let count = |names: &[&str]| count_others(list(names).as_bytes(), "photos");
        assert_eq!(count(&["photos"]), Ok(0));
        assert_eq!(count(&["$logs", "archive", "photos"]), Ok(1));
        assert_eq!(count_others(b"<html/>", "photos"), Err(UnexpectedXml));
    }
}
