//! The generated config as JSON text, byte for byte as Butane 0.29.0 writes it with the
//! encoder of its Go: safe within HTML (`<`, `>`, `&`, U+2028 and U+2029 are escaped), and
//! with `\u0008` and `\u000c` in the long form.

use crate::schema::{Def, Kind};
use crate::tree::{Node, Value};

/// Writes the struct; `pretty` indents by two blanks. No line break at the end.
pub(crate) fn json(def: &'static Def, node: &Node, minor: u8, pretty: bool) -> String {
    let mut writer = Writer {
        out: String::new(),
        minor,
        pretty,
        depth: 0,
    };
    writer.structure(def, Some(node));
    writer.out
}

struct Writer {
    out: String,
    minor: u8,
    pretty: bool,
    depth: usize,
}

/// Whether a field is left out.
fn omitted(kind: Kind, node: Option<&Node>, minor: u8) -> bool {
    !matches!(kind, Kind::Required | Kind::Nullable) && empty(kind, node, minor)
}

/// Whether a value is the zero value of its type.
pub(crate) fn empty(kind: Kind, node: Option<&Node>, minor: u8) -> bool {
    let Some(node) = node else {
        return true;
    };
    match (kind, &node.value) {
        (Kind::Required | Kind::OmitEmptyText, Value::Text(text)) => text.is_empty(),
        (Kind::OmitZeroInt, value) => *value == Value::Int(0),
        (Kind::List(_) | Kind::Texts(_), Value::List(items)) => items.is_empty(),
        (Kind::Sub(def), _) => {
            let empty = |name, kind| empty(kind, node.get(name), minor);
            def.fields
                .iter()
                .filter(|field| field.in_ignition(minor))
                .all(|field| empty(field.name, field.kind))
        }
        _ => false,
    }
}

impl Writer {
    fn newline(&mut self) {
        if self.pretty {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }

    fn structure(&mut self, def: &'static Def, node: Option<&Node>) {
        self.out.push('{');
        self.depth += 1;
        let mut first = true;
        let minor = self.minor;
        for field in def.fields.iter().filter(|field| field.in_ignition(minor)) {
            let value = node.and_then(|node| node.get(field.name));
            if omitted(field.kind, value, self.minor) {
                continue;
            }
            if !first {
                self.out.push(',');
            }
            first = false;
            self.newline();
            self.out.push('"');
            self.out.push_str(field.name.json());
            self.out.push_str(if self.pretty { "\": " } else { "\":" });
            match value {
                Some(value) => self.value(field.kind, value),
                None if matches!(field.kind, Kind::Nullable) => self.out.push_str("null"),
                // Required text that is not set.
                None => self.out.push_str("\"\""),
            }
        }
        self.depth -= 1;
        if !first {
            self.newline();
        }
        self.out.push('}');
    }

    fn value(&mut self, kind: Kind, node: &Node) {
        match (&node.value, kind) {
            (Value::Bool(value), _) => self.out.push_str(if *value { "true" } else { "false" }),
            (Value::Int(value), _) => self.out.push_str(&value.to_string()),
            (Value::Text(text), _) => string(text, &mut self.out),
            (Value::Raw { bytes, .. }, _) => raw_string(bytes, &mut self.out),
            (Value::Fields(_), Kind::Sub(def) | Kind::Optional(def) | Kind::List(def)) => {
                self.structure(def, Some(node));
            }
            (Value::Fields(_), _) => self.out.push_str("{}"),
            (Value::List(items), kind) => {
                self.out.push('[');
                self.depth += 1;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.newline();
                    self.value(kind, item);
                }
                self.depth -= 1;
                if !items.is_empty() {
                    self.newline();
                }
                self.out.push(']');
            }
        }
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}

/// Bytes that are no text become escaped replacement characters.
fn raw_string(bytes: &[u8], out: &mut String) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        escape(chunk.valid(), out);
        for _ in chunk.invalid() {
            out.push_str("\\ufffd");
        }
    }
    out.push('"');
}

fn escape(text: &str, out: &mut String) {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let named = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            c if c < ' ' => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        if named.is_empty() {
            out.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            out.push_str(named);
        }
    }
    out.push_str(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{CONFIG, FILE};
    use crate::tree::{Name, PathId};

    #[test]
    fn order_and_omission() {
        let none = PathId::NONE;
        let file = Node::fields(
            vec![
                (Name::Mode, Node::int(420, none)),
                (Name::Path, Node::text("/a<", none)),
                (
                    Name::Contents,
                    Node::fields(
                        vec![(Name::HttpHeaders, Node::list(Vec::new(), none))],
                        none,
                    ),
                ),
                (
                    Name::Append,
                    Node::list(vec![Node::fields(Vec::new(), none)], none),
                ),
            ],
            none,
        );
        assert_eq!(
            json(&FILE, &file, 7, false),
            r#"{"path":"/a\u003c","append":[{}],"mode":420}"#
        );
        assert_eq!(
            json(&FILE, &file, 7, true),
            "{\n  \"path\": \"/a\\u003c\",\n  \"append\": [\n    {}\n  ],\n  \"mode\": 420\n}"
        );
        assert_eq!(
            json(&CONFIG, &Node::fields(Vec::new(), none), 7, true),
            "{}"
        );
    }

    #[test]
    fn escapes() {
        let mut out = String::new();
        string("\u{8}\u{c}\u{7f}\u{2028}\t\"\\é", &mut out);
        assert_eq!(out, "\"\\u0008\\u000c\u{7f}\\u2028\\t\\\"\\\\é\"");
        out.clear();
        raw_string(b"a\xff\xfeb", &mut out);
        assert_eq!(out, "\"a\\ufffd\\ufffdb\"");
    }
}
