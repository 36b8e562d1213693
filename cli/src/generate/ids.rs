//! Ids, keys and addresses, appended to byte buffers.
//!
//! Each is a pure function of a seed, so an id is never stored: whoever knows the seed of a
//! thing writes the same id again. None can be taken for somebody's: access keys and
//! principal ids carry `TARN`, addresses are reserved for documentation or private use.

use super::random::Rng;

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const UPPER: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends a number in decimal.
pub fn push_number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends the lowest `digits` (at most 16) hexadecimal digits of `n`.
pub fn push_hex(out: &mut Vec<u8>, n: u64, digits: u32) {
    for place in (0..digits.min(16)).rev() {
        out.push(HEX[(n >> (4 * place)) as usize & 15]);
    }
}

/// Appends `digits` hexadecimal digits of a seed's own, however many.
pub fn push_long_hex(out: &mut Vec<u8>, seed: u64, digits: u32) {
    let mut rng = Rng::new(seed);
    let mut left = digits;
    while left > 0 {
        push_hex(out, rng.next(), left.min(16));
        left -= left.min(16);
    }
}

/// Appends a version 4 UUID.
pub fn push_uuid(out: &mut Vec<u8>, seed: u64) {
    let mut rng = Rng::new(seed);
    push_uuid_of(out, rng.next(), rng.next());
}

/// Appends a version 4 UUID whose 60 highest and 62 lowest bits are given.
pub fn push_uuid_of(out: &mut Vec<u8>, high: u64, low: u64) {
    push_hex(out, high >> 32, 8);
    out.push(b'-');
    push_hex(out, high >> 16, 4);
    out.extend_from_slice(b"-4");
    push_hex(out, high, 3);
    out.push(b'-');
    out.push(b"89ab"[(low >> 60) as usize & 3]);
    push_hex(out, low >> 48, 3);
    out.push(b'-');
    push_hex(out, low, 12);
}

/// Appends `count` characters of A–Z and 2–7, as in access keys.
pub fn push_base32(out: &mut Vec<u8>, seed: u64, count: u32) {
    push_from(out, seed, count, 12, |n| BASE32[n as usize & 31], 5);
}

/// Appends `count` characters of base64, without padding.
pub fn push_base64(out: &mut Vec<u8>, seed: u64, count: u32) {
    push_from(out, seed, count, 10, |n| BASE64[n as usize & 63], 6);
}

/// Appends `count` characters of A–Z and 0–9, as in S3 request ids and log file names.
pub fn push_upper(out: &mut Vec<u8>, seed: u64, count: u32) {
    push_from(out, seed, count, 8, |n| UPPER[(n & 255) as usize % 36], 8);
}

fn push_from(
    out: &mut Vec<u8>,
    seed: u64,
    count: u32,
    per_number: u32,
    letter: impl Fn(u64) -> u8,
    bits: u32,
) {
    let mut rng = Rng::new(seed);
    let mut n = 0;
    for i in 0..count {
        if i % per_number == 0 {
            n = rng.next();
        }
        out.push(letter(n));
        n >>= bits;
    }
}

/// An access key id of the right shape that says what it is: `AKIATARN` for a long-term
/// key, `ASIATARN` for a session's, then 12 characters.
pub fn push_access_key(out: &mut Vec<u8>, long_term: bool, seed: u64) {
    out.extend_from_slice(if long_term { b"AKIATARN" } else { b"ASIATARN" });
    push_base32(out, seed, 12);
}

/// [`push_access_key`] as a string.
pub fn access_key(long_term: bool, seed: u64) -> String {
    let mut out = Vec::with_capacity(20);
    push_access_key(&mut out, long_term, seed);
    ascii(out)
}

/// A principal's unique id: `AIDA`, `AROA` …, then `TARN` and 13 characters.
pub fn principal_id(prefix: &str, seed: u64) -> String {
    let mut out = Vec::with_capacity(21);
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(b"TARN");
    push_base32(&mut out, seed, 13);
    ascii(out)
}

/// Appends an address of a network that is reserved for documentation: 192.0.2.0/24,
/// 198.51.100.0/24 or the lower half of 203.0.113.0/24 (the upper is the incident's).
///
/// **Source:** RFC 5737.
pub fn push_address(out: &mut Vec<u8>, seed: u64) {
    let mut rng = Rng::new(seed);
    let (network, high) = match rng.below(5) {
        0 | 1 => ("192.0.2.", 254),
        2 | 3 => ("198.51.100.", 254),
        _ => ("203.0.113.", 126),
    };
    out.extend_from_slice(network.as_bytes());
    push_number(out, rng.between(1, high));
}

/// Appends an address of 10.0.0.0/8 or 172.16.0.0/12.
pub fn push_private_address(out: &mut Vec<u8>, seed: u64) {
    let mut rng = Rng::new(seed);
    if rng.permille(700) {
        out.extend_from_slice(b"10.");
        push_number(out, rng.below(64));
    } else {
        out.extend_from_slice(b"172.");
        push_number(out, rng.between(16, 31));
    }
    for _ in 0..2 {
        out.push(b'.');
        push_number(out, rng.between(1, 254));
    }
}

/// A string of what the functions above have appended, which is ASCII only.
pub fn ascii(bytes: Vec<u8>) -> String {
    bytes.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        ascii(out)
    }

    #[test]
    fn ids_have_their_shape() {
        assert_eq!(text(|out| push_hex(out, 0xAB, 4)), "00ab");
        assert_eq!(text(|out| push_number(out, 0)), "0");
        assert_eq!(text(|out| push_number(out, u64::MAX)), u64::MAX.to_string());
        let uuid = text(|out| push_uuid(out, 5));
        let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        let key = access_key(true, 7);
        assert_eq!((key.len(), &key[..8]), (20, "AKIATARN"));
        assert_eq!(principal_id("AROA", 7).len(), 21);
    }

    #[test]
    fn the_incidents_addresses_are_nobody_elses() {
        for seed in 0..10_000 {
            let address: std::net::Ipv4Addr = text(|out| push_address(out, seed)).parse().unwrap();
            assert!(address.is_documentation());
            let [first, .., last] = address.octets();
            assert!(first != 203 || last < 128);
            let private: std::net::Ipv4Addr =
                text(|out| push_private_address(out, seed)).parse().unwrap();
            assert!(private.is_private());
        }
    }
}
