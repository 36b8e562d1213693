//! The bytes of a stored event: where it came from, then the record as delivered.

use super::keys::{push_text, read_text};

/// Where a record came from and when it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Provenance {
    pub import: u64,
    /// The file, as a number of the `sources` family.
    pub source: u64,
    /// The record's place in the file, counted from 0.
    pub position: u32,
    /// Milliseconds since 1970 UTC.
    pub arrived_ms: i64,
}

/// The value of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    pub provenance: Provenance,
    /// The record's own bytes.
    pub record: Vec<u8>,
}

/// A pushed event: its key is not made before it is sealed, so the value holds
/// what the key will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailEvent {
    pub time_ms: i64,
    pub account: String,
    pub event: StoredEvent,
}

/// Value bytes that no writer of ours made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored value of {length} bytes does not read as an event")]
pub struct BadValue {
    pub length: usize,
}

/// The first byte of every value: a reader knows what it does not know.
const VERSION: u8 = 1;
const HEADER: usize = 1 + 8 + 8 + 4 + 8;

impl StoredEvent {
    pub fn encode(provenance: &Provenance, record: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(HEADER + record.len());
        value.push(VERSION);
        value.extend_from_slice(&provenance.import.to_be_bytes());
        value.extend_from_slice(&provenance.source.to_be_bytes());
        value.extend_from_slice(&provenance.position.to_be_bytes());
        value.extend_from_slice(&provenance.arrived_ms.to_be_bytes());
        value.extend_from_slice(record);
        value
    }

    pub fn decode(value: &[u8]) -> Result<Self, BadValue> {
        let bad = || BadValue {
            length: value.len(),
        };
        let (version, rest) = value.split_first().ok_or_else(bad)?;
        if *version != VERSION {
            return Err(bad());
        }
        let (import, rest) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
        let (source, rest) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
        let (position, rest) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
        let (arrived, record) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
        Ok(Self {
            provenance: Provenance {
                import: u64::from_be_bytes(*import),
                source: u64::from_be_bytes(*source),
                position: u32::from_be_bytes(*position),
                arrived_ms: i64::from_be_bytes(*arrived),
            },
            record: record.to_vec(),
        })
    }
}

impl TailEvent {
    pub fn encode(&self) -> Vec<u8> {
        let mut value = self.time_ms.to_be_bytes().to_vec();
        push_text(&mut value, &self.account);
        value.extend(StoredEvent::encode(
            &self.event.provenance,
            &self.event.record,
        ));
        value
    }

    pub fn decode(value: &[u8]) -> Result<Self, BadValue> {
        let bad = || BadValue {
            length: value.len(),
        };
        let (time, rest) = value.split_first_chunk::<8>().ok_or_else(bad)?;
        let (account, rest) = read_text(rest).ok_or_else(bad)?;
        Ok(Self {
            time_ms: i64::from_be_bytes(*time),
            account,
            event: StoredEvent::decode(rest)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back() {
        let provenance = Provenance {
            import: 3,
            source: 9,
            position: 12,
            arrived_ms: -4,
        };
        let bytes = StoredEvent::encode(&provenance, b"{}");
        let event = StoredEvent::decode(&bytes).expect("own value");
        assert_eq!(
            (event.provenance, event.record.as_slice()),
            (provenance, &b"{}"[..])
        );
        assert!(StoredEvent::decode(&bytes[..20]).is_err());
        assert!(StoredEvent::decode(&[9; 40]).is_err(), "an unknown version");
        let tail = TailEvent {
            time_ms: 5,
            account: "1".into(),
            event,
        };
        assert_eq!(TailEvent::decode(&tail.encode()), Ok(tail));
    }
}
