//! Percent-encoding of the parts of a URL.

/// A value of a query or one segment of a path: anything but letters, digits and
/// `-._~` as `%XX` (RFC 3986, section 2.3).
pub fn percent_encode(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// A path that has a query, with these parameters after it; those without a value are
/// left out.
pub(crate) fn with_parameters(path: String, more: &[(&str, Option<&str>)]) -> String {
    more.iter().fold(path, |path, (name, value)| match value {
        Some(value) => format!("{path}&{name}={}", percent_encode(value)),
        None => path,
    })
}

/// The host of an address, without its port.
pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_may_have_any_character() {
        assert_eq!(percent_encode("main"), "main");
        assert_eq!(percent_encode("a/b&c=ä"), "a%2Fb%26c%3D%C3%A4");
    }

    #[test]
    fn a_parameter_without_a_value_is_left_out() {
        let more = [("event", None), ("branch", Some("a/b"))];
        let path = with_parameters("/runs?per_page=1".to_owned(), &more);
        assert_eq!(path, "/runs?per_page=1&branch=a%2Fb");
    }
}
