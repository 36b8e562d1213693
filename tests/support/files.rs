//! Log files in every shape that Tarn takes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::corpus::Delivery;

/// The shapes of DESIGN.md, section 4, in which any record can be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    TrailGzip,
    Trail,
    Ndjson,
    Array,
    LookupEvents,
    EventBridge,
    Subscription,
    ResultCsv,
}

impl Shape {
    pub const ALL: [Self; 8] = [
        Self::TrailGzip,
        Self::Trail,
        Self::Ndjson,
        Self::Array,
        Self::LookupEvents,
        Self::EventBridge,
        Self::Subscription,
        Self::ResultCsv,
    ];

    /// The file's bytes.
    pub fn write(self, records: &[&[u8]]) -> Vec<u8> {
        let joined = |separator: &[u8]| records.join(separator);
        match self {
            Self::TrailGzip => gzipped(&Self::Trail.write(records)),
            Self::Trail => [b"{\"Records\":[", joined(b",").as_slice(), b"]}"].concat(),
            Self::Ndjson => [joined(b"\n").as_slice(), b"\n"].concat(),
            Self::Array => [b"[", joined(b",\n").as_slice(), b"]\n"].concat(),
            Self::LookupEvents => {
                let events: Vec<String> = records
                    .iter()
                    .map(|r| format!(r#"{{"EventId":"x","CloudTrailEvent":{}}}"#, quoted(r)))
                    .collect();
                format!(r#"{{"Events":[{}],"NextToken":"n"}}"#, events.join(",")).into_bytes()
            }
            Self::EventBridge => {
                let envelope = |record: &&[u8]| {
                    [
                        br#"{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":"#,
                        *record,
                        b"}\n",
                    ]
                    .concat()
                };
                records.iter().flat_map(envelope).collect()
            }
            Self::Subscription => {
                let events: Vec<String> = records
                    .iter()
                    .map(|r| format!(r#"{{"id":"1","timestamp":1,"message":{}}}"#, quoted(r)))
                    .collect();
                let text = format!(
                    r#"{{"messageType":"DATA_MESSAGE","logGroup":"g","logEvents":[{}]}}"#,
                    events.join(",")
                );
                text.into_bytes()
            }
            Self::ResultCsv => {
                let mut out = b"eventName,eventJson\n".to_vec();
                for record in records {
                    let text = String::from_utf8_lossy(record).replace('"', "\"\"");
                    out.extend_from_slice(format!("x,\"{text}\"\n").as_bytes());
                }
                out
            }
        }
    }
}

/// JSON text as a JSON string.
fn quoted(record: &[u8]) -> String {
    serde_json::to_string(&String::from_utf8_lossy(record)).expect("text is always JSON")
}

pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Writes one file of these deliveries.
pub fn write_file<'d>(
    path: &Path,
    shape: Shape,
    deliveries: impl IntoIterator<Item = &'d Delivery>,
) {
    let records: Vec<&[u8]> = deliveries.into_iter().map(|d| d.bytes.as_slice()).collect();
    let folder = path.parent().expect("files lie in folders");
    fs::create_dir_all(folder).expect("a folder");
    fs::write(path, shape.write(&records)).expect("a file");
}

/// Spreads the deliveries in their order over `n_files` files of a new folder,
/// each in the next shape. Returns the files.
pub fn write_folder(folder: &Path, deliveries: &[Delivery], n_files: usize) -> Vec<PathBuf> {
    let per_file = deliveries.len().div_ceil(n_files.max(1)).max(1);
    deliveries
        .chunks(per_file)
        .enumerate()
        .map(|(i, chunk)| {
            let path = folder.join(format!("part-{i:04}.log"));
            write_file(&path, Shape::ALL[i % Shape::ALL.len()], chunk);
            path
        })
        .collect()
}

/// A file that is written piece by piece, for sizes that memory should not hold.
pub fn gzip_writer(path: &Path) -> GzEncoder<File> {
    GzEncoder::new(File::create(path).expect("a file"), Compression::fast())
}
