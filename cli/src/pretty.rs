//! JSON indented without being read: only the blanks between values change.
//!
//! Reading and writing again would turn 1.50 into 1.5 and long numbers into
//! rounded ones; evidence is shown with the digits it came with.

/// The JSON text with two blanks a level. What is no JSON comes out with its
/// blanks moved and nothing lost.
pub fn indented(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0usize;
    let mut in_string = false;
    let mut bytes = json.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if in_string {
            out.push(byte);
            match byte {
                b'\\' => out.extend(bytes.next()),
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => {
                in_string = true;
                out.push(byte);
            }
            b'{' | b'[' => {
                out.push(byte);
                while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
                match bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        new_line(&mut out, depth);
                    }
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => out.push(byte),
        }
    }
    out
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_strings_and_order_stay() {
        let json =
            br#"{"b" : 1.50,"a":[12345678901234567890123, {"x":"{\"y\": 1}"}],"e":{ },"f":[]}"#;
        let wanted = "{\n  \"b\": 1.50,\n  \"a\": [\n    12345678901234567890123,\n    {\n      \
                      \"x\": \"{\\\"y\\\": 1}\"\n    }\n  ],\n  \"e\": {},\n  \"f\": []\n}";
        assert_eq!(String::from_utf8(indented(json)).unwrap(), wanted);
    }
}
