//! JSON as Go reads it: the syntax with its complaints, and values for the
//! configs that a config embeds.

/// Nesting that the reference's decoder allows.
const MAX_DEPTH: usize = 10_000;

/// What is wrong with a JSON text, in the reference's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JsonError(pub String);

/// A parsed value. Numbers keep their text: their range depends on the field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn take_children(&mut self, into: &mut Vec<Json>) {
        match self {
            Json::List(items) => into.append(items),
            Json::Object(fields) => into.extend(fields.drain(..).map(|(_, value)| value)),
            _ => {}
        }
    }

    /// The kind of the value as type errors name it.
    pub(crate) fn kind(&self) -> String {
        match self {
            Json::Null => "null".into(),
            Json::Bool(_) => "bool".into(),
            Json::Number(_) => "number".into(),
            Json::Text(_) => "string".into(),
            Json::List(_) => "array".into(),
            Json::Object(_) => "object".into(),
        }
    }
}

/// Nested values are dropped one by one: nesting must not cost call frames.
impl Drop for Json {
    fn drop(&mut self) {
        let mut left = Vec::new();
        self.take_children(&mut left);
        while let Some(mut value) = left.pop() {
            value.take_children(&mut left);
        }
    }
}

/// Checks the syntax only.
///
/// # Errors
/// The first fault.
pub(crate) fn check(text: &[u8]) -> Result<(), JsonError> {
    parse(text).map(|_| ())
}

/// Parses a whole text.
///
/// # Errors
/// The first fault.
pub(crate) fn parse(text: &[u8]) -> Result<Json, JsonError> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.document()?;
    parser.blanks();
    match parser.text.get(parser.at) {
        None => Ok(value),
        Some(byte) => Err(invalid(*byte, "after top-level value")),
    }
}

fn invalid(byte: u8, place: &str) -> JsonError {
    let shown = match byte {
        b'\'' => "'\\''".to_string(),
        b'"' => "'\"'".to_string(),
        // Bytes beyond ASCII are shown as if they were characters.
        byte => {
            let inner = crate::text::quoted(&char::from(byte).to_string());
            format!("'{}'", &inner[1..inner.len() - 1])
        }
    };
    JsonError(format!("invalid character {shown} {place}"))
}

