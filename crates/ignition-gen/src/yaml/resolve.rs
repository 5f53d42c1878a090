//! What a plain scalar means: the core types of YAML 1.1 and 1.2, mixed as
//! the reference mixes them.

use super::fault::Fault;
use super::node::Tag;

/// The meaning of a scalar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer beyond `i64`, up to `u64::MAX`.
    Big,
    Float(f64),
    Timestamp,
    Merge,
    Str,
}

impl Resolved {
    /// The tag that goes with the meaning.
    pub(super) fn tag(&self) -> Tag {
        match self {
            Resolved::Null => Tag::Null,
            Resolved::Bool(_) => Tag::Bool,
            Resolved::Int(_) | Resolved::Big => Tag::Int,
            Resolved::Float(_) => Tag::Float,
            Resolved::Timestamp => Tag::Timestamp,
            Resolved::Merge => Tag::Merge,
            Resolved::Str => Tag::Str,
        }
    }
}

/// Resolves an untagged plain scalar.
pub(super) fn implicit(text: &str) -> Resolved {
    resolve(text, true)
}

/// Resolves a scalar that carries `tag`.
///
/// # Errors
/// If the text cannot be what the tag says.
pub(crate) fn tagged(tag: &Tag, text: &str) -> Result<Resolved, Fault> {
    let found = match tag {
        Tag::Str | Tag::Binary | Tag::Merge | Tag::Seq | Tag::Map | Tag::Other(_) => {
            return Ok(Resolved::Str);
        }
        Tag::None | Tag::NonSpecific => return Ok(resolve(text, true)),
        tag => resolve(text, *tag == Tag::Timestamp),
    };
    match (tag, &found) {
        (Tag::Float, Resolved::Int(value)) => Ok(Resolved::Float(*value as f64)),
        (tag, found) if *tag == found.tag() => Ok(found.clone()),
        (tag, found) => Err(Fault::plain(format!(
            "cannot decode {} `{text}` as a {}",
            found.tag().short(),
            tag.short()
        ))),
    }
}

fn resolve(text: &str, timestamps: bool) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        "<<" => return Resolved::Merge,
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Resolved::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes()[0] {
        // Here the reference takes any float of its language, underscores and all.
        b'.' => go_float(text).map_or(Resolved::Str, Resolved::Float),
        b'0'..=b'9' | b'+' | b'-' => number(text, timestamps),
        _ => Resolved::Str,
    }
}

fn number(text: &str, timestamps: bool) -> Resolved {
    if timestamps && is_timestamp(text) {
        return Resolved::Timestamp;
    }
    let plain = text.replace('_', "");
    let (negative, body) = match plain.as_bytes().first() {
        Some(b'-') => (true, &plain[1..]),
        Some(b'+') => (false, &plain[1..]),
        _ => (false, &plain[..]),
    };
    let signed = body.len() != plain.len();
    if let Some(found) = integer(body, negative, signed) {
        return found;
    }
    if is_float(&plain)
        && let Ok(value) = plain.parse::<f64>()
        && value.is_finite()
    {
        return Resolved::Float(value);
    }
    Resolved::Str
}

