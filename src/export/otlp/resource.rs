use opentelemetry_proto::tonic::resource::v1 as messages;
use prost::Message;

use super::attributes::attribute;

/// Who the metrics are from, encoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource(pub(super) Vec<u8>);

impl Resource {
    /// Attributes by the names of the semantic conventions, each name once.
    pub fn new<'a>(attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let attributes = attributes.into_iter();
        let resource = messages::Resource {
            attributes: attributes
                .map(|(key, value)| attribute(key, value))
                .collect(),
            ..messages::Resource::default()
        };
        Self(resource.encode_to_vec())
    }
}
