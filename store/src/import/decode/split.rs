//! Finds where a JSON value ends, without reading what is in it.
//!
//! Import hands the parser whole records, so a file is first cut at record
//! ends. All that takes is the depth of brackets outside strings: 64 bytes at a
//! time become bit masks of quotes, backslashes and brackets, and most blocks
//! are done with two bit counts (the method of simdjson, Langdale and Lemire
//! 2019, §3.1). Brackets are counted, not paired: whether the value is good JSON
//! is the parser's question, and bytes that are not UTF-8 pass as they are.

const BLOCK: usize = 64;

/// The bits of one block: bit `i` stands for byte `i`.
#[derive(Debug, PartialEq, Eq, Clone, Copy, Default)]
struct Masks {
    quote: u64,
    backslash: u64,
    open: u64,
    close: u64,
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn masks(block: &[u8; BLOCK]) -> Masks {
    // SAFETY: SSE2 is part of every x86_64.
    unsafe { masks_by_sse2(block) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn masks_by_sse2(block: &[u8; BLOCK]) -> Masks {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    #[inline]
    #[target_feature(enable = "sse2")]
    fn is(v: __m128i, byte: u8) -> u64 {
        u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(byte as i8))) as u16)
    }
    let mut out = Masks::default();
    let (lanes, _) = block.as_chunks::<16>();
    for (i, lane) in lanes.iter().enumerate() {
        let lane = u128::from_le_bytes(*lane);
        let v = _mm_set_epi64x((lane >> 64) as i64, lane as i64);
        // `[` and `{` differ in this bit only, and so do `]` and `}`.
        let brackets = _mm_or_si128(v, _mm_set1_epi8(0x20));
        let shift = i * 16;
        out.quote |= is(v, b'"') << shift;
        out.backslash |= is(v, b'\\') << shift;
        out.open |= is(brackets, b'{') << shift;
        out.close |= is(brackets, b'}') << shift;
    }
    out
}

#[cfg(not(target_arch = "x86_64"))]
use masks_by_word as masks;

/// The same on any machine, eight bytes at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn masks_by_word(block: &[u8; BLOCK]) -> Masks {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let is = |word: u64, byte: u8| -> u64 {
        let x = word ^ (LOW * u64::from(byte));
        // The high bit of each zero byte, exactly (no borrow between bytes).
        let zero = !(((x & SEVEN) + SEVEN) | x | SEVEN);
        // Gathers the eight high bits into the low byte, first byte lowest.
        (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    let mut out = Masks::default();
    let (words, _) = block.as_chunks::<8>();
    for (i, bytes) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*bytes);
        let brackets = word | (LOW * 0x20);
        let shift = i * 8;
        out.quote |= is(word, b'"') << shift;
        out.backslash |= is(word, b'\\') << shift;
        out.open |= is(brackets, b'{') << shift;
        out.close |= is(brackets, b'}') << shift;
    }
    out
}

/// The depth and string state between two pieces of one object or array.
/// The first byte fed is its opening bracket.
#[derive(Debug, Clone, Default)]
pub(super) struct Depth {
    depth: usize,
    /// All ones inside a string, else zero.
    in_string: u64,
    /// One when the next byte is escaped.
    escaped: u64,
}

impl Depth {
    /// Whether the next byte is inside a string.
    pub(super) fn in_string(&self) -> bool {
        self.in_string != 0
    }