/// An integer with the prefixes of Go and the octals of YAML 1.1 and 1.2.
fn integer(body: &str, negative: bool, signed: bool) -> Option<Resolved> {
    let bytes = body.as_bytes();
    let (base, digits) = match bytes {
        [b'0', b'x' | b'X', ..] => (16, &body[2..]),
        [b'0', b'b' | b'B', ..] => (2, &body[2..]),
        [b'0', b'o' | b'O', ..] => (8, &body[2..]),
        [b'0', _, ..] => (8, &body[1..]),
        _ => (10, body),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| (digit as char).is_digit(base)) {
        return None;
    }
    let value = u128::from_str_radix(digits, base).unwrap_or(u128::MAX);
    let limit = i64::MAX as u128;
    match value {
        value if value <= limit => Some(Resolved::Int(if negative {
            -(value as i64)
        } else {
            value as i64
        })),
        value if negative && value == limit + 1 => Some(Resolved::Int(i64::MIN)),
        value if !signed && value <= u128::from(u64::MAX) => Some(Resolved::Big),
        _ => None,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let some = |part: &str| !part.is_empty() && digits(part);
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => some(fraction),
        Some((whole, fraction)) => some(whole) && digits(fraction),
        None => some(mantissa),
    };
    mantissa
        && exponent
            .is_none_or(|exponent| some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// A float that starts with a dot.
fn go_float(text: &str) -> Option<f64> {
    if !is_float(text) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Dates and times: `Y-M-D`, or with `T`, `t` or one space and a time; a zone
/// where the form has one. Four digits of year, month and day as given.
fn is_timestamp(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    let mut rest = &text[5..];
    let (Some(month), true) = (take_number(&mut rest, 1, 2), take(&mut rest, "-")) else {
        return false;
    };
    let Some(day) = take_number(&mut rest, 1, 2) else {
        return false;
    };
    let year = text[..4].parse().unwrap_or(0);
    if !(1..=12).contains(&month) || day < 1 || day > days(year, month) {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let spaced = rest.starts_with(' ');
    if !(take(&mut rest, "T") || take(&mut rest, "t") || take(&mut rest, " ")) {
        return false;
    }
    let Some(hour) = take_number(&mut rest, 1, 2) else {
        return false;
    };
    let mut part = || {
        if take(&mut rest, ":") {
            take_number(&mut rest, 1, 2)
        } else {
            None
        }
    };
    let (Some(minute), Some(second)) = (part(), part()) else {
        return false;
    };
    if hour > 23 || minute > 59 || second > 59 {
        return false;
    }
    if take(&mut rest, ".") {
        let fraction = rest.bytes().take_while(u8::is_ascii_digit).count();
        if fraction == 0 {
            return false;
        }
        rest = &rest[fraction..];
    }
    if spaced {
        return rest.is_empty();
    }
    if rest == "Z" {
        return true;
    }
    if !(take(&mut rest, "+") || take(&mut rest, "-")) {
        return false;
    }
    let (Some(hours), true, Some(minutes)) = (
        take_number(&mut rest, 2, 2),
        take(&mut rest, ":"),
        take_number(&mut rest, 2, 2),
    ) else {
        return false;
    };
    rest.is_empty() && hours <= 24 && minutes <= 60
}

fn take(rest: &mut &str, prefix: &str) -> bool {
    match rest.strip_prefix(prefix) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

fn take_number(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let width = rest
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if width < least {
        return None;
    }
    let value = rest[..width].parse().ok();
    *rest = &rest[width..];
    value
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0644", 0o644),
            ("0o644", 0o644),
            ("-0o17", -15),
            ("0x1F", 31),
            ("0b101", 5),
            ("1_000", 1000),
            ("+5", 5),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(implicit(text), Resolved::Int(value), "{text}");
        }
        assert_eq!(implicit("0888"), Resolved::Float(888.0));
        assert_eq!(implicit("420.9"), Resolved::Float(420.9));
        assert_eq!(implicit("18446744073709551615"), Resolved::Big);
        assert_eq!(
            implicit("18446744073709551616"),
            Resolved::Float(18_446_744_073_709_551_616.0)
        );
        for text in ["0b102", "0x", "1:30", "1,000", "+", "1e", "0b", "--1"] {
            assert_eq!(implicit(text), Resolved::Str, "{text}");
        }
    }

    #[test]
    fn timestamps() {
        for text in [
            "2001-01-01",
            "2001-1-2 3:4:5",
            "2001-12-14T21:59:43.10-05:00",
            "2001-12-14t1:2:3Z",
            "2001-1-1",
        ] {
            assert_eq!(implicit(text), Resolved::Timestamp, "{text}");
        }
        for text in [
            "2001-02-30",
            "2001-13-01",
            "2001-12-14 21:59:43Z",
            "2001-12-14T21:59:43",
        ] {
            assert_ne!(implicit(text), Resolved::Timestamp, "{text}");
        }
    }

    #[test]
    fn tags_must_fit() {
        assert_eq!(tagged(&Tag::Int, "0644"), Ok(Resolved::Int(420)));
        assert_eq!(tagged(&Tag::Float, "3"), Ok(Resolved::Float(3.0)));
        assert_eq!(
            tagged(&Tag::Bool, "1").unwrap_err().to_string(),
            "yaml: cannot decode !!int `1` as a !!bool"
        );
        assert_eq!(tagged(&Tag::Other("!x".into()), "5"), Ok(Resolved::Str));
    }
}
