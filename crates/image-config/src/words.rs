//! Translates the messages of serde into plain words.

use crate::excerpt::clipped;
use crate::keys::Keys;
use crate::tree::{Kind, Node};

/// The key of `missing field …`.
pub(crate) fn missing_key(message: &str) -> Option<&str> {
    quoted(message.strip_prefix("missing field ")?)
}

/// The key of `unknown field …`.
pub(crate) fn unknown_key(message: &str) -> Option<&str> {
    quoted(message.strip_prefix("unknown field ")?)
}

/// The key that was probably meant by an unknown one.
pub(crate) fn suggestion(message: &str) -> Option<&str> {
    let all = all_quoted(message);
    let (key, names) = all.split_first()?;
    nearest(key, names.iter().copied())
}

/// The text between the first two backticks.
fn quoted(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('`')?;
    Some(rest.split_once('`')?.0)
}

/// Everything between backticks, in order.
fn all_quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The name that was probably meant: the nearest, if it is near.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let word = plain(word);
    let near = |name: &&str| strsim::damerau_levenshtein(&word, &plain(name));
    let found = names.into_iter().min_by_key(near)?;
    // A third of the word may be wrong. A single letter may be anything.
    let most = match word.chars().count() {
        0 | 1 => return None,
        length => (length / 3).max(1),
    };
    (near(&found) <= most).then_some(found)
}

fn did_you_mean(word: &str, names: &[&str]) -> Option<String> {
    let name = nearest(word, names.iter().copied())?;
    Some(format!("; did you mean `{name}`?"))
}

/// What is said of `unknown field …`, and whether it lists the keys of the mapping;
/// `list` says whether it may, `keys` are all of the document.
pub(crate) fn meant(message: &str, keys: &Keys, list: bool) -> (String, bool) {
    let key = unknown_key(message).unwrap_or_default();
    let names = message
        .rsplit_once(", expected ")
        .map_or("", |(_, rest)| rest);
    let names = all_quoted(names);
    let begin = format!("unknown key `{}`", clipped(key));
    let sections = keys.sections_of(key);
    match (did_you_mean(key, &names), sections.as_slice()) {
        (_, [section]) => (format!("{begin}; it belongs under `{section}`"), false),
        (_, [one, two]) => (
            format!("{begin}; it belongs under `{one}` or `{two}`"),
            false,
        ),
        (Some(name), _) => (format!("{begin}{name}"), false),
        (None, _) if names.is_empty() || !list => (begin, false),
        (None, _) => (
            format!("{begin}; the keys here are {}", names.join(", ")),
            true,
        ),
    }
}

/// An error of serde about a value.
pub(crate) fn plain(message: &str, node: Option<&Node>) -> String {
    if let Some(key) = missing_key(message) {
        return format!("the key `{key}` is missing");
    }
    if let Some(key) = unknown_key(message) {
        return format!("unknown key `{}`", clipped(key));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (word, names) = rest.rsplit_once(", expected ").unwrap_or((rest, ""));
        let word = word.trim_matches('`');
        let names = all_quoted(names);
        let meant = did_you_mean(word, &names).unwrap_or_default();
        let word = clipped(word);
        return format!("`{word}` is not one of {}{meant}", names.join(", "));
    }
    for kind in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(kind) {
            let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, ""));
            let written = node.and_then(Node::scalar);
            if let Some(most) = exceeded(found, written, expected) {
                let number = written.or(quoted(found)).unwrap_or_default();
                let mut shown: String = number.chars().take(20).collect();
                if shown.len() < number.len() {
                    shown.push('…');
                }
                return format!("`{shown}` is too large; {most} at most");
            }
            let more = match node.is_some_and(goes_on) {
                true => "; is the next line indented too far?",
                false => "",
            };
            let found = thing(found, written);
            return format!("expected {}, found {found}{more}", wanted(expected));
        }
    }
    if let Some(rest) = message.strip_prefix("duplicate field ") {
        return format!("the key {rest} is there twice");
    }
    message.to_owned()
}

/// Whether a text without quotes goes on in the next line.
fn goes_on(node: &Node) -> bool {
    let several = matches!(&node.kind, Kind::Scalar(text, true) if text.contains(' '));
    several && node.span.is_some_and(|span| span.end.is_none())
}

/// The largest number of a type that a whole number does not fit into. `written` is
/// how the document has it, which may be larger than any type.
fn exceeded(found: &str, written: Option<&str>, expected: &str) -> Option<u128> {
    let most = match expected.strip_prefix("a nonzero ").unwrap_or(expected) {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        "u32" => u32::MAX.into(),
        "u64" | "usize" => u64::MAX.into(),
        _ => return None,
    };
    if let Some(written) = written
        && !written.is_empty()
        && written.bytes().all(|byte| byte.is_ascii_digit())
    {
        let fits = written.parse::<u128>().is_ok_and(|number| number <= most);
        let is_text = found.starts_with("string ") && written.len() < 20;
        return (!fits && !is_text).then_some(most);
    }
    let number: u128 = quoted(found.strip_prefix("integer ")?)?.parse().ok()?;
    (number > most).then_some(most)
}

