//! Scalars to texts, numbers and booleans.

use std::rc::Rc;

use base64::Engine as _;

use super::Decoder;
use crate::tree::Value;
use crate::yaml::{Content, Fault, NodeId, Resolved, Tag, resolve};

impl Decoder<'_> {
    /// Tag, meaning and text of a scalar.
    pub(super) fn scalar(&self, id: NodeId) -> Result<(Tag, Resolved, Value), Fault> {
        let node = self.document.node(id);
        let text = self
            .document
            .scalar(id)
            .cloned()
            .unwrap_or_else(|| Rc::from(""));
        let resolved = resolve::tagged(&node.tag, &text)?;
        if node.tag == Tag::Binary {
            // Line breaks are part of the encoding, other blanks are not.
            let packed: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(packed) else {
                return Err(Fault::plain("!!binary value contains invalid base64 data"));
            };
            return Ok((Tag::Binary, resolved, Value::from_bytes(bytes)));
        }
        Ok((node.tag.clone(), resolved, Value::Text(text)))
    }

    /// Collections are no scalars.
    pub(super) fn collection_error(&mut self, id: NodeId, go: &str) -> bool {
        let document = self.document;
        match &document.node(id).content {
            Content::Sequence(_) => self.type_error(id, &Tag::Seq, go),
            Content::Mapping(items) => {
                if !self.duplicates(items) {
                    self.type_error(id, &Tag::Map, go);
                }
            }
            _ => return false,
        }
        true
    }

    pub(super) fn text(&mut self, id: NodeId, wanted: &str) -> Result<Option<Value>, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.collection_error(id, wanted) {
                return Ok(None);
            }
            let (_, resolved, text) = this.scalar(id)?;
            Ok((resolved != Resolved::Null).then_some(text))
        })
    }

    pub(super) fn int(&mut self, id: NodeId) -> Result<Option<i64>, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.collection_error(id, "int") {
                return Ok(None);
            }
            let (tag, resolved, _) = this.scalar(id)?;
            match resolved {
                Resolved::Null => Ok(None),
                Resolved::Int(value) => Ok(Some(value)),
                // What is out of range ends as the least number on the
                // processors that the reference runs on.
                Resolved::Float(value) if value < -I64_LIMIT || value == I64_LIMIT => {
                    Ok(Some(i64::MIN))
                }
                Resolved::Float(value) if value < I64_LIMIT => Ok(Some(value as i64)),
                _ => {
                    this.type_error(id, &tag, "int");
                    Ok(None)
                }
            }
        })
    }

    pub(super) fn bool(&mut self, id: NodeId) -> Result<Option<bool>, Fault> {
        self.count()?;
        self.follow(id, |this, id| {
            if this.collection_error(id, "bool") {
                return Ok(None);
            }
            let (tag, resolved, text) = this.scalar(id)?;
            let text = if let Value::Text(text) = &text {
                text
            } else {
                ""
            };
            match (&resolved, text) {
                (Resolved::Null, _) => Ok(None),
                (Resolved::Bool(value), _) => Ok(Some(*value)),
                (Resolved::Str, "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON") => {
                    Ok(Some(true))
                }
                (Resolved::Str, "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF") => {
                    Ok(Some(false))
                }
                _ => {
                    this.type_error(id, &tag, "bool");
                    Ok(None)
                }
            }
        })
    }
}

/// 2^63: floats from here on are out of range.
const I64_LIMIT: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use crate::testing::messages;

    #[test]
    fn numbers_and_booleans() {
        // A mode that is out of range shows that it was a number.
        for (mode, number) in [
            ("0x1ffff", true),
            ("99999.9", true),
            ("-9223372036854775809", true),
            ("~", false),
        ] {
            let found = messages(
                7,
                &format!("storage: {{files: [{{path: /a, mode: {mode}}}]}}"),
            );
            assert_eq!(!found.is_empty(), number, "{mode}: {found:?}");
        }
        for (text, set) in [("yes", true), ("'on'", true), ("N", false), ("true", true)] {
            let found = messages(
                7,
                &format!("storage: {{files: [{{path: /a, overwrite: {text}}}]}}"),
            );
            assert_eq!(!found.is_empty(), set, "{text}: {found:?}");
        }
    }
}
