//! Order-preserving key bytes.
//!
//! Text in keys is escaped (`00` becomes `00 FF`, the end is `00 00`), so that
//! any account id that public logs hold (`...`, none, 12 digits) sorts as text
//! and no key is the prefix of another. Times are `i64` with the sign bit
//! turned over, numbers big-endian.

use crate::scan::{StoreId, TimeRange};

/// Where an event lies in RocksDB: store, time, account, then what makes it
/// unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    pub store: StoreId,
    pub time_ms: i64,
    pub account: String,
    pub batch: u64,
    pub ordinal: u32,
}

/// Key bytes that no writer of ours made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key of {length} bytes does not read as {expected}")]
pub struct BadKey {
    pub expected: &'static str,
    pub length: usize,
}

impl EventKey {
    pub fn encode(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(4 + 8 + self.account.len() + 2 + 12);
        key.extend_from_slice(&self.store.0.to_be_bytes());
        key.extend_from_slice(&ordered_i64(self.time_ms));
        push_text(&mut key, &self.account);
        key.extend_from_slice(&self.batch.to_be_bytes());
        key.extend_from_slice(&self.ordinal.to_be_bytes());
        key
    }

    pub fn decode(key: &[u8]) -> Result<Self, BadKey> {
        let bad = || BadKey {
            expected: "an event's",
            length: key.len(),
        };
        let (store, rest) = key.split_first_chunk::<4>().ok_or_else(bad)?;
        let (time, rest) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
        let (account, rest) = read_text(rest).ok_or_else(bad)?;
        let (batch, rest) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
        let ordinal: &[u8; 4] = rest.try_into().map_err(|_| bad())?;
        Ok(Self {
            store: StoreId(u32::from_be_bytes(*store)),
            time_ms: read_ordered_i64(*time),
            account,
            batch: u64::from_be_bytes(*batch),
            ordinal: u32::from_be_bytes(*ordinal),
        })
    }
}

/// The keys of a store's events in a time range: from the first up to but not
/// including the second.
pub fn event_range(store: StoreId, time: TimeRange) -> (Vec<u8>, Vec<u8>) {
    let bound = |time_ms: i64| {
        let mut key = store.0.to_be_bytes().to_vec();
        key.extend_from_slice(&ordered_i64(time_ms));
        key
    };
    let end = match time.end_ms {
        i64::MAX => store_end(store),
        end_ms => bound(end_ms),
    };
    (bound(time.start_ms), end)
}

/// The first key after everything of a store.
pub fn store_end(store: StoreId) -> Vec<u8> {
    store.0.saturating_add(1).to_be_bytes().to_vec()
}

fn ordered_i64(value: i64) -> [u8; 8] {
    ((value as u64) ^ (1 << 63)).to_be_bytes()
}

fn read_ordered_i64(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
}

/// Appends text so that order is kept and the end is known.
pub fn push_text(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(0xFF);
        }
    }
    key.extend_from_slice(&[0, 0]);
}

/// Reads what [`push_text`] wrote, and what follows it.
pub fn read_text(key: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::new();
    let mut at = 0;
    loop {
        match (key.get(at)?, key.get(at + 1)) {
            (0, Some(0)) => {
                let rest = key.get(at + 2..)?;
                return Some((String::from_utf8(text).ok()?, rest));
            }
            (0, Some(0xFF)) => {
                text.push(0);
                at += 2;
            }
            (0, _) => return None,
            (byte, _) => {
                text.push(*byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(time_ms: i64, account: &str, batch: u64, ordinal: u32) -> EventKey {
        EventKey {
            store: StoreId(7),
            time_ms,
            account: account.into(),
            batch,
            ordinal,
        }
    }

    #[test]
    fn order_is_kept_and_keys_read_back() {
        let mut keys = vec![
            key(i64::MIN, "", 0, 0),
            key(-1, "...", 1, 1),
            key(0, "", 9, 0),
            key(0, "a", 0, 0),
            key(0, "a\0", 0, 0),
            key(0, "a\0b", 0, 0),
            key(0, "ab", 0, 0),
            key(0, "ab", 0, 1),
            key(0, "ab", 1, 0),
            key(i64::MAX, "YOUR_ACCOUNT_ID", u64::MAX, u32::MAX),
        ];
        keys.sort();
        let encoded: Vec<_> = keys.iter().map(EventKey::encode).collect();
        assert!(encoded.is_sorted());
        for (key, bytes) in keys.iter().zip(&encoded) {
            assert_eq!(&EventKey::decode(bytes).expect("own key"), key);
            assert!(EventKey::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn ranges_are_half_open() {
        let range = TimeRange {
            start_ms: -5,
            end_ms: 10,
        };
        let (start, end) = event_range(StoreId(7), range);
        let inside = |time_ms| {
            let key = key(time_ms, "zz", u64::MAX, u32::MAX).encode();
            start <= key && key < end
        };
        assert!(!inside(-6) && inside(-5) && inside(9) && !inside(10));
        let (_, end) = event_range(StoreId(7), TimeRange::ALL);
        assert!(key(i64::MAX, "z", 1, 1).encode() < end);
    }
}
