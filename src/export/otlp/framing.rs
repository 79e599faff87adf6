//! The messages around metrics, log records and spans, written around bytes: a request of one
//! resource with its scopes, such as `ExportMetricsServiceRequest` of one `ResourceMetrics` of
//! `ScopeMetrics`. The three services' messages have the same fields by the same numbers, which
//! are those of the protocol's `*_service.proto`; the tests decode what is written here.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::Resource;

/// `resource_metrics` of `ExportMetricsServiceRequest`.
const OF_RESOURCE: u32 = 1;
/// `resource` of `ResourceMetrics`.
const RESOURCE: u32 = 1;
/// `scope_metrics` of `ResourceMetrics`.
const OF_SCOPE: u32 = 2;
/// `scope` of `ScopeMetrics`.
const SCOPE: u32 = 1;
/// `metrics` of `ScopeMetrics`.
const ITEMS: u32 = 2;

/// A request that is being filled.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    resource: &'a Resource,
    /// Scopes that are complete.
    scopes: Vec<u8>,
    /// The last scope: its name, its head, and what is in it so far.
    scope: String,
    head: Vec<u8>,
    items: Vec<u8>,
}

impl<'a> Frame<'a> {
    pub fn new(resource: &'a Resource) -> Self {
        Self {
            resource,
            scopes: Vec::new(),
            scope: String::new(),
            head: Vec::new(),
            items: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.items.is_empty()
    }

    /// How many bytes the request would have with another metric, log record or span of this length.
    pub fn len_with(&self, scope: &str, item: usize) -> usize {
        let added = field_len(item);
        let scopes = if scope == self.scope {
            self.scopes.len() + field_len(self.head.len() + self.items.len() + added)
        } else {
            let last = self.head.len() + self.items.len();
            let last = if last == 0 { 0 } else { field_len(last) };
            self.scopes.len() + last + field_len(head(scope).len() + added)
        };
        field_len(field_len(self.resource.0.len()) + scopes)
    }

    /// Adds what is encoded as this to its scope, which follows the others if it is not the last
    /// one's.
    pub fn push_encoded(&mut self, scope: &str, item: &[u8]) {
        self.begin_item(scope, item.len());
        self.items.extend(item);
    }

    /// As [`Frame::push_encoded`], of what is encoded here.
    pub fn push(&mut self, scope: &str, item: &impl Message) {
        self.begin_item(scope, item.encoded_len());
        // A vector grows, so that there is room for everything.
        let _ = item.encode(&mut self.items);
    }

    fn begin_item(&mut self, scope: &str, len: usize) {
        if scope != self.scope {
            self.end_scope();
            scope.clone_into(&mut self.scope);
            self.head = head(scope);
        }
        begin(ITEMS, len, &mut self.items);
    }

    /// The request's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_scope();
        let Self {
            resource, scopes, ..
        } = self;
        let inner = field_len(resource.0.len()) + scopes.len();
        let mut body = Vec::with_capacity(field_len(inner));
        begin(OF_RESOURCE, inner, &mut body);
        begin(RESOURCE, resource.0.len(), &mut body);
        body.extend(&resource.0);
        body.extend(scopes);
        body
    }

    fn end_scope(&mut self) {
        if self.items.is_empty() {
            return;
        }
        let inner = self.head.len() + self.items.len();
        begin(OF_SCOPE, inner, &mut self.scopes);
        self.scopes.append(&mut self.head);
        self.scopes.append(&mut self.items);
    }
}

/// What a scope begins with.
fn head(name: &str) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let mut head = Vec::new();
    begin(SCOPE, scope.encoded_len(), &mut head);
    let _ = scope.encode(&mut head);
    head
}

/// Writes what stands before a message of this length.
fn begin(field: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}

/// The length of a field that holds a message: every number here fits one byte of key.
fn field_len(inner: usize) -> usize {
    1 + encoded_len_varint(inner as u64) + inner
}
