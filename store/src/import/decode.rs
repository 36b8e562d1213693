//! Turns a file into records: unpacks it, finds out what it is, and cuts it.
//!
//! What a file is, is told by its bytes and never by its name, because exports,
//! renamed copies and concatenations are as common as CloudTrail's own files.
//! Everything streams through one buffer, so a file of any size passes in the
//! memory of its longest record. A record is cut out and not parsed: its bytes
//! go on exactly as delivered, and whether they are good JSON is the next
//! step's question.
//!
//! | shape | recognised by | records are |
//! |---|---|---|
//! | trail log file | an object with a `Records` array | its elements |
//! | events, one or many, on lines or over lines | objects one after another | the objects |
//! | JSON array | `[` | its elements |
//! | `aws cloudtrail lookup-events` | an object with an `Events` array, or its elements | the unescaped `CloudTrailEvent` strings |
//! | EventBridge | `detail-type` and `detail` | `detail` |
//! | CloudWatch Logs | `logEvents`, an `events` array of messages, or lines that begin with a time | the unescaped messages |
//! | results of CloudTrail Lake or Athena | CSV with an `eventJson` column | that column |
//! | digests, Config deliveries, result signatures | their keys | none: not event logs |
//!
//! Each may be gzip (several members, twice over), begin with a byte order mark,
//! and be mixed with the others object by object.

mod envelope;
mod foreign;
mod gunzip;
mod log_records;
mod members;
mod repair;
mod result_csv;
mod sink;
mod split;
mod walk;
mod window;

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::ControlFlow;

use walk::{Halt, Walk};
use window::Window;

/// What is known of a file apart from its content.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceHints<'a> {
    /// The account in the file's path.
    pub account: Option<&'a str>,
}

/// How much one file may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeLimits {
    /// The longest record in bytes; a longer one becomes a reject. CloudTrail's
    /// own limit is 1 MB. Bounds the memory of decoding at about this much.
    pub record_bytes_max: usize,
    /// How many of a reject's bytes are kept.
    pub reject_bytes_max: usize,
    /// The longest file, in uncompressed bytes.
    pub expanded_bytes_max: u64,
    /// The highest ratio of uncompressed to stored bytes of a gzip file beyond
    /// 16 MiB. One record repeated for ever reaches about 170 (a deflate match
    /// spans 258 bytes and takes 12 bits), one byte repeated reaches 1,030.
    pub expansion_ratio_max: u64,
    /// Whether [`Decoded::content_sha256`] is computed.
    pub hash_content: bool,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            record_bytes_max: 16 << 20,
            reject_bytes_max: 64 << 10,
            expanded_bytes_max: 1 << 40,
            expansion_ratio_max: 400,
            hash_content: true,
        }
    }
}

/// What decoding finds, in the order of the file.
#[derive(Debug)]
pub enum Item<'a> {
    /// One record, not yet looked into.
    Record {
        /// From its `{` to where its brackets close, as delivered; of the string in
        /// an envelope all that follows, be it a record or not.
        bytes: &'a [u8],
        /// The ordinal of the item in its file, counted from 0 over records and
        /// rejects alike.
        position: u32,
        /// Where it, or the envelope or row around it, begins in the uncompressed
        /// file.
        byte_offset: u64,
        /// The account that the record's envelope names, else the one of
        /// [`SourceHints`]: it stands where the record names none itself.
        account: Option<&'a str>,
    },
    /// Bytes that are no record.
    Reject {
        /// The bytes, at most [`DecodeLimits::reject_bytes_max`] of them. Empty
        /// where a file ends early between two records.
        bytes: &'a [u8],
        /// As of a record.
        position: u32,
        /// Where they begin in the uncompressed file.
        byte_offset: u64,
        reason: String,
    },
}

