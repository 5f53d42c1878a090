//! Translates the messages of the parser into plain words.

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
    // Half of a short word, a third of a long one.
    let most = (word.chars().count() / 3).max(2);
    (near(&found) <= most).then_some(found)
}

fn did_you_mean(word: &str, names: &[&str]) -> Option<String> {
    let name = nearest(word, names.iter().copied())?;
    Some(format!("; did you mean `{name}`?"))
}

fn meant(word: &str, names: &[&str]) -> String {
    did_you_mean(word, names).unwrap_or_else(|| match names {
        [] => String::new(),
        names => format!("; the keys here are {}", names.join(", ")),
    })
}

/// An error of serde or of the YAML library.
pub(crate) fn plain(message: &str, text: &str, place: Option<(usize, usize)>) -> String {
    if let Some(key) = missing_key(message) {
        return format!("the key `{key}` is missing");
    }
    if let Some(key) = unknown_key(message) {
        let names = &all_quoted(message)[1..];
        return format!("unknown key `{key}`{}", meant(key, names));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let all = all_quoted(rest);
        let word = all.first().copied().unwrap_or_default();
        let names = all.get(1..).unwrap_or_default();
        let meant = did_you_mean(word, names).unwrap_or_default();
        return format!("`{word}` is not one of {}{meant}", names.join(", "));
    }
    for kind in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(kind) {
            let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, ""));
            if let Some(most) = exceeded(found, expected) {
                return format!("{} is too large: {most} at most", thing(found));
            }
            return format!("expected {}, found {}", wanted(expected), thing(found));
        }
    }
    if let Some(rest) = message.strip_prefix("duplicate field ") {
        return format!("the key {rest} is there twice");
    }
    if let Some((_, rest)) = message.split_once("duplicate entry with key ") {
        return format!("the key {rest} is there twice");
    }
    let here = place
        .and_then(|(line, _)| text.lines().nth(line.saturating_sub(1)))
        .unwrap_or_default();
    if here.trim_start_matches(' ').starts_with('\t') {
        return "a tab begins this line; YAML is indented with spaces".to_owned();
    }
    syntax(message)
}

/// The largest number of a type that a whole number does not fit into.
fn exceeded(found: &str, expected: &str) -> Option<u128> {
    let most = match expected {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        "u32" => u32::MAX.into(),
        "u64" | "usize" => u64::MAX.into(),
        _ => return None,
    };
    let number: u128 = quoted(found.strip_prefix("integer ")?)?.parse().ok()?;
    (number > most).then_some(most)
}

/// What was found.
fn thing(found: &str) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    match kind {
        "sequence" => "a list".to_owned(),
        "map" => "a mapping".to_owned(),
        "unit" => "nothing".to_owned(),
        "string" => format!("the text {value}"),
        "integer" => format!("the number {value}"),
        "floating" => found.replace("floating point", "the number"),
        "boolean" => format!("{value}, which is yes or no"),
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

/// The messages of the YAML scanner.
fn syntax(message: &str) -> String {
    let known = [
        (
            "found character that cannot start any token",
            "no value begins with this character; put it in quotes",
        ),
        (
            "mapping values are not allowed in this context",
            "a key cannot stand here; is this line indented like those beside it, or is there \
             a `: ` in a text without quotes?",
        ),
        (
            "did not find expected key",
            "a key was expected here; is this line indented like those beside it?",
        ),
        (
            "did not find expected '-' indicator",
            "an item of the list (`- …`) was expected here; is it indented like those above?",
        ),
        (
            "did not find expected ',' or ']'",
            "the list in brackets is not closed; a `,` or `]` is missing",
        ),
        (
            "did not find expected ',' or '}'",
            "the mapping in braces is not closed; a `,` or `}` is missing",
        ),
        (
            "found unexpected end of stream",
            "the text ends in the midst of a value; a quote is not closed",
        ),
        (
            "control characters are not allowed",
            "a control character is here; remove it",
        ),
    ];
    let found = known.iter().find(|(said, _)| message.contains(said));
    found.map_or_else(|| message.to_owned(), |(_, words)| (*words).to_owned())
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
                "the number `5000000000` is too large: 4294967295 at most",
            ),
            ("missing field `name`", "the key `name` is missing"),
            (
                "unknown field `pakages`, expected one of `image`, `packages`",
                "unknown key `pakages`; did you mean `packages`?",
            ),
            (
                "unknown variant `latest`, expected one of `newest`, `hold`, `pin`",
                "`latest` is not one of newest, hold, pin",
            ),
        ] {
            assert_eq!(plain(message, "", None), told);
        }
        let tab = plain(
            "found character that cannot start any token",
            "a:\n\tb: c\n",
            Some((2, 1)),
        );
        assert_eq!(tab, "a tab begins this line; YAML is indented with spaces");
    }
}
