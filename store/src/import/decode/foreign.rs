//! Names a file that holds no events by its first bytes.
//!
//! "Not a CloudTrail log" helps nobody; "a zip archive" or "UTF-16 text" tells
//! what to do.

/// How many bytes the longest mark reaches to.
pub(super) const HEAD_BYTES: usize = 512;

/// Bytes shown of a file that has no name here.
const SHOWN_BYTES: usize = 48;

/// Marks, where they stand, and what they mean.
const MARKS: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", "a zip archive; unpack it first"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed; unpack it first"),
    (0, b"BZh", "bzip2-compressed; unpack it first"),
    (0, b"\xfd7zXZ\x00", "xz-compressed; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"\x04\x22\x4d\x18", "lz4-compressed; unpack it first"),
    (
        0,
        b"\xff\x06\x00\x00sNaPpY",
        "snappy-compressed; unpack it first",
    ),
    (0, b"PAR1", "a Parquet file"),
    (0, b"ORC", "an ORC file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\xd0\xcf\x11\xe0", "an old Microsoft Office document"),
    (0, b"ElfFile\x00", "a Windows event log"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"#!", "a script"),
    (0, b"{\\rtf", "an RTF document"),
    (0, b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (0, b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (0, b"{\x00", "UTF-16 text; save it as UTF-8"),
    (0, b"\x00{", "UTF-16 text; save it as UTF-8"),
];

/// What a file seems to be, from its first bytes.
pub(super) fn describe(head: &[u8]) -> String {
    let at = |from: usize| head.get(from..).unwrap_or_default();
    if let Some((_, _, name)) = MARKS
        .iter()
        .find(|(from, mark, _)| at(*from).starts_with(mark))
    {
        return (*name).to_owned();
    }
    let text = head.trim_ascii_start().to_ascii_lowercase();
    let begins = |with: &str| text.starts_with(with.as_bytes());
    if begins("<!doctype html") || begins("<html") {
        return "an HTML page".to_owned();
    }
    if begins("<?xml") || begins("<listbucketresult") || begins("<error>") {
        return "an XML document".to_owned();
    }
    if head.iter().all(|b| *b == 0) {
        return "nothing but zero bytes".to_owned();
    }
    let shown = head.get(..SHOWN_BYTES.min(head.len())).unwrap_or(head);
    let more = if head.len() > shown.len() { "…" } else { "" };
    format!("it begins with \"{}{more}\"", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn formats_have_names_and_the_rest_is_shown() {
        assert_eq!(describe(b"\x89PNG\r\n\x1a\n\x00"), "a PNG image");
        assert_eq!(describe(b"  <!DOCTYPE html><p>"), "an HTML page");
        let mut tar = vec![b'a'; 257];
        tar.extend_from_slice(b"ustar\x0000");
        assert_eq!(describe(&tar), "a tar archive; unpack it first");
        assert_eq!(
            describe(b"hello \"\xff\" world"),
            "it begins with \"hello \\\"\\xff\\\" world\""
        );
    }
}