fn ended() -> JsonError {
    JsonError("unexpected end of JSON input".into())
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Result<u8, JsonError> {
        self.text.get(self.at).copied().ok_or_else(ended)
    }

    fn next(&mut self) -> Result<u8, JsonError> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Values with an explicit stack: nesting must not cost call frames.
    fn document(&mut self) -> Result<Json, JsonError> {
        let mut open: Vec<(Json, String)> = Vec::new();
        loop {
            self.blanks();
            let mut done = match self.peek()? {
                b'{' => {
                    self.at += 1;
                    self.blanks();
                    if self.peek()? == b'}' {
                        self.at += 1;
                        Json::Object(Vec::new())
                    } else {
                        let key = self.key("looking for beginning of object key string")?;
                        open.push((Json::Object(Vec::new()), key));
                        Self::bound(&open)?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    self.blanks();
                    if self.peek()? == b']' {
                        self.at += 1;
                        Json::List(Vec::new())
                    } else {
                        open.push((Json::List(Vec::new()), String::new()));
                        Self::bound(&open)?;
                        continue;
                    }
                }
                _ => self.scalar()?,
            };
            loop {
                let Some((parent, key)) = open.last_mut() else {
                    return Ok(done);
                };
                let object = match parent {
                    Json::List(items) => {
                        items.push(done);
                        false
                    }
                    Json::Object(fields) => {
                        fields.push((std::mem::take(key), done));
                        true
                    }
                    _ => return Err(ended()),
                };
                self.blanks();
                match (self.next()?, object) {
                    (b',', true) => {
                        self.blanks();
                        *key = self.key("looking for beginning of object key string")?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => {
                        done = open.pop().map_or(Json::Null, |(value, _)| value);
                    }
                    (byte, true) => return Err(invalid(byte, "after object key:value pair")),
                    (byte, false) => return Err(invalid(byte, "after array element")),
                }
            }
        }
    }

    fn bound(open: &[(Json, String)]) -> Result<(), JsonError> {
        if open.len() > MAX_DEPTH {
            Err(JsonError("exceeded max depth".into()))
        } else {
            Ok(())
        }
    }

    fn key(&mut self, place: &str) -> Result<String, JsonError> {
        match self.next()? {
            b'"' => {}
            byte => return Err(invalid(byte, place)),
        }
        let key = self.string()?;
        self.blanks();
        match self.next()? {
            b':' => Ok(key),
            byte => Err(invalid(byte, "after object key")),
        }
    }

    fn scalar(&mut self) -> Result<Json, JsonError> {
        match self.next()? {
            b'"' => Ok(Json::Text(self.string()?)),
            b't' => self.literal("true", Json::Bool(true)),
            b'f' => self.literal("false", Json::Bool(false)),
            b'n' => self.literal("null", Json::Null),
            byte @ (b'-' | b'0'..=b'9') => self.number(byte),
            byte => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        for wanted in word.bytes().skip(1) {
            let byte = self.next()?;
            if byte != wanted {
                return Err(invalid(
                    byte,
                    &format!("in literal {word} (expecting '{}')", wanted as char),
                ));
            }
        }
        Ok(value)
    }

    fn number(&mut self, first: u8) -> Result<Json, JsonError> {
        let start = self.at - 1;
        let mut lead = first;
        if first == b'-' {
            lead = self.next()?;
            if !lead.is_ascii_digit() {
                return Err(invalid(lead, "in numeric literal"));
            }
        }
        if lead != b'0' {
            self.digits();
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(Json::Number(
            String::from_utf8_lossy(&self.text[start..self.at]).into_owned(),
        ))
    }

    fn digits(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self, place: &str) -> Result<(), JsonError> {
        let byte = self.next()?;
        if !byte.is_ascii_digit() {
            return Err(invalid(byte, place));
        }
        self.digits();
        Ok(())
    }

    /// The rest of a string; what is no text becomes replacement characters.
    fn string(&mut self) -> Result<String, JsonError> {
        let mut bytes = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                b'\\' => {
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte if byte < 0x20 => return Err(invalid(byte, "in string literal")),
                byte => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        Ok(match self.next()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            byte @ (b'\\' | b'/' | b'"') => byte as char,
            b'u' => {
                let first = self.unit()?;
                let rest = self.text.get(self.at..self.at + 6);
                let low = rest
                    .filter(|rest| rest.starts_with(b"\\u"))
                    .and_then(|rest| str::from_utf8(&rest[2..]).ok());
                let low = low.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match (first, low) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        self.at += 6;
                        char::from_u32(0x10000 + ((first & 0x3ff) << 10 | low & 0x3ff))
                            .unwrap_or('\u{fffd}')
                    }
                    _ => char::from_u32(first).unwrap_or('\u{fffd}'),
                }
            }
            byte => return Err(invalid(byte, "in string escape code")),
        })
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let mut value = 0;
        for _ in 0..4 {
            let byte = self.next()?;
            match (byte as char).to_digit(16) {
                Some(digit) => value = value << 4 | digit,
                None => return Err(invalid(byte, "in \\u hexadecimal character escape")),
            }
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let value = parse(br#" {"a": [1, -2.5e3, "\u00e9\ud83d\ude00"], "b": {}} "#).unwrap();
        let list = vec![
            Json::Number("1".into()),
            Json::Number("-2.5e3".into()),
            Json::Text("é\u{1f600}".into()),
        ];
        assert_eq!(
            value,
            Json::Object(vec![
                ("a".into(), Json::List(list)),
                ("b".into(), Json::Object(vec![]))
            ])
        );
    }

    #[test]
    fn faults() {
        for (text, message) in [
            ("", "unexpected end of JSON input"),
            ("x", "invalid character 'x' looking for beginning of value"),
            (
                "not",
                "invalid character 'o' in literal null (expecting 'u')",
            ),
            (
                "{a",
                "invalid character 'a' looking for beginning of object key string",
            ),
            ("{\"a\" 1", "invalid character '1' after object key"),
            (
                "{\"a\":1 2",
                "invalid character '2' after object key:value pair",
            ),
            ("[1 2", "invalid character '2' after array element"),
            ("1 2", "invalid character '2' after top-level value"),
            ("\"\n", "invalid character '\\n' in string literal"),
            ("-x", "invalid character 'x' in numeric literal"),
            (
                "1.x",
                "invalid character 'x' after decimal point in numeric literal",
            ),
        ] {
            assert_eq!(
                parse(text.as_bytes()).unwrap_err().to_string(),
                message,
                "{text}"
            );
        }
        assert!(parse("[".repeat(20_000).as_bytes()).is_err());
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(parse(deep.as_bytes()).is_ok());
    }
}
