//! The syntax of `data:` URLs as the host's reader checks it.

/// What is wrong with a `data:` URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DataError {
    #[error("missing data prefix")]
    Prefix,
    #[error("invalid character after data prefix")]
    AfterPrefix,
    #[error("missing comma before data")]
    Comma,
    #[error("missing media type slash")]
    Slash,
    #[error("invalid character for media type")]
    MediaType,
    #[error("incomplete media type")]
    Incomplete,
    #[error("invalid character for media subtype")]
    Subtype,
    #[error("unterminated parameter sequence")]
    Unterminated,
    #[error("invalid character for parameter attribute")]
    Attribute,
    #[error("expected base64, got {0}")]
    Encoding(String),
    #[error("invalid character for parameter value")]
    ParameterValue,
    #[error("unclosed quoted string")]
    Quote,
    #[error("invalid data character")]
    Character,
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    #[error("rfc2396: unexpected end of unescape sequence")]
    EscapeEnd,
    #[error("rfc2396: invalid char 0x25 in unescape sequence")]
    Escape,
    #[error("rfc2396: non-ASCII char detected")]
    NonAscii,
}

/// A character of a token of RFC 2045.
fn token(c: char) -> bool {
    c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c)
}

/// Checks a URL.
///
/// # Errors
/// The first fault.
pub(crate) fn check(url: &str) -> Result<(), DataError> {
    let mut rest = url.strip_prefix("data:").ok_or(DataError::Prefix)?;
    let mut values = Vec::new();
    match rest.chars().next() {
        None => return Err(DataError::Comma),
        Some(';' | ',') => {}
        Some(c) if token(c) => rest = media_type(rest)?,
        Some(_) => return Err(DataError::AfterPrefix),
    }
    let mut base64 = false;
    while let Some(after) = rest.strip_prefix(';') {
        let end = after.find(|c| !token(c));
        let (name, tail) = after.split_at(end.unwrap_or(after.len()));
        match tail.chars().next() {
            None => return Err(DataError::Unterminated),
            Some('=') if !name.is_empty() => rest = value(&tail[1..], &mut values)?,
            Some(',') if name == "base64" => {
                base64 = true;
                rest = tail;
            }
            Some(',') if !name.is_empty() => return Err(DataError::Encoding(name.into())),
            Some(_) => return Err(DataError::Attribute),
        }
    }
    let data = rest.strip_prefix(',').ok_or(DataError::Comma)?;
    let valid = |c: char| {
        c.is_ascii_alphanumeric()
            || if base64 {
                "+/=".contains(c)
            } else {
                "-_.!~*'();/?:@&=+$,%".contains(c)
            }
    };
    if !data.chars().all(valid) {
        return Err(DataError::Character);
    }
    for value in values {
        unescape(value)?;
    }
    if base64 {
        check_base64(data.as_bytes())
    } else {
        unescape(data)
    }
}

fn media_type(text: &str) -> Result<&str, DataError> {
    let end = text.find(|c| !token(c)).ok_or(DataError::Slash)?;
    let subtype = text[end..].strip_prefix('/').ok_or(DataError::MediaType)?;
    let end = subtype.find(|c| !token(c)).ok_or(DataError::Incomplete)?;
    let rest = &subtype[end..];
    if rest.starts_with([';', ',']) {
        Ok(rest)
    } else {
        Err(DataError::Subtype)
    }
}

/// The value of a parameter, quoted or not.
fn value<'a>(text: &'a str, values: &mut Vec<&'a str>) -> Result<&'a str, DataError> {
    let rest = if let Some(inside) = text.strip_prefix('"') {
        let mut escape = false;
        let mut end = None;
        for (at, c) in inside.char_indices() {
            match c {
                _ if !c.is_ascii() => return Err(DataError::ParameterValue),
                _ if escape => escape = false,
                '\\' => escape = true,
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let end = end.ok_or(DataError::Quote)?;
        values.push(&inside[..end]);
        &inside[end + 1..]
    } else {
        let end = text.find(|c| !token(c)).unwrap_or(text.len());
        if end == 0 && !text.is_empty() {
            return Err(DataError::ParameterValue);
        }
        values.push(&text[..end]);
        &text[end..]
    };
    match rest.chars().next() {
        Some(';' | ',') => Ok(rest),
        None => Err(DataError::Comma),
        Some(_) => Err(DataError::ParameterValue),
    }
}

fn unescape(text: &str) -> Result<(), DataError> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte >= 0x80 {
            return Err(DataError::NonAscii);
        }
        if byte == b'%' {
            for _ in 0..2 {
                if !bytes
                    .next()
                    .ok_or(DataError::EscapeEnd)?
                    .is_ascii_hexdigit()
                {
                    return Err(DataError::Escape);
                }
            }
        }
    }
    Ok(())
}

/// Padded base64; the position is where the reference's decoder gives up.
fn check_base64(data: &[u8]) -> Result<(), DataError> {
    let mut at = 0;
    let mut group = 0;
    while at < data.len() {
        if data[at] != b'=' {
            group = (group + 1) % 4;
            at += 1;
            continue;
        }
        return match (group, data.len() - at) {
            (0 | 1, _) => Err(DataError::Base64(at)),
            (2, 1) => Err(DataError::Base64(data.len())),
            (2, _) if data[at + 1] != b'=' => Err(DataError::Base64(at)),
            (2, 2) | (3, 1) => Ok(()),
            (2, _) => Err(DataError::Base64(at + 2)),
            _ => Err(DataError::Base64(at + 1)),
        };
    }
    if group == 0 {
        Ok(())
    } else {
        Err(DataError::Base64(at - group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        for url in [
            "data:,",
            "data:,a%20b?c",
            "data:text/plain,x",
            "data:text/,x",
            "data:;foo=bar;base64,aGVsbG8=",
            "data:;a=\"x;\\\",y\",z",
            "data:;base64,////",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn bad() {
        for (url, message) in [
            ("DATA:,x", "missing data prefix"),
            ("data:", "missing comma before data"),
            ("data:x", "missing media type slash"),
            ("data:/plain,x", "invalid character after data prefix"),
            (
                "data:;base64;foo=bar,x",
                "invalid character for parameter attribute",
            ),
            ("data:,a#b", "invalid data character"),
            ("data:;base64,__--", "invalid data character"),
            (
                "data:;base64,aGVsbG8",
                "illegal base64 data at input byte 4",
            ),
            ("data:;base64,a===", "illegal base64 data at input byte 1"),
            (
                "data:;base64,aGVsbG8=x",
                "illegal base64 data at input byte 8",
            ),
            ("data:,%4", "rfc2396: unexpected end of unescape sequence"),
            (
                "data:,%zz",
                "rfc2396: invalid char 0x25 in unescape sequence",
            ),
        ] {
            assert_eq!(check(url).unwrap_err().to_string(), message, "{url}");
        }
    }
}
