//! Tags of objects, which the service doesn't have. They are stored as metadata that only the gateway sees.

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde_json::{Map, Value, json};

use crate::driver::{Conditions, Objects, Stored, Tag, Tags};
use crate::error::ProviderError;
use crate::gcs::GcsDriver;
use crate::gcs::attributes::stored;
use crate::gcs::object::{FIELDS, MAX_RESOURCE_BYTES};
use crate::gcs::tag_text::{tags_of, text_of};
use crate::payload::Payload;

#[async_trait]
impl Tags for GcsDriver {
    async fn get_tags(&self, key: &str) -> Result<Vec<Tag>, ProviderError> {
        let info = self.head(key, &Conditions::default()).await?;
        Ok(info.hidden.as_deref().map(tags_of).unwrap_or_default())
    }

    /// Changes only the tags among the metadata. The object stays the same generation.
    async fn put_tags(&self, key: &str, tags: &[Tag]) -> Result<(), ProviderError> {
        let text = text_of(tags)?;
        self.patch_metadata(key, None, [("bucketry_tags", text.as_deref())]).await.map(drop)
    }
}

impl GcsDriver {
    /// Changes some of an object's metadata, and removes entries without a text. `generation` is that which the object
    /// must have.
    pub(super) async fn patch_metadata<'t>(
        &self,
        key: &str,
        generation: Option<&str>,
        entries: impl IntoIterator<Item = (&'static str, Option<&'t str>)>,
    ) -> Result<Stored, ProviderError> {
        let mut call = self.json_object(Method::PATCH, key)?;
        call.query.push("fields", FIELDS);
        if let Some(generation) = generation {
            call.query.push("ifGenerationMatch", generation);
        }
        let metadata: Map<String, Value> =
            entries.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).collect();
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
        call.payload = Some(Payload::bytes(json!({ "metadata": metadata }).to_string()));
        Ok(stored(&self.send_for_json(call, MAX_RESOURCE_BYTES).await?))
    }
}
