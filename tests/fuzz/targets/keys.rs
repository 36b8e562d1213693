//! Keys and values as RocksDB holds them: what is written reads back, bytes sort
//! as values do, and bytes that read are the only ones for their value.

use std::collections::VecDeque;

use tarn_store::kv::keys::{EventKey, event_range, push_text, read_text, store_end};
use tarn_store::kv::value::{Provenance, StoredEvent, TailEvent};
use tarn_store::path::FieldPath;
use tarn_store::{StoreId, TimeRange};

/// The numbers and texts of a key, out of bytes.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut taken = [0; N];
        let n = N.min(self.0.len());
        taken[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        taken
    }

    fn text(&mut self) -> String {
        let [length] = self.take();
        let n = usize::from(length % 16).min(self.0.len());
        let (text, rest) = self.0.split_at(n);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn key(&mut self) -> EventKey {
        // Few stores and batches, so that keys agree in them.
        let [store, batch] = self.take();
        EventKey {
            store: StoreId(u32::from(store % 3)),
            time_ms: match store & 4 {
                0 => i64::from_be_bytes(self.take()),
                _ => i64::from(i8::from_be_bytes(self.take())),
            },
            account: self.text(),
            batch: match batch & 4 {
                0 => u64::from_be_bytes(self.take()),
                _ => u64::from(batch % 3),
            },
            ordinal: u32::from_be_bytes(self.take()),
        }
    }
}

/// See the module.
pub fn run(input: &[u8]) {
    any_bytes(input);
    let mut bytes = Bytes(input);
    let mut keys = VecDeque::new();
    while !bytes.0.is_empty() && keys.len() < 8 {
        keys.push_back(bytes.key());
    }
    while let Some(key) = keys.pop_front() {
        let encoded = key.encode();
        assert_eq!(EventKey::decode(&encoded).as_ref(), Ok(&key));
        for other in &keys {
            let order = encoded.cmp(&other.encode());
            assert_eq!(order, key.cmp(other), "{key:?} {other:?}");
            range(&key, other);
        }
        assert!(encoded < store_end(key.store));
    }
}

/// The keys of a range of times are those between its bounds.
fn range(key: &EventKey, other: &EventKey) {
    let time = TimeRange {
        start_ms: key.time_ms.min(other.time_ms),
        end_ms: key.time_ms.max(other.time_ms),
    };
    let (start, end) = event_range(key.store, time);
    let encoded = key.encode();
    // The end of all times is no time of an event that is left out.
    let is_before_end = key.time_ms < time.end_ms || time.end_ms == i64::MAX;
    assert_eq!(
        start <= encoded && encoded < end,
        is_before_end,
        "{key:?} {time:?}"
    );
}

/// What reads is written back as it was.
fn any_bytes(input: &[u8]) {
    if let Ok(key) = EventKey::decode(input) {
        assert_eq!(key.encode(), input);
    }
    if let Ok(event) = StoredEvent::decode(input) {
        assert_eq!(StoredEvent::encode(&event.provenance, &event.record), input);
    }
    if let Ok(event) = TailEvent::decode(input) {
        assert_eq!(event.encode(), input);
    }
    if let Some((text, rest)) = read_text(input) {
        let mut written = Vec::new();
        push_text(&mut written, &text);
        assert_eq!([written.as_slice(), rest].concat(), input);
    }
    let mut bytes = Bytes(input);
    let event = TailEvent {
        time_ms: i64::from_be_bytes(bytes.take()),
        account: bytes.text(),
        event: StoredEvent {
            provenance: Provenance {
                import: u64::from_be_bytes(bytes.take()),
                source: u64::from_be_bytes(bytes.take()),
                position: u32::from_be_bytes(bytes.take()),
                arrived_ms: i64::from_be_bytes(bytes.take()),
            },
            record: bytes.0.to_vec(),
        },
    };
    assert_eq!(TailEvent::decode(&event.encode()), Ok(event));
    let text = String::from_utf8_lossy(input);
    let path = FieldPath::parse(&text);
    assert_eq!(FieldPath::parse(&path.to_string()), path, "{text:?}");
    let key = FieldPath::of_keys(["requestParameters", text.as_ref()]);
    assert_eq!(FieldPath::parse(&key.to_string()), key, "{text:?}");
}
