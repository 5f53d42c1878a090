//! URLs as Ignition checks them: the general syntax by the rules of Go's URL
//! parser, and the schemes that a host can fetch.

use std::net::Ipv6Addr;

use crate::data_url;

/// What is wrong with a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("unable to parse url")]
    Invalid,
    #[error("invalid url scheme")]
    Scheme,
    #[error("invalid S3 object VersionId")]
    VersionId,
    #[error("invalid S3 ARN format")]
    Arn,
    #[error("{0}")]
    Data(#[from] data_url::DataError),
}

/// The parts of a URL that the rules look at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    /// In lower case, empty if there is none.
    pub scheme: String,
    /// What follows the scheme when no slash does, without the query.
    pub opaque: &'a str,
    pub query: &'a str,
}

/// Parses by the rules of Go's `net/url`.
///
/// # Errors
/// [`UrlError::Invalid`], whatever the reason.
pub(crate) fn parse(text: &str) -> Result<Url<'_>, UrlError> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    if rest.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(UrlError::Invalid);
    }
    let (scheme, rest) = split_scheme(rest)?;
    // A lone `?` at the end counts as no query.
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    unescape(fragment, Part::Path)?;
    let mut url = Url {
        scheme: scheme.to_ascii_lowercase(),
        opaque: "",
        query,
    };
    let mut path = rest;
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            url.opaque = rest;
            return Ok(url);
        }
        // `a:b` without a scheme would be taken for one.
        if rest
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':'))
        {
            return Err(UrlError::Invalid);
        }
    } else if let Some(after) = rest
        .strip_prefix("//")
        .filter(|_| !scheme.is_empty() || !rest.starts_with("///"))
    {
        let (authority, after) = after.find('/').map_or((after, ""), |at| after.split_at(at));
        check_authority(authority)?;
        path = after;
    }
    unescape(path, Part::Path)?;
    Ok(url)
}

fn split_scheme(text: &str) -> Result<(&str, &str), UrlError> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(UrlError::Invalid),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn check_authority(authority: &str) -> Result<(), UrlError> {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let of_user = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(of_user) {
        return Err(UrlError::Invalid);
    }
    unescape(user, Part::Path)?;
    if let Some((_, inside)) = host.rsplit_once('[') {
        let (address, port) = inside.rsplit_once(']').ok_or(UrlError::Invalid)?;
        check_port(port)?;
        let address = match address.split_once("%25") {
            Some((_, "")) => return Err(UrlError::Invalid),
            Some((address, zone)) => {
                unescape(zone, Part::Zone)?;
                address
            }
            None => address,
        };
        // Only addresses stand in brackets, and only of this kind.
        return address
            .parse::<Ipv6Addr>()
            .map(|_| ())
            .map_err(|_| UrlError::Invalid);
    }
    if let Some(at) = host.rfind(':') {
        check_port(&host[at..])?;
    }
    unescape(host, Part::Host)
}

fn check_port(port: &str) -> Result<(), UrlError> {
    match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        None if port.is_empty() => Ok(()),
        _ => Err(UrlError::Invalid),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    Host,
    Zone,
}

/// Checks the percent escapes, and in hosts what may stand unescaped.
fn unescape(text: &str, part: Part) -> Result<(), UrlError> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let (Some(high), Some(low)) = (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)))
                else {
                    return Err(UrlError::Invalid);
                };
                // In a host only bytes beyond ASCII may be escaped, and `%25`.
                if part == Part::Host && high < 8 && (high, low) != (2, 5) {
                    return Err(UrlError::Invalid);
                }
                let value = high << 4 | low;
                if part == Part::Zone && value != b'%' && value != b' ' && refused_in_host(value) {
                    return Err(UrlError::Invalid);
                }
                at += 3;
            }
            byte => {
                if part != Part::Path && byte < 0x80 && refused_in_host(byte) {
                    return Err(UrlError::Invalid);
                }
                at += 1;
            }
        }
    }
    Ok(())
}

fn refused_in_host(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte))
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    (*byte? as char).to_digit(16).map(|digit| digit as u8)
}

/// Whether the query asks for a version of an S3 object and then not which:
/// the first `versionId` counts.
fn empty_version(query: &str) -> bool {
    let first = query
        .split('&')
        .filter(|pair| !pair.contains(';'))
        .find_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let valid = unescape(name, Part::Path).is_ok() && unescape(value, Part::Path).is_ok();
            (valid && name == "versionId").then_some(value)
        });
    first == Some("")
}

/// Checks a source that a host is to fetch. `minor` is the version of `fcos`:
/// `gs` came with 1.2.0 and `arn` with 1.5.0.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_source(text: &str, minor: u8) -> Result<(), UrlError> {
    let url = parse(text)?;
    match url.scheme.as_str() {
        "http" | "https" | "tftp" => Ok(()),
        "gs" if minor >= 2 => Ok(()),
        "s3" if empty_version(url.query) => Err(UrlError::VersionId),
        "s3" => Ok(()),
        "arn" if minor >= 5 => check_arn(&url),
        "data" => Ok(data_url::check(text)?),
        _ => Err(UrlError::Scheme),
    }
}

/// `arn:PARTITION:s3:REGION:ACCOUNT:BUCKET/KEY`, or an access point in place
/// of the bucket, which has one more slash.
fn check_arn(url: &Url<'_>) -> Result<(), UrlError> {
    let fields: Vec<&str> = url.opaque.splitn(5, ':').collect();
    let &[_, service, _, _, resource] = fields.as_slice() else {
        return Err(UrlError::Arn);
    };
    let slashes = url.opaque.matches('/').count();
    let least = if resource.starts_with("accesspoint/") {
        2
    } else {
        1
    };
    if service != "s3" || slashes < least {
        return Err(UrlError::Arn);
    }
    if empty_version(url.query) {
        Err(UrlError::VersionId)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_syntax() {
        for good in [
            "http://h:99999/",
            "http://h/x y",
            "http://[::1]:80/",
            "http://[fe80::1%25en0]/",
            "http://[::ffff:1.2.3.4]/",
            "http://u:p@h/",
            "a/b:c",
            "http://h/%41",
            "http://%C3%A9/",
            "x:y z",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://h/%",
            "http://a b",
            "http://h:x/",
            ":x",
            "a:b\n",
            "http://[::1",
            "http://[1.2.3.4]/",
            "http://[x]/",
            "http://][",
            "http://%41/",
            "1a:b",
            "http://h%zz/",
        ] {
            assert_eq!(parse(bad), Err(UrlError::Invalid), "{bad}");
        }
    }

    #[test]
    fn sources() {
        assert_eq!(check_source("https://h/", 0), Ok(()));
        assert_eq!(check_source("gs://b/o", 1), Err(UrlError::Scheme));
        assert_eq!(check_source("gs://b/o", 2), Ok(()));
        assert_eq!(
            check_source("s3://b/o?versionId=", 2),
            Err(UrlError::VersionId)
        );
        assert_eq!(
            check_source("arn:aws:s3:::bucket/key", 4),
            Err(UrlError::Scheme)
        );
        assert_eq!(check_source("arn:aws:s3:::bucket/key", 5), Ok(()));
        assert_eq!(check_source("arn:aws:s3:::bucket", 5), Err(UrlError::Arn));
        assert_eq!(
            check_source("arn:aws:sns:::bucket/key", 5),
            Err(UrlError::Arn)
        );
    }
}
