//! The one catalogue of the fields that CloudTrail documents.
//!
//! The columns of the SQL table, what a split keeps of a field, name
//! suggestions and docs/fields.md are derived from [`FIELDS`]; a field that is
//! not listed here is searchable all the same, by its path.
//!
//! **Source**: CloudTrail user guide, "CloudTrail record contents", "userIdentity
//! element" and "CloudTrail Lake supported event schemas".

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// What a field holds, as CloudTrail Lake's schema types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    String,
    Boolean,
    Timestamp,
    /// Members are listed under the field's path.
    Struct,
    /// An array of objects whose members are listed under the field's path.
    StructList,
    /// `map<string,string>`: nested values are JSON text.
    Map,
}

/// What a split keeps of a field besides the search tokens of its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A column of its values.
    Column,
    /// Only whether there is one. Nearly every value occurs once: a column
    /// would cost more than the record it saves reading.
    Presence,
    /// Whether there is one, and the sixteen bytes of those that are UUIDs.
    Uuid,
}

/// One documented field.
#[derive(Debug, Clone, Copy)]
pub struct KnownField {
    /// The path in CloudTrail's spelling, arrays passed over.
    pub path: &'static str,
    pub field_type: FieldType,
    pub kept: Kept,
}

const fn field(path: &'static str, field_type: FieldType) -> KnownField {
    KnownField {
        path,
        field_type,
        kept: Kept::Column,
    }
}

const fn id(path: &'static str) -> KnownField {
    KnownField {
        path,
        field_type: FieldType::String,
        kept: Kept::Presence,
    }
}

use FieldType::{Boolean, Map, String as Text, Struct, StructList, Timestamp};

/// Every documented field, a parent before its members, in the column order of
/// CloudTrail Lake.
pub const FIELDS: &[KnownField] = &[
    field("eventVersion", Text),
    field("userIdentity", Struct),
    field("userIdentity.type", Text),
    field("userIdentity.principalId", Text),
    field("userIdentity.arn", Text),
    field("userIdentity.accountId", Text),
    field("userIdentity.accessKeyId", Text),
    field("userIdentity.userName", Text),
    field("userIdentity.sessionContext", Struct),
    field("userIdentity.sessionContext.attributes", Struct),
    field(
        "userIdentity.sessionContext.attributes.creationDate",
        Timestamp,
    ),
    field(
        "userIdentity.sessionContext.attributes.mfaAuthenticated",
        Text,
    ),
    field("userIdentity.sessionContext.sessionIssuer", Struct),
    field("userIdentity.sessionContext.sessionIssuer.type", Text),
    field(
        "userIdentity.sessionContext.sessionIssuer.principalId",
        Text,
    ),
    field("userIdentity.sessionContext.sessionIssuer.arn", Text),
    field("userIdentity.sessionContext.sessionIssuer.accountId", Text),
    field("userIdentity.sessionContext.sessionIssuer.userName", Text),
    field("userIdentity.sessionContext.webIdFederationData", Struct),
    field(
        "userIdentity.sessionContext.webIdFederationData.federatedProvider",
        Text,
    ),
    field(
        "userIdentity.sessionContext.webIdFederationData.attributes",
        Map,
    ),
    field("userIdentity.sessionContext.sourceIdentity", Text),
    field("userIdentity.sessionContext.ec2RoleDelivery", Text),
    field("userIdentity.sessionContext.ec2IssuedInVpc", Text),
    field("userIdentity.sessionContext.assumedRoot", Text),
    field("userIdentity.onBehalfOf", Struct),
    field("userIdentity.onBehalfOf.userId", Text),
    field("userIdentity.onBehalfOf.identityStoreArn", Text),
    field("userIdentity.inScopeOf", Struct),
    field("userIdentity.inScopeOf.sourceArn", Text),
    field("userIdentity.inScopeOf.sourceAccount", Text),
    field("userIdentity.inScopeOf.issuerType", Text),
    field("userIdentity.inScopeOf.credentialsIssuedTo", Text),
    field("userIdentity.invokedBy", Text),
    field("userIdentity.identityProvider", Text),
    field("userIdentity.credentialId", Text),
    // The scan answers it from the event's time; texts that spell that time in
    // another way are read from the record.
    KnownField {
        path: "eventTime",
        field_type: Timestamp,
        kept: Kept::Presence,
    },
    field("eventSource", Text),
    field("eventName", Text),
    field("awsRegion", Text),
    field("sourceIPAddress", Text),
    field("userAgent", Text),
    field("errorCode", Text),
    field("errorMessage", Text),
    field("requestParameters", Map),
    field("responseElements", Map),
    field("additionalEventData", Map),
    id("requestID"),
    // Unlike other ids it is in most lists of events that people ask for.
    KnownField {
        path: "eventID",
        field_type: Text,
        kept: Kept::Uuid,
    },
    field("readOnly", Boolean),
    field("resources", StructList),
    field("resources.accountId", Text),
    field("resources.type", Text),
    field("resources.ARN", Text),
    field("resources.ARNPrefix", Text),
    field("eventType", Text),
    field("apiVersion", Text),
    field("managementEvent", Boolean),
    field("recipientAccountId", Text),
    id("sharedEventID"),
    field("annotation", Text),
    field("vpcEndpointId", Text),
    field("vpcEndpointAccountId", Text),
    field("serviceEventDetails", Map),
    field("addendum", Map),
    field("edgeDeviceDetails", Map),
    field("insightDetails", Map),
    field("eventCategory", Text),
    field("tlsDetails", Struct),
    field("tlsDetails.tlsVersion", Text),
    field("tlsDetails.cipherSuite", Text),
    field("tlsDetails.clientProvidedHostHeader", Text),
    field("tlsDetails.keyExchange", Text),
    field("sessionCredentialFromConsole", Text),
    field("eventContext", Struct),
    field("eventContext.requestContext", Map),
    field("eventContext.tagContext", Struct),
    field("eventContext.tagContext.resourceTags", StructList),
    field("eventContext.tagContext.resourceTags.arn", Text),
    field("eventContext.tagContext.resourceTags.tags", Map),
    field("eventContext.tagContext.principalTags", Map),
    field("eventData", Map),
    field("metadata", Map),
];