    /// Takes the next bytes; `Some(n)` when the value ends with the `n`-th of
    /// them (the rest is not looked at).
    #[inline]
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (i, block) in blocks.iter().enumerate() {
            if let Some(n) = self.block(block, BLOCK) {
                return Some(i * BLOCK + n);
            }
        }
        if rest.is_empty() {
            return None;
        }
        let mut padded = [b' '; BLOCK];
        for (to, from) in padded.iter_mut().zip(rest) {
            *to = *from;
        }
        self.block(&padded, rest.len())
            .map(|n| blocks.len() * BLOCK + n)
    }

    /// One block, of which the first `len` bytes (1 to 64) count.
    #[inline(always)]
    fn block(&mut self, block: &[u8; BLOCK], len: usize) -> Option<usize> {
        let m = masks(block);
        let escaped = self.escaped_bytes(m.backslash, len);
        let inside = prefix_xor(m.quote & !escaped) ^ self.in_string;
        self.in_string = ((inside >> (BLOCK - 1)) & 1).wrapping_neg();
        let open = m.open & !inside;
        let close = m.close & !inside;
        let closing = close.count_ones() as usize;
        if self.depth > closing {
            self.depth = self.depth + open.count_ones() as usize - closing;
            return None;
        }
        let mut both = open | close;
        while both != 0 {
            let bit = both.trailing_zeros();
            both &= both - 1;
            if (open >> bit) & 1 == 1 {
                self.depth += 1;
            } else {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Some(bit as usize + 1);
                }
            }
        }
        None
    }

    /// The bytes that a backslash before them escapes.
    #[inline(always)]
    fn escaped_bytes(&mut self, backslash: u64, len: usize) -> u64 {
        if backslash == 0 {
            return std::mem::take(&mut self.escaped);
        }
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        // A run of backslashes escapes every second byte, its own included; the
        // subtraction carries each run's parity to the byte after it.
        let starts = backslash & !self.escaped;
        let maybe = (starts << 1) | ODD;
        let code = maybe.wrapping_sub(starts) ^ ODD;
        let escaped = code ^ (backslash | self.escaped);
        let escapes = code & backslash;
        self.escaped = (escapes >> (len - 1)) & 1;
        escaped
    }
}

/// Bit `i` of the result is the parity of bits `0..=i`.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ (bits << 32)
}

/// Where values end in relation to lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// A line end has no meaning: inside one large document.
    Ignored,
    /// The file is a sequence of values, commonly one a line. A line end that
    /// cannot be inside good JSON shows that the value before it is cut off, so
    /// that one bad line does not swallow the good ones after it.
    Watched,
}

/// What a look for a value's end found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The value has this many bytes.
    At(usize),
    /// It goes on after the bytes given.
    More,
    /// It is cut off by the line end before this place.
    CutOff(usize),
}

impl End {
    /// The same, when the bytes looked at began at `start`.
    pub(super) fn after(self, start: usize) -> Self {
        match self {
            Self::At(n) => Self::At(start + n),
            Self::More => Self::More,
            Self::CutOff(n) => Self::CutOff(start + n),
        }
    }
}

/// The search for the end of one object or array, over pieces of any size.
#[derive(Debug)]
pub(super) struct Search {
    depth: Depth,
    lines: Lines,
    /// The last byte that was not blank, kept to judge a line end.
    last: u8,
    /// The bytes taken so far end with a line end.
    at_line_start: bool,
}

impl Search {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            depth: Depth::default(),
            lines,
            last: b'{',
            at_line_start: false,
        }
    }

    /// Takes the next piece; places count from its start.
    #[inline]
    pub(super) fn feed(&mut self, piece: &[u8]) -> End {
        match self.lines {
            Lines::Ignored => match self.depth.feed(piece) {
                Some(n) => End::At(n),
                None => End::More,
            },
            Lines::Watched => self.feed_lines(piece),
        }
    }

    fn feed_lines(&mut self, piece: &[u8]) -> End {
        let mut at = 0;
        loop {
            let rest = piece.get(at..).unwrap_or_default();
            let Some(&first) = rest.first() else {
                return End::More;
            };
            if self.at_line_start && self.cut_off_before(first) {
                return End::CutOff(at);
            }
            self.at_line_start = false;
            let newline = memchr::memchr(b'\n', rest);
            let line = rest
                .get(..newline.map_or(rest.len(), |n| n + 1))
                .unwrap_or(rest);
            if let Some(n) = self.depth.feed(line) {
                return End::At(at + n);
            }
            if let Some(&last) = line.iter().rev().find(|b| !b.is_ascii_whitespace()) {
                self.last = last;
            }
            at += line.len();
            if newline.is_some() {
                if self.depth.in_string() {
                    return End::CutOff(at);
                }
                self.at_line_start = true;
            }
        }
    }

    /// Whether a line that begins with `first` cannot go on with the value: a
    /// value begins there although none can follow `last`.
    fn cut_off_before(&self, first: u8) -> bool {
        (first == b'{' || first.is_ascii_digit()) && !matches!(self.last, b'{' | b'[' | b',' | b':')
    }
}

