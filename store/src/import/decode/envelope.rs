//! What a whole object is: an event, or an envelope around events.

use super::FileKind;
use super::members::{elements, members};
use super::sink::{Sink, Step};

/// How many envelopes inside envelopes are opened (a subscription record holds
/// messages, and a message can be an EventBridge event). More is no log.
const NESTING_MAX: u8 = 3;

/// The detail types of EventBridge that carry CloudTrail events end so.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>
const VIA_CLOUDTRAIL: &str = "via CloudTrail";

/// An object and where it came from.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it, or the envelope around it, begins in the uncompressed file.
    pub(super) offset: u64,
    /// The account that an envelope around it names.
    pub(super) account: Option<&'a str>,
    nesting: u8,
}

impl<'a> Object<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self {
            bytes,
            offset,
            account: None,
            nesting: 0,
        }
    }

    fn inside(&self, bytes: &'a [u8], account: Option<&'a str>) -> Self {
        Self {
            bytes,
            offset: self.offset,
            account: account.or(self.account),
            nesting: self.nesting + 1,
        }
    }
}

/// Whether a key says that an object is an event and no envelope.
pub(super) fn marks_an_event(key: &[u8]) -> bool {
    matches!(key, b"eventVersion" | b"eventTime" | b"eventID")
}

/// The members that tell envelopes apart.
#[derive(Default)]
struct Known<'a> {
    detail_type: Option<&'a [u8]>,
    detail: Option<&'a [u8]>,
    account: Option<&'a [u8]>,
    owner: Option<&'a [u8]>,
    message_type: Option<&'a [u8]>,
    log_events: Option<&'a [u8]>,
    message: Option<&'a [u8]>,
    cloud_trail_event: Option<&'a [u8]>,
    digest_start: bool,
    log_files: bool,
    hash_signature: bool,
    files: bool,
}

impl<'a> Known<'a> {
    /// None when the object is an event.
    fn of(object: &'a [u8]) -> Option<Self> {
        let mut known = Self::default();
        for (key, value) in members(object) {
            match key {
                b"detail-type" => known.detail_type = Some(value),
                b"detail" => known.detail = Some(value),
                b"account" => known.account = Some(value),
                b"owner" => known.owner = Some(value),
                b"messageType" => known.message_type = Some(value),
                b"logEvents" => known.log_events = Some(value),
                b"message" => known.message = Some(value),
                b"CloudTrailEvent" => known.cloud_trail_event = Some(value),
                b"digestStartTime" => known.digest_start = true,
                b"logFiles" => known.log_files = true,
                b"hashSignature" => known.hash_signature = true,
                b"files" => known.files = true,
                key if marks_an_event(key) => return None,
                _ => {}
            }
        }
        Some(known)
    }
}

/// Hands on the events of an object and says what it was. Objects that hold no
/// events by design (digests, signatures) are left to the caller.
pub(super) fn open(object: Object<'_>, sink: &mut Sink<'_>) -> Step<FileKind> {
    let known = match Known::of(object.bytes) {
        Some(known) if object.nesting < NESTING_MAX => known,
        _ => {
            sink.record(object.bytes, object.offset, object.account)?;
            return Ok(FileKind::Events);
        }
    };
    if let (Some(detail_type), Some(detail)) = (known.detail_type, known.detail) {
        let account = known.account.and_then(text);
        let detail = object.inside(detail, account.as_deref());
        event_bridge(detail_type, detail, object, sink)?;
        return Ok(FileKind::EventBridge);
    }
    if let Some(log_events) = known.log_events {
        if known.message_type.and_then(text).as_deref() == Some("CONTROL_MESSAGE") {
            sink.control_messages += 1;
            return Ok(FileKind::CloudWatchLogs);
        }
        let owner = known.owner.and_then(text);
        for element in elements(log_events) {
            let message = members(element).find(|(key, _)| *key == b"message");
            match message {
                Some((_, message)) => {
                    let element = object.inside(element, owner.as_deref());
                    unescaped(message, element, sink)?;
                }
                None => {
                    let reason = "a log event without a message".to_owned();
                    sink.reject(element, object.offset, reason)?;
                }
            }
        }
        return Ok(FileKind::CloudWatchLogs);
    }
    if let Some(event) = known.cloud_trail_event {
        unescaped(event, object, sink)?;
        return Ok(FileKind::LookupEvents);
    }
    if known.digest_start && known.log_files {
        return Ok(FileKind::Digest);
    }
    if known.hash_signature && known.files {
        return Ok(FileKind::ResultSignature);
    }
    if let Some(message) = known.message.filter(|m| m.starts_with(b"\"")) {
        unescaped(message, object, sink)?;
        return Ok(FileKind::CloudWatchLogs);
    }
    sink.record(object.bytes, object.offset, object.account)?;
    Ok(FileKind::Events)
}

fn event_bridge(
    detail_type: &[u8],
    detail: Object<'_>,
    envelope: Object<'_>,
    sink: &mut Sink<'_>,
) -> Step<()> {
    let detail_type = text(detail_type).unwrap_or_default();
    if !detail_type.ends_with(VIA_CLOUDTRAIL) {
        let reason =
            format!("an EventBridge event of type {detail_type:?}, not \"… {VIA_CLOUDTRAIL}\"");
        return sink.reject(envelope.bytes, envelope.offset, reason);
    }
    if !detail.bytes.starts_with(b"{") {
        let reason = "an EventBridge event whose detail is not an object".to_owned();
        return sink.reject(envelope.bytes, envelope.offset, reason);
    }
    sink.record(detail.bytes, detail.offset, detail.account)
}

/// Takes the event that a JSON string holds; `around` is the object that the
/// string is a member of.
fn unescaped(string: &[u8], around: Object<'_>, sink: &mut Sink<'_>) -> Step<()> {
    let Some(event) = text(string) else {
        let reason = "the event inside is not a readable JSON string".to_owned();
        return sink.reject(around.bytes, around.offset, reason);
    };
    let event = event.trim().as_bytes();
    if !event.starts_with(b"{") {
        let reason = "the message inside is not an event".to_owned();
        return sink.reject(around.bytes, around.offset, reason);
    }
    open(around.inside(event, None), sink)?;
    Ok(())
}

/// The text of a JSON string.
fn text(value: &[u8]) -> Option<String> {
    serde_json::from_slice(value).ok()
}
