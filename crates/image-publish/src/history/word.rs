//! A word of the history that is validated when the document is read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A short plain word from a registry: the name of a step, a program's version. It has
/// no character that could break a table, a chart or a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Word(String);

impl TryFrom<String> for Word {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b" .+-".contains(&b);
        if text.is_empty() || text.len() > 40 || !text.bytes().all(plain) {
            let text = host::one_line(&text);
            return Err(format!("`{text}` is no plain word of 40 letters at most"));
        }
        Ok(Self(text))
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