/// The length of the value at the start of `bytes`, of whatever type.
/// A number or word at the end of the bytes counts as going on.
pub(super) fn value_end(bytes: &[u8], lines: Lines) -> End {
    match bytes.first() {
        None => End::More,
        Some(b'{' | b'[') => Search::new(lines).feed(bytes),
        Some(b'"') => string_end(bytes, lines),
        Some(_) => match bytes.iter().position(|b| ends_word(*b)) {
            Some(n) => End::At(n),
            None => End::More,
        },
    }
}

/// Whether a byte ends a number or a word.
fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b':' | b'"' | b'{' | b'[')
}

/// The length of the string whose opening quote is the first byte.
pub(super) fn string_end(bytes: &[u8], lines: Lines) -> End {
    let mut at = 1;
    let found = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => break None,
            Some(n) if rest.get(n) == Some(&b'"') => break Some(at + n + 1),
            Some(n) => at += n + 2,
        }
    };
    let string = bytes.get(..found.unwrap_or(bytes.len())).unwrap_or(bytes);
    match (lines, found) {
        (Lines::Watched, _) if memchr::memchr(b'\n', string).is_some() => {
            End::CutOff(memchr::memchr(b'\n', string).map_or(0, |n| n + 1))
        }
        (_, Some(n)) => End::At(n),
        (_, None) => End::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The obvious way, byte by byte.
    fn plain_end(bytes: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        for (i, b) in bytes.iter().enumerate() {
            let now_escaped = std::mem::take(&mut escaped);
            match b {
                b'\\' if !now_escaped => escaped = true,
                b'"' if !now_escaped => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(i + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// A small generator, so that the same bytes come on every run.
    fn noise(seed: &mut u64, alphabet: &[u8], len: usize) -> Vec<u8> {
        (0..len)
            .map(|_| {
                *seed ^= *seed << 13;
                *seed ^= *seed >> 7;
                *seed ^= *seed << 17;
                alphabet[(*seed % alphabet.len() as u64) as usize]
            })
            .collect()
    }

    #[test]
    fn ends_equal_the_plain_way_whatever_the_pieces() {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        for round in 0..4000_usize {
            let mut bytes = vec![b'{'];
            bytes.extend(noise(&mut seed, br#"{}[]"\\\\"ab, "#, 20 + round % 300));
            bytes.extend_from_slice(b"\"}]}]}]}]}");
            let expected = plain_end(&bytes);
            for size in [1, 7, 63, 64, 65, 200, 4096] {
                let mut search = Search::new(Lines::Ignored);
                let mut found = None;
                for (i, piece) in bytes.chunks(size).enumerate() {
                    if let End::At(n) = search.feed(piece) {
                        found = Some(i * size + n);
                        break;
                    }
                }
                assert_eq!(found, expected, "{} in {size}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn both_ways_to_masks_agree() {
        let mut seed = 42;
        let every: Vec<u8> = (0..=255).collect();
        for _ in 0..2000 {
            for alphabet in [&every[..], br#"{}[]"\:;|]"#] {
                let bytes = noise(&mut seed, alphabet, BLOCK);
                let block: &[u8; BLOCK] = bytes.as_slice().try_into().expect("64 bytes");
                assert_eq!(masks(block), masks_by_word(block));
            }
        }
    }

    #[test]
    fn a_cut_off_line_is_seen() {
        let end = |text: &str| value_end(text.as_bytes(), Lines::Watched);
        assert_eq!(end("{\"a\":{\"b\":\"c\n{\"d\":1}\n"), End::CutOff(13));
        assert_eq!(end("{\"a\":{\"b\":1}\n{\"d\":1}\n"), End::CutOff(13));
        assert_eq!(end("{\"a\":[1\n2020-01-01"), End::CutOff(8));
        let flush_left = "{\n\"a\": [\n{\n},\n{\n}\n]\n}";
        assert_eq!(end(&format!("{flush_left}\n{{")), End::At(flush_left.len()));
        assert_eq!(end("{\n  \"a\": 1\n}"), End::At(12));
    }

    #[test]
    fn values_of_every_type_end() {
        let end = |text: &str| value_end(text.as_bytes(), Lines::Ignored);
        assert_eq!(end(r#""a\"b\\" "#), End::At(8));
        assert_eq!(end("12.5e3,"), End::At(6));
        assert_eq!(end("null}"), End::At(4));
        assert_eq!(end("tru"), End::More);
        assert_eq!(end(r#""a\"#), End::More);
        assert_eq!(end("[1, {\"]\": 2}] "), End::At(13));
    }
}
