//! Terraform's states and plans: the file `terraform.tfstate` (format version 4), and what `terraform show -json` prints of a
//! state or of a plan ("JSON Output Format" in Terraform's documentation). OpenTofu writes the same formats.
//!
//! Read are `aws_s3_bucket`, `google_storage_bucket` and `azurerm_storage_container` that Terraform manages. A document is
//! read element by element: memory doesn't grow with the number of resources.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;

use super::{ImportEntry, ImportedBucket};
use crate::bucket::StorageType;
use crate::paste::fields::PastedFields;

/// The only version of state files since Terraform 0.12.
const STATE_VERSION: u64 = 4;
/// Says in an error that the caller asked to stop.
const STOPPED: &str = "stopped by the caller";

/// Why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TerraformError {
    /// Neither a state nor a plan.
    #[error(
        "is neither a state nor a plan of Terraform: pass terraform.tfstate, or what `terraform show -json` prints"
    )]
    NotTerraform,
    /// A state file of a version that is not read.
    #[error(
        "is a state of version {0}, and version 4 is read: run a current Terraform once, or pass `terraform show -json`"
    )]
    StateVersion(u64),
    /// A JSON document of a later major version.
    #[error("has a format_version that is not read: 0.x and 1.x are")]
    FormatVersion,
    /// The reader failed.
    #[error("can't be read: {0}")]
    Unreadable(String),
    /// The JSON is damaged, at this line and column.
    #[error("is not complete JSON: line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// Reads a document and passes its buckets on. Stops early, without an error, if `found` returns false.
pub fn read(reader: impl Read, found: &mut dyn FnMut(ImportEntry) -> bool) -> Result<(), TerraformError> {
    let mut document = TerraformDocument { found, facts: Facts::default() };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let read = (&mut document).deserialize(&mut json).and_then(|()| json.end());
    let facts = document.facts;
    match read {
        Err(_) if facts.is_stopped => Ok(()),
        _ if facts.state_version.is_some_and(|version| version != STATE_VERSION) => {
            Err(TerraformError::StateVersion(facts.state_version.unwrap_or_default()))
        }
        _ if facts.is_of_later_format => Err(TerraformError::FormatVersion),
        Err(error) if error.is_io() => Err(TerraformError::Unreadable(error.to_string())),
        // Of the right kind, but no JSON object, or with another value where an object belongs.
        Err(error) if error.is_data() => Err(TerraformError::NotTerraform),
        Err(error) => Err(TerraformError::Json { line: error.line(), column: error.column() }),
        Ok(()) if facts.has_resources || facts.has_version => Ok(()),
        Ok(()) => Err(TerraformError::NotTerraform),
    }
}

/// What is known about the document.
#[derive(Default)]
struct Facts {
    state_version: Option<u64>,
    has_version: bool,
    is_of_later_format: bool,
    has_resources: bool,
    is_stopped: bool,
}

struct TerraformDocument<'f> {
    found: &'f mut dyn FnMut(ImportEntry) -> bool,
    facts: Facts,
}

impl TerraformDocument<'_> {
    fn pass<E: de::Error>(&mut self, entry: ImportEntry) -> Result<(), E> {
        if (self.found)(entry) {
            return Ok(());
        }
        self.facts.is_stopped = true;
        Err(E::custom(STOPPED))
    }
}