/// What was found, as it is written.
fn thing(found: &str, written: Option<&str>) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let number = |value: &str| match written {
        Some(written) => format!("the number `{}`", clipped(written)),
        None => format!("the number {value}"),
    };
    match kind {
        "sequence" => "a list".to_owned(),
        "map" => "a mapping".to_owned(),
        "unit" => "nothing".to_owned(),
        "string" => match written {
            Some(written) => format!("the text \"{}\"", clipped(written)),
            None => format!("the text {value}"),
        },
        "integer" => number(value),
        "floating" => number(value.trim_start_matches("point ")),
        "boolean" => value.to_owned(),
        _ => found.to_owned(),
    }
}

/// What was expected. A Rust type means nothing to a person.
fn wanted(expected: &str) -> String {
    let whole = ["u8", "u16", "u32", "u64", "usize", "u128"];
    let signed = ["i8", "i16", "i32", "i64", "isize", "i128"];
    if expected.starts_with("struct ") || expected == "a map" {
        return "a mapping of keys".to_owned();
    }
    if whole.contains(&expected) {
        return "a whole number from 0".to_owned();
    }
    if signed.contains(&expected) {
        return "a whole number".to_owned();
    }
    match expected {
        "a string" | "a borrowed string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "" => "something else".to_owned(),
        other => other
            .strip_prefix("a nonzero ")
            .map_or_else(|| other.to_owned(), |_| "a whole number from 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let names = ["hold-days", "packages", "rule"];
        assert_eq!(nearest("hold_days", names), Some("hold-days"));
        assert_eq!(nearest("pakages", names), Some("packages"));
        assert_eq!(nearest("rul", names), Some("rule"));
        assert_eq!(nearest("something", names), None);
        let short = ["ci", "vm", "base", "compare"];
        for word in ["", "x", "name", "zz"] {
            assert_eq!(nearest(word, short), None, "{word}");
        }
        assert_eq!(nearest("compair", short), Some("compare"));
    }

    #[test]
    fn a_key_of_another_section_is_told_so() {
        let message = "unknown field `hold-days`, expected one of `image`, `base`";
        let keys = Keys::of::<crate::Config>();
        let near = "unknown field `pakages`, expected one of `image`, `packages`";
        assert_eq!(
            meant(near, &keys, true).0,
            "unknown key `pakages`; did you mean `packages`?"
        );
        assert_eq!(
            meant(message, &keys, true).0,
            "unknown key `hold-days`; it belongs under `policy`"
        );
        let nothing = "unknown field `x`, expected one of `image`, `ci`";
        assert_eq!(
            meant(nothing, &keys, true).0,
            "unknown key `x`; the keys here are image, ci"
        );
        assert_eq!(meant(nothing, &keys, false).0, "unknown key `x`");
    }

    #[test]
    fn no_type_of_a_program_is_in_it() {
        for (message, told) in [
            (
                "invalid value: integer `-1`, expected u32",
                "expected a whole number from 0, found the number `-1`",
            ),
            (
                "invalid type: sequence, expected struct Config",
                "expected a mapping of keys, found a list",
            ),
            (
                "invalid type: unit value, expected a string",
                "expected a text, found nothing",
            ),
            (
                "invalid type: string \"x\", expected u16",
                "expected a whole number from 0, found the text \"x\"",
            ),
            (
                "invalid value: integer `5000000000`, expected u32",
                "`5000000000` is too large; 4294967295 at most",
            ),
            ("missing field `name`", "the key `name` is missing"),
            (
                "unknown variant `latest`, expected one of `newest`, `hold`, `pin`",
                "`latest` is not one of newest, hold, pin",
            ),
        ] {
            assert_eq!(plain(message, None), told);
        }
        let digits = Node::read(&"9".repeat(26)).unwrap();
        let long = plain("invalid type: string \"999\", expected u32", Some(&digits));
        assert_eq!(
            long,
            "`99999999999999999999…` is too large; 4294967295 at most"
        );
        let node = Node::read("1e3").unwrap();
        let written = plain(
            "invalid type: floating point `1000.0`, expected u32",
            Some(&node),
        );
        assert_eq!(
            written,
            "expected a whole number from 0, found the number `1e3`"
        );
        assert_eq!(
            plain("invalid type: boolean `true`, expected u32", None),
            "expected a whole number from 0, found `true`"
        );
    }
}