/// The columns after the documented ones that Tarn makes from the whole record.
pub const EVENT_JSON: &str = "eventJson";
pub const EVENT_JSON_CHECKSUM: &str = "eventJsonChecksum";

/// The documented field at a path, arrays passed over.
pub fn known(path: &str) -> Option<&'static KnownField> {
    static BY_PATH: LazyLock<hashbrown::HashMap<&'static str, &'static KnownField>> =
        LazyLock::new(|| FIELDS.iter().map(|f| (f.path, f)).collect());
    BY_PATH.get(path).copied()
}

/// The fields directly under a path; the top-level ones under the empty path.
pub fn members(parent: &str) -> impl Iterator<Item = &'static KnownField> + '_ {
    FIELDS
        .iter()
        .filter(move |f| match f.path.rsplit_once('.') {
            Some((above, _)) => above == parent,
            None => parent.is_empty(),
        })
}

impl KnownField {
    /// The last key of the path.
    pub fn key(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, key)| key)
    }

    /// The field in Arrow: names in lower case, as CloudTrail Lake's schema
    /// has them.
    pub fn arrow_field(&self) -> Field {
        Field::new(self.key().to_lowercase(), self.arrow_type(), true)
    }

    pub fn arrow_type(&self) -> DataType {
        let struct_of = |path: &str| -> Fields { members(path).map(|m| m.arrow_field()).collect() };
        match self.field_type {
            Text => DataType::Utf8View,
            Boolean => DataType::Boolean,
            Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Map => map_type(),
            Struct => DataType::Struct(struct_of(self.path)),
            StructList => DataType::List(Arc::new(Field::new(
                "item",
                DataType::Struct(struct_of(self.path)),
                true,
            ))),
        }
    }
}

/// `map<string,string>` in Arrow.
pub fn map_type() -> DataType {
    let entries = Fields::from(vec![
        Field::new("keys", DataType::Utf8View, false),
        Field::new("values", DataType::Utf8View, true),
    ]);
    DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(entries), false)),
        false,
    )
}

/// CloudTrail Lake's table: the top-level fields in lower case, then
/// `eventjson` and `eventjsonchecksum`.
pub fn lake_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut columns: Vec<Field> = members("").map(KnownField::arrow_field).collect();
        for name in [EVENT_JSON, EVENT_JSON_CHECKSUM] {
            columns.push(Field::new(name.to_lowercase(), DataType::Utf8View, false));
        }
        Arc::new(Schema::new(columns))
    });
    Arc::clone(&SCHEMA)
}

/// CloudTrail's spelling of a column of [`lake_schema`].
pub fn spelled(lower: &str) -> Option<&'static str> {
    if lower == EVENT_JSON.to_lowercase() {
        return Some(EVENT_JSON);
    }
    if lower == EVENT_JSON_CHECKSUM.to_lowercase() {
        return Some(EVENT_JSON_CHECKSUM);
    }
    members("")
        .map(|f| f.path)
        .find(|p| p.eq_ignore_ascii_case(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_names_are_unique() {
        for (i, field) in FIELDS.iter().enumerate() {
            if let Some((parent, _)) = field.path.rsplit_once('.') {
                assert!(
                    FIELDS[..i].iter().any(|f| f.path == parent),
                    "{}",
                    field.path
                );
            }
            assert!(
                !FIELDS[..i]
                    .iter()
                    .any(|f| f.path.eq_ignore_ascii_case(field.path))
            );
        }
    }

    #[test]
    fn the_lake_schema_nests() {
        let schema = lake_schema();
        let DataType::Struct(identity) = schema
            .field_with_name("useridentity")
            .expect("listed")
            .data_type()
            .clone()
        else {
            panic!("a struct")
        };
        assert!(identity.find("sessioncontext").is_some());
        assert_eq!(spelled("sourceipaddress"), Some("sourceIPAddress"));
    }
}