impl<'de> DeserializeSeed<'de> for &mut TerraformDocument<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut TerraformDocument<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a state or a plan of Terraform")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => {
                    let version = map.next_value::<Value>()?.as_u64().unwrap_or_default();
                    self.facts.state_version = Some(version);
                    if version != STATE_VERSION {
                        return Err(de::Error::custom(STOPPED));
                    }
                }
                "terraform_version" => {
                    self.facts.has_version = true;
                    map.next_value::<IgnoredAny>()?;
                }
                "format_version" => {
                    let version = map.next_value::<Value>()?;
                    let major = version.as_str().and_then(|text| text.split('.').next());
                    if !matches!(major, Some("0" | "1")) {
                        self.facts.is_of_later_format = true;
                        return Err(de::Error::custom(STOPPED));
                    }
                }
                "resources" => {
                    self.facts.has_resources = true;
                    map.next_value_seed(ResourceList {
                        document: &mut *self,
                        element: ListElement::StateResource,
                    })?;
                }
                "values" | "planned_values" => {
                    self.facts.has_resources = true;
                    map.next_value_seed(ModuleSeed { document: &mut *self, level: Level::Values })?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

/// What a list contains.
#[derive(Clone, Copy)]
enum ListElement {
    StateResource,
    Resource,
    Module,
}

/// A list whose elements are read one by one.
struct ResourceList<'d, 'f> {
    document: &'d mut TerraformDocument<'f>,
    element: ListElement,
}

impl<'de> DeserializeSeed<'de> for ResourceList<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ResourceList<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            match self.element {
                ListElement::StateResource => {
                    let Some(resource) = list.next_element::<StateResource>()? else { return Ok(()) };
                    for (address, attributes) in resource.buckets() {
                        if let Some(entry) = entry(&resource.kind, address, attributes) {
                            self.document.pass(entry)?;
                        }
                    }
                }
                ListElement::Resource => {
                    let Some(resource) = list.next_element::<ModuleResource>()? else { return Ok(()) };
                    let is_managed = resource.mode == MANAGED;
                    let found = is_managed.then(|| entry(&resource.kind, resource.address, &resource.values));
                    if let Some(entry) = found.flatten() {
                        self.document.pass(entry)?;
                    }
                }
                ListElement::Module => {
                    let module = ModuleSeed { document: &mut *self.document, level: Level::Module };
                    if list.next_element_seed(module)?.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// `values` and `planned_values`, with a root module.
    Values,
    Module,
}

/// A module with its resources and the modules in it.
struct ModuleSeed<'d, 'f> {
    document: &'d mut TerraformDocument<'f>,
    level: Level,
}

impl<'de> DeserializeSeed<'de> for ModuleSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ModuleSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a module")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let document = &mut *self.document;
            match (self.level, key.as_str()) {
                (Level::Values, "root_module") => {
                    map.next_value_seed(ModuleSeed { document, level: Level::Module })?;
                }
                (Level::Module, "resources") => {
                    map.next_value_seed(ResourceList { document, element: ListElement::Resource })?;
                }
                (Level::Module, "child_modules") => {
                    map.next_value_seed(ResourceList { document, element: ListElement::Module })?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

const MANAGED: &str = "managed";

/// A resource of a state file.
#[derive(Deserialize)]
struct StateResource {
    #[serde(default)]
    module: Option<String>,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    instances: Vec<StateInstance>,
}

#[derive(Deserialize)]
struct StateInstance {
    #[serde(default)]
    index_key: Value,
    #[serde(default)]
    attributes: Option<Attributes>,
}

impl StateResource {
    /// The instances with their addresses.
    fn buckets(&self) -> impl Iterator<Item = (String, &Attributes)> {
        let module = self.module.as_ref().map_or_else(String::new, |module| format!("{module}."));
        let begin = format!("{module}{}.{}", self.kind, self.name);
        let instances = self.instances.iter().filter(|_| self.mode == MANAGED);
        instances.filter_map(move |instance| {
            let index = match &instance.index_key {
                Value::Null => String::new(),
                key => format!("[{key}]"),
            };
            Some((format!("{begin}{index}"), instance.attributes.as_ref()?))
        })
    }
}

/// A resource of `terraform show -json`.
#[derive(Deserialize)]
struct ModuleResource {
    #[serde(default)]
    address: String,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    values: Attributes,
}

/// The attributes of buckets. Another attribute of the same name may be of any type.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes {
    bucket: Value,
    region: Value,
    name: Value,
    storage_account_name: Value,
    storage_account_id: Value,
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The bucket of a resource. `None` for resources of other types.
fn entry(kind: &str, address: String, attributes: &Attributes) -> Option<ImportEntry> {
    let (storage_type, bucket) = match kind {
        "aws_s3_bucket" => (StorageType::S3, &attributes.bucket),
        "google_storage_bucket" => (StorageType::Gcs, &attributes.name),
        "azurerm_storage_container" => (StorageType::Blob, &attributes.name),
        _ => return None,
    };
    let Some(bucket) = text(bucket) else {
        let why = format!("{address} has no name yet: apply the plan first");
        return Some(ImportEntry::LeftOut(why));
    };
    let account = (storage_type == StorageType::Blob).then(|| account(attributes));
    if account == Some(None) {
        let why = format!("{address} names no storage account: apply the plan first");
        return Some(ImportEntry::LeftOut(why));
    }
    let region = text(&attributes.region).filter(|_| storage_type == StorageType::S3);
    let fields = PastedFields {
        storage_type: Some(storage_type),
        bucket: Some(bucket.clone()),
        key: account.flatten(),
        region,
        ..PastedFields::default()
    };
    let (folder, secret_file) = (String::new(), None);
    Some(ImportEntry::Bucket(Box::new(ImportedBucket {
        name: bucket,
        origin: address,
        fields,
        folder,
        secret_file,
    })))
}

/// The storage account of a container: by name, or as the end of its id in newer versions of the provider.
fn account(attributes: &Attributes) -> Option<String> {
    let id = text(&attributes.storage_account_id);
    let of_id = id.and_then(|id| Some(id.rsplit_once("/storageAccounts/")?.1.split('/').next()?.to_owned()));
    text(&attributes.storage_account_name).or(of_id).filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests;