/// What a file turned out to be: the shape of the first thing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Nothing in it.
    Empty,
    /// `{"Records": […]}`, as trails deliver.
    TrailLog,
    /// Bare events one after another: NDJSON, a single one, or concatenated.
    Events,
    /// A JSON array of events.
    EventArray,
    /// Output of `aws cloudtrail lookup-events`.
    LookupEvents,
    /// EventBridge envelopes.
    EventBridge,
    /// CloudWatch Logs: subscription records, exported lines or filtered events.
    CloudWatchLogs,
    /// The CSV of a query's results with an `eventJson` column.
    ResultCsv,
    /// A digest file of log file integrity validation; see [`Decoded::digest`].
    Digest,
    /// A configuration history or snapshot that AWS Config delivered.
    ConfigDelivery,
    /// The signature beside saved query results (`result_sign.json`).
    ResultSignature,
}

impl FileKind {
    /// Whether files of this kind hold events at all.
    pub fn is_event_log(self) -> bool {
        !matches!(
            self,
            Self::Digest | Self::ConfigDelivery | Self::ResultSignature
        )
    }
}

/// The end of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub kind: FileKind,
    pub records: u64,
    pub rejects: u64,
    /// Things that are neither events nor damage: the test messages that
    /// CloudWatch Logs sends to a new destination.
    pub control_messages: u64,
    /// Uncompressed bytes read.
    pub bytes: u64,
    /// Bytes read of the stored file.
    pub stored_bytes: u64,
    /// The SHA-256 of the uncompressed bytes, which is what a digest file states
    /// for a log file. None when not asked for, or the file was not read whole.
    pub content_sha256: Option<[u8; 32]>,
    /// The digest, when the file is one.
    pub digest: Option<Vec<u8>>,
    /// The sink asked to stop before the end.
    pub stopped: bool,
}

/// Why a file could not be taken, or not to its end. Items that came before
/// stand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    #[error("cannot be read: {source}")]
    Read {
        #[source]
        source: io::Error,
    },
    /// Not a shape that holds events.
    #[error("not a CloudTrail log: {seen}")]
    Unrecognised { seen: String },
    #[error(
        "a CSV without an eventJson column (its columns are {columns}); \
         query results can be imported when they select eventJson"
    )]
    NoEventJson { columns: String },
    /// Nothing of it can be unpacked.
    #[error("{reason}, before its first byte")]
    Damaged { reason: String },
    #[error(
        "expands too far: {stored} stored bytes became {expanded} \
         (limits: {bytes_max} bytes, {ratio_max} times the stored ones)"
    )]
    Expands {
        stored: u64,
        expanded: u64,
        bytes_max: u64,
        ratio_max: u64,
    },
    #[error("more than {} records in one file", u32::MAX)]
    TooManyRecords,
}

impl DecodeError {
    /// Whether the file was read well and is simply something else.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Unrecognised { .. } | Self::NoEventJson { .. })
    }

    fn at_start(source: io::Error) -> Self {
        if window::is_damage(&source) {
            Self::Damaged {
                reason: source.to_string(),
            }
        } else {
            Self::Read { source }
        }
    }
}

/// Reads a file of any accepted shape and hands its records to `sink`.
///
/// `Break` from the sink ends the reading ([`Decoded::stopped`]).
///
/// **Cost**: one buffer of 64 KiB that grows to the longest record, two of
/// the same for gzip. Cutting runs at several GB/s, so inflating dominates.
///
/// **Errors**: what cannot be read or is no CloudTrail log at all. Damage inside
/// a file is a reject and not an error.
pub fn decode(
    reader: &mut dyn Read,
    hints: SourceHints<'_>,
    limits: &DecodeLimits,
    sink: &mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
) -> Result<Decoded, DecodeError> {
    let stored = Cell::new(0);
    let window = Window::open(reader, &stored, limits)?;
    let mut walk = Walk::new(window, hints, limits.reject_bytes_max, sink);
    let stopped = match walk.run() {
        Ok(()) => false,
        Err(Halt::Stopped) => true,
        Err(Halt::Failed(error)) => return Err(error),
    };
    Ok(walk.finish(&stored, stopped))
}

#[cfg(test)]
mod tests;
