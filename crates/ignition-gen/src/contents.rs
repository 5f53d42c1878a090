//! Contents to data URLs: escaped, in base64, or compressed, whichever is
//! shortest by the reference's rules.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::gzip::Gzip;

/// Bytes that a compressed form saves at least before it is preferred: about
/// what the field `compression` costs.
const ADVANTAGE: usize = 4;

/// The shortest gzip stream (a header of 10 bytes, one byte of data, an empty
/// block of 5 and a trailer of 8, in base64 with its prefix) plus the
/// advantage. Where the plain form is no longer, compressing cannot win.
const HOPELESS: usize = ";base64,".len() + 24usize.div_ceil(3) * 4 + ADVANTAGE;

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        )
}

/// Contents as a `data:` URL without a media type, percent-escaped.
pub(crate) fn escaped(contents: &[u8]) -> String {
    let length = contents
        .iter()
        .map(|byte| if unreserved(*byte) { 1 } else { 3 })
        .sum::<usize>();
    let mut url = String::with_capacity("data:,".len() + length);
    url.push_str("data:,");
    escape_into(contents, &mut url);
    url
}

fn escape_into(contents: &[u8], url: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in contents {
        if unreserved(*byte) {
            url.push(*byte as char);
        } else {
            url.push('%');
            url.push(HEX[usize::from(byte >> 4)] as char);
            url.push(HEX[usize::from(byte & 15)] as char);
        }
    }
}

/// Contents as the shortest `data:` URL, and whether they are compressed in
/// it. With `compress` unset they are taken as they are.
pub(crate) fn shortest(contents: &[u8], compress: bool, gzip: &mut Gzip) -> (String, bool) {
    let escaped_length = 1 + contents
        .iter()
        .map(|byte| if unreserved(*byte) { 1 } else { 3 })
        .sum::<usize>();
    let base64_length = |bytes: usize| ";base64,".len() + bytes.div_ceil(3) * 4;
    let best = escaped_length.min(base64_length(contents.len()));
    if compress && best > HOPELESS {
        let mut packed = Vec::new();
        gzip.compress(contents, &mut packed);
        if base64_length(packed.len()) + ADVANTAGE < best {
            return (in_base64(&packed), true);
        }
    }
    if base64_length(contents.len()) < escaped_length {
        (in_base64(contents), false)
    } else {
        (escaped(contents), false)
    }
}

fn in_base64(bytes: &[u8]) -> String {
    let mut url = String::with_capacity("data:;base64,".len() + bytes.len().div_ceil(3) * 4);
    url.push_str("data:;base64,");
    STANDARD.encode_string(bytes, &mut url);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(contents: &[u8]) -> String {
        shortest(contents, true, &mut Gzip::new()).0
    }

    #[test]
    fn short_texts_are_escaped() {
        assert_eq!(url(b""), "data:,");
        assert_eq!(url(b"hello world\n"), "data:,hello%20world%0A");
        assert_eq!(url("é".as_bytes()), "data:,%C3%A9");
    }

    #[test]
    fn base64_wins_only_when_shorter() {
        // Both forms take 13 characters here, then base64 is one shorter.
        assert_eq!(url(b"    "), "data:,%20%20%20%20");
        assert_eq!(url(b"      "), "data:;base64,ICAgICAg");
    }

    #[test]
    fn repetition_is_compressed() {
        let contents = [b'a'; 500];
        assert!(shortest(&contents, true, &mut Gzip::new()).1);
        assert!(!shortest(&contents, false, &mut Gzip::new()).1);
    }

    #[test]
    fn nothing_shorter_exists() {
        let mut packed = Vec::new();
        Gzip::new().compress(b"", &mut packed);
        assert!(in_base64(&packed).len() - "data:".len() + ADVANTAGE <= HOPELESS);
    }
}
